// What people may do to a campaign. Each action asks in a dialog, and carries an optional reason.
import { toast } from "./app.js";
import { get, idempotencyKey, may, post } from "./api.js";
import { gauge } from "./chart.js";
import { h, icon, problem, render, skeleton } from "./dom.js";
import { besides, duration, estimated, number, percent, plural, rate, say } from "./format.js";

/// Returns the buttons for what the state allows; none without the scope `operate`. A subject is
/// `{id, name, status, type?, run?, failed?}`, where `status` is that of the run or campaign.
export function actionButtons(subject, changed) {
    if (!may("operate")) return null;
    const button = (word, act, kind = "") => h(
        "button",
        {
            type: "button", class: kind, key: word,
            "aria-label": `${word} ${subject.name}`,
            onclick: () => act(subject, changed),
        },
        word,
    );
    const isOpen = ["running", "paused", "launching"].includes(subject.status);
    const canSend = subject.isWhole && !isOpen && !["cancelled", "failed"].includes(subject.status) &&
        subject.type !== "module_initiated";
    const buttons = [
        subject.status === "running" && button("Pause", pause),
        subject.status === "paused" && button("Resume", resume, "primary"),
        (isOpen || subject.status === "scheduled") && button("Cancel", cancel, "danger"),
        canSend && button(subject.wasSent ? "Send again" : "Send", send, "primary"),
        subject.isWhole && !isOpen && subject.failed > 0 && button("Retry failed", retry),
        subject.isWhole && subject.status !== "cancelled" && button("Test send", testSend),
    ].filter(Boolean);
    return buttons.length ? h("div", { class: "actions", key: "actions" }, buttons) : null;
}

/// Opens a dialog. `act` gets the form's fields; while it runs the buttons are off, and its error is shown.
function ask({ title, word, kind = "primary", body, act, isReady = () => true }) {
    const state = { error: undefined, isBusy: false };
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
    const form = h("form", { method: "dialog", onsubmit: submit });
    const draw = () => render(
        form,
        h("h2", { id: "dialog-title" }, title),
        body(draw),
        state.error ? problem(state.error) : null,
        h("div", { class: "actions", key: "buttons" },
            h("button", { type: "button", key: "close", onclick: () => dialog.close() }, "Close"),
            h(
                "button",
                { class: kind, key: "act", disabled: state.isBusy || !isReady() },
                state.isBusy ? "Working…" : word,
            )),
    );
    async function submit(event) {
        event.preventDefault();
        if (state.isBusy || !isReady()) return;
        Object.assign(state, { isBusy: true, error: undefined });
        draw();
        try {
            await act(Object.fromEntries(new FormData(form)));
            dialog.close();
        } catch (error) {
            Object.assign(state, { isBusy: false, error });
            draw();
        }
    }
    const opener = document.activeElement;
    dialog.append(form);
    document.body.append(dialog);
    dialog.addEventListener("close", () => {
        dialog.remove();
        // The button may have been replaced by another one in the same place.
        (opener?.isConnected ? opener : document.querySelector("main h1"))?.focus();
    });
    draw();
    dialog.showModal();
    return draw;
}

const reasonField = () => h("div", { class: "field", key: "reason" },
    h("label", { for: "reason" }, "Reason ", h("span", { class: "muted" }, "(optional; shown with the campaign)")),
    h("input", { id: "reason", name: "reason", maxlength: 255, autocomplete: "off" }));

/// Returns the body of a request: without fields that were left empty.
const given = (fields) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value));

async function act(subject, verb, body, done, changed, headers) {
    const answer = await post(`/campaigns/${subject.id}/${verb}`, given(body), { headers });
    toast(done);
    changed?.();
    return answer;
}

function pause(subject, changed) {
    ask({
        title: `Pause ${subject.name}?`,
        word: "Pause",
        body: () => [
            h(
                "p",
                {},
                "All daemons stop within a second. Requests under way are finished. It goes on where it stopped.",
            ),
            reasonField(),
        ],
        act: ({ reason }) => act(subject, "pause", { reason }, `${subject.name} is paused.`, changed),
    });
}

function resume(subject, changed) {
    const isGuarded = subject.run?.waiting?.by?.startsWith("guard:");
    ask({
        title: `Resume ${subject.name}?`,
        word: "Resume",
        body: () => [
            h("p", {}, "It goes on where it was paused. Messages that failed stay failed."),
            isGuarded && h("div", { class: "field check", key: "guards" },
                h("input", { id: "guards", name: "ignoreGuards", type: "checkbox" }),
                h("label", { for: "guards" }, "Do not let the guards pause it again, although messages fail")),
            reasonField(),
        ],
        act: ({ reason, ignoreGuards }) => act(subject, "resume", { reason, ignoreGuards: ignoreGuards === "on" },
            `${subject.name} goes on.`, changed),
    });
}

function cancel(subject, changed) {
    let typed = "";
    ask({
        title: `Cancel ${subject.name} for good?`,
        word: "Cancel the campaign",
        kind: "danger",
        isReady: () => typed === subject.name,
        body: (draw) => [
            h("p", {}, "Messages that were not sent yet never are. A cancelled campaign stays cancelled."),
            h("div", { class: "field", key: "name" },
                h("label", { for: "typed" }, "Type ", h("code", {}, subject.name), " to confirm"),
                h("input", {
                    id: "typed", autocomplete: "off", spellcheck: "false", autofocus: true,
                    oninput: (event) => {
                        typed = event.target.value;
                        draw();
                    },
                })),
            reasonField(),
        ],
        act: ({ reason }) => act(subject, "cancel", { reason }, `${subject.name} is cancelled.`, changed),
    });
}

function retry(subject, changed) {
    const key = idempotencyKey();
    let errors;
    let failure;
    const draw = ask({
        title: `Send failed messages of ${subject.name} again?`,
        word: "Send them again",
        isReady: () => Boolean(errors),
        body: () => [
            h(
                "p",
                {},
                "Only messages that WhatsApp never accepted are sent again. A message whose answer was lost is not.",
            ),
            failure ? problem(failure) : errors ? h("fieldset", { key: "codes" },
                h("legend", {}, "Reasons"),
                errors.map(({
                    errorCode,
                    meaning,
                    errorMessage,
                    count,
                }) => h("div", { class: "field check", key: errorCode },
                    h("input", { id: `code-${errorCode}`, name: `code-${errorCode}`, type: "checkbox", checked: true }),
                    h(
                        "label",
                        { for: `code-${errorCode}` },
                        `${number(count)} × `,
                        h("code", {}, errorCode),
                        ` ${meaning ?? errorMessage}`,
                    )))) : skeleton(3),
        ],
        act: (fields) => {
            const codes = Object.keys(fields).map((name) => name.replace("code-", ""));
            const isAll = codes.length === errors.length;
            if (!codes.length) throw new Error("Choose at least one reason.");
            return act(subject, "retry", { codes: isAll ? undefined : codes },
                `Failed messages of ${subject.name} are sent again.`, changed, { "Idempotency-Key": key });
        },
    });
    get(`/campaigns/${subject.id}/errors`).then((found) => {
        errors = found;
        draw();
    }, (error) => {
        failure = error;
        draw();
    });
}

/// Counts the audience first: how many, whether the quota suffices, and how long it takes.
function send(subject, changed) {
    const key = idempotencyKey();
    const { campaign } = subject;
    let preview;
    let failure;
    let sender;
    const count = () => preview?.total ?? 0;
    const draw = ask({
        title: subject.wasSent ? `Send ${subject.name} once more?` : `Send ${subject.name}?`,
        word: subject.type === "event_triggered" ? "Start listening" : "Send",
        isReady: () => subject.type === "event_triggered" || Boolean(
            preview && (count() || preview.isEstimate) && preview.quotaCheck?.canProceed !== false
        ),
        body: () => [
            failure ? problem(failure) : preview ? outlook(preview, sender) : h("div", { key: "counting" },
                h("p", {}, "Counting the recipients…"), skeleton(3)),
            subject.wasSent
                ? h("p", { class: "muted" }, "It has been sent before. People who got it then get it again.")
                : null,
        ],
        act: () => act(subject, "send", { again: subject.wasSent || undefined },
            `${subject.name} is launched.`, changed, subject.wasSent ? { "Idempotency-Key": key } : undefined),
    });
    if (subject.type === "event_triggered") {
        preview = { total: 0, isListening: true };
        return draw();
    }
    const counted = get(`/campaigns/${subject.id}/audience`, { samples: 0 });
    Promise.all([counted, get("/senders")]).then(([found, { items }]) => {
        preview = found;
        sender = items.find(({ name }) => name === campaign.sender) ?? (items.length === 1 ? items[0] : undefined);
        draw();
    }, (error) => {
        failure = error;
        draw();
    });
}

function outlook(preview, sender) {
    if (preview.isListening) return h("p", {}, "It sends a message at each matching event from now on.");
    const quota = preview.quotaCheck?.quotaStatus;
    const left = quota?.remaining;
    const limit = sender?.limit;
    const row = (name, ...value) => h("div", { key: name }, h("dt", {}, name), h("dd", {}, ...value));
    return h("div", { key: "outlook" },
        h("dl", { class: "outlook" },
            row("Recipients", preview.isEstimate ? "about " : "",
                h("b", { "data-test": "recipients" }, number(preview.total)),
                preview.total ? ` · ${percent(preview.inWindow, preview.total)} in their free 24-hour window` : ""),
            quota && row("Quota", left === null || left === undefined ? "no limit"
                : `${plural(Math.min(left, preview.outOfWindow), "message")} of the ${number(left)} left`,
            left !== null && left !== undefined
                ? gauge(
                    preview.outOfWindow,
                    left,
                    "Part of the quota",
                    `${number(preview.outOfWindow)} of ${number(left)}`,
                )
                : null),
            limit && row("Takes about", h("b", {}, duration(preview.total / limit)), ` at ${rate(limit)} per second`,
                sender.openRuns ? `, after ${plural(sender.openRuns, "open run")} of ${sender.name}` : ""),
            preview.cost && row("Costs", h("b", { "data-test": "cost" }, estimated(preview.cost)),
                besides(preview.cost) ? ` · ${besides(preview.cost)}` : "")),
        Object.keys(preview.leftOut ?? {}).length ? h("p", { class: "muted" }, "Left out: ",
            Object.entries(preview.leftOut).map(
                ([why, count]) => `${number(count)} ${say(why)}`
            ).join(", "), ".") : null,
        preview.quotaCheck?.warning
            ? h("p", { class: "notice warning" }, icon("waiting"), preview.quotaCheck.warning)
            : null,
        preview.isEstimate
            ? h("p", { class: "muted" }, "Estimated from a part of the contacts: there are too many to count here. Sending counts them all.")
            : null,
        preview.total === 0 && !preview.isEstimate
            ? h(
                "p",
                { class: "notice warning" },
                icon("waiting"),
                "Nobody is in its audience now. Change the audience, or import contacts.",
            )
            : null);
}

function testSend(subject, changed) {
    ask({
        title: `Send a test of ${subject.name}`,
        word: "Send the test",
        body: () => [
            h(
                "p",
                {},
                "Goes to people in the tenant's ",
                h("code", {}, "testRecipients"),
                " only, and is in no statistics.",
            ),
            h("div", { class: "field", key: "to" },
                h("label", { for: "to" }, "Phone numbers, with commas between them"),
                h(
                    "input",
                    { id: "to", name: "to", required: true, autocomplete: "off", placeholder: "+254712345678" },
                )),
            reasonField(),
        ],
        act: ({ to, reason }) => act(subject, "test", { to: to.split(/[,;\s]+/).filter(Boolean), reason },
            `The test of ${subject.name} is on its way.`, changed),
    });
}

/// Asks before a test is cancelled.
export function cancelTest(subject, test, changed) {
    ask({
        title: `Cancel the test of ${subject.name}?`,
        word: "Cancel the test",
        kind: "danger",
        body: () => [
            h("p", {}, "Its messages that were not sent yet never are. The campaign is not touched."),
            reasonField(),
        ],
        act: ({ reason }) => act(subject, `tests/${test.id}/cancel`, { reason },
            `The test of ${subject.name} is cancelled.`, changed),
    });
}
