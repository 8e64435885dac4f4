// One campaign: its pace over time, what became of its recipients, its failures, runs, message, spec and log.
import { actionButtons } from "./actions.js";
import { every, follow } from "./app.js";
import { get } from "./api.js";
import "./chart.js";
import { h, icon, panel, render } from "./dom.js";
import { live } from "./events.js";
import { away, capital, duration, number, percent, say, time } from "./format.js";
import { phone } from "./phone.js";
import { messageLog } from "./messages.js";
import { done, fact, pace, pill, progress, quota, reason } from "./states.js";
import { costs } from "./costs.js";
import { hasOpenTest, isOpen, part, runLimit, runs, tests, zones } from "./runs.js";
import { specText } from "./spec.js";

export async function mount(main, [id], signal) {
    const state = { id, parts: {}, chosen: undefined, page: 1 };
    let draw = () => {};

    /// Loads one part; a failure of one leaves the others alone.
    const part = async (name, path, query) => {
        try {
            const value = await get(path, query, signal);
            state.parts[name] = { value };
        } catch (error) {
            if (error.name === "AbortError") return;
            state.parts[name] = state.parts[name]?.value ? state.parts[name] : { error };
        }
        draw();
    };
    const campaign = await get(`/campaigns/${id}`, undefined, signal);
    state.campaign = campaign;
    const loadNumbers = async () => {
        const chosen = run(state)?.id;
        await Promise.all([
            part("errors", `/campaigns/${id}/errors`, { run: chosen }),
            part("funnel", `/campaigns/${id}/funnel`, { run: chosen }),
            chosen && part("costs", `/campaigns/${id}/costs`, { run: chosen }),
            chosen && part("series", `/runs/${chosen}/series`),
        ]);
    };
    const load = async () => {
        await Promise.all([
            get(`/campaigns/${id}`, undefined, signal).then((found) => (state.campaign = found), () => {}),
            part("runs", `/campaigns/${id}/runs`, { limit: runLimit, page: 1 }),
            part("tests", `/campaigns/${id}/tests`, { limit: 5 }),
            state.page > 1 && part("olderRuns", `/campaigns/${id}/runs`, { limit: runLimit, page: state.page }),
        ]);
        await loadNumbers();
    };
    state.choose = (chosen) => {
        state.chosen = chosen;
        state.parts.series = state.parts.costs = undefined;
        draw();
        loadNumbers();
    };
    state.turn = (to) => {
        state.page = to;
        state.parts.olderRuns = undefined;
        load();
    };
    state.sample = 0;
    state.chooseSample = (sample) => {
        state.sample = sample;
        draw();
    };
    state.reload = load;
    state.examples = new Map();
    state.toggleExamples = async (code) => {
        if (state.examples.has(code)) state.examples.delete(code);
        else {
            state.examples.set(code, undefined);
            draw();
            try {
                const query = { errorCode: code, limit: 5, run: run(state)?.id };
                state.examples.set(code, { value: (await get(`/campaigns/${id}/messages`, query, signal)).items });
            } catch (error) {
                state.examples.set(code, { error });
            }
        }
        draw();
    };
    const log = messageLog(campaign, signal, () => draw());
    draw = () => page(main, state, log);
    part("spec", `/campaigns/${id}/spec`);
    if (campaign.templateId) part("template", `/templates/${campaign.templateId}`);
    part("render", `/campaigns/${id}/render`, { count: 3 });
    await load();
    log.load();
    // WhatsApp reports what was delivered and read after the end of a run, too.
    every(10, signal, () => (isOpen(run(state)) || liveRun(state) || hasOpenTest(state)) && load());
    let wasOpen = isOpen(run(state));
    follow(signal, () => {
        const current = liveRun(state);
        // A run that was opened, paused or ended elsewhere has other actions, marks and failures.
        const mark = current ? `${current.id} ${current.status}` : "";
        if (state.mark !== undefined && mark !== state.mark) load();
        state.mark = mark;
        if (wasOpen !== isOpen(run(state))) {
            wasOpen = !wasOpen;
            log.load();
        }
        draw();
    });
}

function liveRun(state) {
    return [...live.runs.values()].filter(({ campaignId }) => campaignId === state.id)
        .sort((one, other) => other.createdAt.localeCompare(one.createdAt))[0];
}

/// The run that the page is about: the chosen one, else the latest; with its live numbers if it has some.
function run(state) {
    const runs = state.parts.runs?.value?.items ?? [];
    const found = state.chosen ? runs.find(({ id }) => id === state.chosen) : runs[0];
    const current = state.chosen ? live.runs.get(state.chosen) : liveRun(state);
    if (!found || (current && current.id !== found.id && !state.chosen)) return current ?? found;
    return current ? { ...found, ...current, leftOut: found.leftOut, estimatedCost: found.estimatedCost } : found;
}

function page(main, state, log) {
    const { campaign, parts } = state;
    const current = run(state);
    const failed = current?.messages?.failed ?? 0;
    const status = isOpen(current) && !state.chosen ? current.status : campaign.status;
    render(
        main,
        h(
            "nav",
            { class: "crumbs", key: "crumbs", "aria-label": "Breadcrumb" },
            h("a", { href: "/ui/campaigns" }, "Campaigns"),
            icon("next"),
            h("span", {}, campaign.name),
        ),
        h("header", { class: "heading", key: "heading" },
            h("div", {},
                h("h1", { key: "title", tabindex: -1 }, campaign.title ?? campaign.name),
                h("p", { class: "muted subtitle" }, pill(status, current?.waiting),
                    " ", [
                        campaign.name,
                        `started ${say(campaign.type)}`,
                        campaign.sender,
                    ].filter(Boolean).join(" · "))),
            actionButtons({
                ...campaign, campaign, status, run: current, failed, isWhole: true, wasSent: Boolean(
                    parts.runs?.value?.total
                ),
            }, state.reload)),
        campaign.managedBy ? h("p", {
            class: "owned",
            key: "owned",
        }, icon("file"), "Its content is read-only here. Edit ",
            h(
                "code",
                { class: "path" },
                campaign.sourceFile ?? "its spec file",
            ), " and apply it with ", h("code", {}, "reconcile"), ".") : null,
        current
            ? overview(state, current)
            : panel("No run yet", { key: "no-run" }, h("p", { class: "empty" }, neverSent(campaign))),
        current ? chart(state, current) : null,
        h(
            "div",
            { class: "columns", key: "columns" },
            current ? funnel(parts.funnel) : null,
            current ? failures(state) : null,
            current ? costs(parts.costs, current) : null,
        ),
        h("div", { class: "columns", key: "content" },
            panel(
                "The message",
                {
                    key: "message",
                    hint: parts.render?.value ? "As recipients see it" : "Placeholders are filled for each recipient",
                },
                phone(campaign, parts.template?.value, parts.render?.value, state.sample, state.chooseSample),
            ),
            panel("Spec as applied", { key: "spec" }, part(parts.spec, specText))),
        runs(state),
        tests(state),
        log.draw(parts.runs?.value?.items ?? []),
    );
}

function neverSent(campaign) {
    if (campaign.type === "event_triggered") {
        return `It waits for the event ${campaign.triggerType ?? ""}. A run opens at the first one.`;
    }
    if (campaign.type === "module_initiated") return "A module sends it through the API, to one contact or many.";
    if (campaign.type === "scheduled") return "Its schedule opens the first run. The calendar shows when.";
    return "It was never sent. Send it with the button above, or with campaignd send.";
}

function overview(state, current) {
    const sender = [...live.senders.values()].find(({ name }) => name === current.sender);
    const runs = state.parts.runs?.value?.items ?? [];
    const taken = current.completedAt && current.startedAt && (
        new Date(current.completedAt) - new Date(current.startedAt)
    ) / 1_000;
    return panel(isOpen(current) ? "This run" : "Latest run", {
        key: "run",
        actions: runs.length > 1 ? h("label", {}, "Run ", h("select", {
            onchange: (event) => state.choose(event.target.value || undefined),
        },
            runs.map(
                (found, index) => h(
                    "option",
                    { value: index ? found.id : "", key: found.id },
                    `${index ? "" : "latest, "}${found.createdAt.slice(0, 16).replace("T", " ")} UTC`,
                )
            ))) : null,
    },
    reason(current.waiting),
    h("div", { class: "row wide" },
        progress(current),
        isOpen(current) && current.limit ? pace(current.rate, current.limit) : null,
        isOpen(current) ? quota(sender?.quota) : null),
    h("dl", { class: "facts" },
        fact("Started", time(current.startedAt ?? current.createdAt, { seconds: true })),
        current.completedAt
            ? fact("Ended", time(current.completedAt, { seconds: true }))
            : fact("Done", current.estimatedCompletionAt
            ? [time(current.estimatedCompletionAt), ` (${away(current.estimatedCompletionAt)})`] : "not known"),
        taken > 0 ? fact("Took", `${duration(taken)}, ${number(done(current.messages) / taken)} per second`) : null,
        current.replied !== undefined ? fact("Replied", number(current.replied)) : null,
        current.tapped !== undefined ? fact("Tapped", number(current.tapped)) : null,
        current.optedOut !== undefined ? fact("Opted out", number(current.optedOut)) : null,
        current.quietUntil ? fact("Quiet hours", ["until ", time(current.quietUntil)]) : null),
    zones(current));
}

function chart(state, current) {
    return panel("Messages over time", {
        key: "chart",
        hint: "What WhatsApp accepted and reported, minute by minute, against the limit of the sender",
    },
        part(state.parts.series, (series) => series.points.length
            ? h("time-chart", { key: current.id, ".data": {
                label: "Messages per minute", unit: "messages per minute", points: series.points, marks: series.marks,
                limit: series.limit * 60, stepMinutes: series.stepSeconds / 60, from: series.from, to: isOpen(current)
                    ? new Date().toISOString()
                    : undefined,
                series: [
                    { name: "accepted", title: "Accepted", kind: "bar" },
                    { name: "delivered", title: "Delivered", kind: "line" },
                    { name: "read", title: "Read", kind: "line" },
                    { name: "failed", title: "Failed", kind: "line" },
                ],
            } })
            : h(
                "p",
                { class: "empty" },
                "No message was sent yet. The first minute appears here as soon as WhatsApp accepts one.",
            )));
}

const stepNames = {
    audience: "In the audience", recipients: "Recipients", accepted: "Accepted by WhatsApp", delivered: "Delivered",
    read: "Read", replied: "Replied",
};

function funnel(loaded) {
    return panel("From audience to read", {
        key: "funnel",
        hint: "Each loss is named",
    }, part(loaded, ({ steps, losses }) => {
        if (!steps.length) return h("p", { class: "empty" }, "It was never sent.");
        const first = Math.max(1, ...steps.map(({ count }) => count));
        return h("ol", { class: "funnel" }, steps.map((step, index) => h("li", { key: step.name },
            h("div", { class: "step" },
                h("span", { class: "name" }, stepNames[step.name]),
                h("span", { class: "value" },
                    h("b", { "data-test": `funnel-${step.name}` }, number(step.count)),
                    index ? h("span", { class: "muted" }, ` ${percent(step.count, steps[index - 1].count)}`) : ""),
                h("div", { class: "track", "aria-hidden": "true" },
                    h("span", { style: { width: `${(step.count / first) * 100}%` } }))),
            h("ul", { class: "losses" }, losses.filter(({ after }) => after === step.name).map(loss)))));
    }));
}

/// Losses that may still become successes, with their words.
const unfinished = {
    pending: "waiting", queued: "queued", sending: "being sent", unconfirmed: "unconfirmed: the answer was lost",
    notDelivered: "not delivered yet", notRead: "not read, as far as is known",
};

function loss({ reason, count, detail }) {
    const isCode = /^\d+$/.test(reason);
    const text = unfinished[reason] ?? (isCode ? detail ?? "" : say(reason));
    return h("li", { key: reason },
        h("span", { class: `swatch bar ${reason in unfinished ? "" : "s-failed"}`, "aria-hidden": "true" }),
        h("b", {}, `−${number(count)}`), isCode ? h("code", {}, reason) : null, h("span", {}, text));
}

const scopes = {
    message: "one text", recipient: "one recipient", campaign: "the whole campaign", sender: "the whole sender",
    account: "the whole account", unknown: "not said",
};

function failures(state) {
    return panel("Failures by reason", { key: "failures" }, part(state.parts.errors, (errors) => errors.length
        ? h("ul", { class: "errors" }, errors.map((error) => {
            const code = error.errorCode;
            const examples = state.examples.get(code);
            return h("li", { key: code },
                h(
                    "div",
                    { class: "error-head" },
                    h("b", {}, number(error.count)),
                    h("code", {}, code),
                    h("strong", {}, error.meaning ?? error.errorMessage),
                ),
                error.meaning && error.errorMessage
                    ? h("p", { class: "muted" }, `WhatsApp: “${error.errorMessage}”`)
                    : null,
                h(
                    "p",
                    {},
                    h("span", { class: "tag" }, `concerns ${scopes[error.scope] ?? say(error.scope)}`),
                    ` ${capital(error.remedy)}.`,
                ),
                h("button", {
                    type: "button", class: "quiet", key: "examples", "aria-expanded": state.examples.has(code)
                        ? "true"
                        : "false",
                    onclick: () => state.toggleExamples(code),
                }, state.examples.has(code) ? "Hide examples" : "Five examples"),
                state.examples.has(code) ? part(examples, exampleList) : null);
        }))
        : h("p", { class: "empty" }, "No message of this run has failed.")));
}

function exampleList(messages) {
    return h("ul", { class: "examples" }, messages.map((message) => h("li", { key: message.id },
        h("code", {}, message.recipientPhone), " ", time(message.failedAt, { seconds: true }),
        message.waMessageId ? h("code", { class: "muted path" }, message.waMessageId) : "")));
}
