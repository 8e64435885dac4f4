// What is going on now: open runs, senders, daemons, alarms, and what starts next.
import { announce, every, follow } from "./app.js";
import { actionButtons } from "./actions.js";
import { get } from "./api.js";
import { sparkline } from "./chart.js";
import { h, icon, panel, problem, render, skeleton } from "./dom.js";
import { live } from "./events.js";
import { away, capital, number, plural, rate, say, since, time } from "./format.js";
import { campaignLink, fact, pace, pill, progress, quota, reason } from "./states.js";

const isOpen = (run) => !run.completedAt && ["launching", "running", "paused"].includes(run.status);
const byStart = (one, other) => (other.startedAt ?? other.createdAt).localeCompare(one.startedAt ?? one.createdAt);

export async function mount(main, _, signal) {
    let schedules;
    const load = async () => {
        try {
            schedules = (await get("/schedules", { days: 7 }, signal)).items;
        } catch {
            // The rest of the page does not need it.
            schedules ??= [];
        }
    };
    load();
    every(60, signal, load);
    follow(signal, () => draw(main, schedules));
}

function draw(main, schedules) {
    const title = h("h1", { key: "title", tabindex: -1 }, "Now");
    if (!live.hasSnapshot) {
        const refused = live.refusal && { title: "The daemon gives no live state now", message: live.refusal };
        return render(main, title, refused ? problem(refused) : skeleton(6));
    }
    const runs = [...live.runs.values()].sort(byStart);
    const open = runs.filter(isOpen);
    const ended = runs.filter((run) => !isOpen(run));
    render(
        main,
        title,
        summary(open, schedules),
        alarms(),
        panel("Open runs", { key: "runs", hint: open.length ? `${plural(open.length, "run")}, newest first` : null },
            open.length ? h("div", { class: "cards" }, open.map(card)) : nothing(schedules)),
        ended.length
            ? panel("Ended within ten minutes", { key: "ended" }, h("div", { class: "cards" }, ended.map(card)))
            : null,
        senders(),
        h("div", { class: "columns", key: "columns" }, next(schedules), daemons()),
    );
    const moving = open.filter((run) => run.rate > 0);
    announce(`${plural(open.length, "open run")}, ${moving.length} sending, ${plural(live.alarms.size, "alarm")}.`);
}

/// The answer to the first question: is it going well, and when is it over?
function summary(open, schedules) {
    const speed = open.reduce((sum, run) => sum + (run.rate ?? 0), 0);
    const limit = [...live.senders.values()].reduce((sum, sender) => sum + (sender.limit ?? 0), 0);
    const waiting = open.filter((run) => run.status === "paused" || (run.waiting && run.waiting.reason !== "moving"));
    const left = open.reduce((sum, { messages }) => sum + messages.pending + messages.queued + messages.sending, 0);
    const ends = open.map((run) => run.estimatedCompletionAt).filter(Boolean).sort();
    const coming = upcoming(schedules)[0];
    const tile = (name, value, detail) => h("div", { class: "tile", key: name },
        h("dt", {}, name), h("dd", {}, h("b", {}, value), h("span", {}, detail)));
    return h("dl", { class: "tiles", key: "summary" },
        tile("Sending", `${rate(speed)} / s`, limit ? `of ${rate(limit)} that WhatsApp allows` : "no sender yet"),
        tile(
            "Open runs",
            number(open.length),
            waiting.length ? `${waiting.length} waiting or paused` : "none is waiting",
        ),
        tile(
            "To do",
            number(left),
            left ? plural(left, "message").replace(/^\S+ /, "") + " not sent yet" : "every message is sent",
        ),
        tile(
            "Done",
            ends.length ? time(ends.at(-1)) : "–",
            ends.length ? away(ends.at(-1)) : open.length ? "not while runs are paused" : "nothing is open",
        ),
        tile(
            "Next start",
            coming ? time(coming.at) : "–",
            coming ? coming.campaign : "nothing is scheduled within a week",
        ));
}

function alarms() {
    const all = [...live.alarms.values()].sort((one, other) => one.severity.localeCompare(other.severity));
    if (!all.length) return null;
    return h("section", { class: "alarms", key: "alarms", "aria-label": "Alarms" }, all.map((alarm) => h(
        "div",
        { class: `notice ${alarm.severity}`, key: alarm.code },
        icon("failed"),
        h("div", {},
            h("strong", {}, `${capital(alarm.severity)}: ${alarm.title}`),
            h("p", {}, alarm.detail, alarm.since ? ` For ${since(alarm.since)}.` : "")),
    )));
}

function card(run) {
    const sender = live.senders.get(run.senderId) ?? [...live.senders.values()].find(({ name }) => name === run.sender);
    const name = run.title ?? run.campaign;
    const accepted = run.minutes;
    return h(
        "article",
        { class: `card ${run.status}`, key: run.id, "aria-label": name, "data-run": run.id },
        h("header", {},
            h("h3", {}, campaignLink(run.campaignId, name)),
            pill(run.status, run.waiting)),
        h("p", { class: "muted subtitle" }, run.campaign, run.schedule ? ` · by schedule ${run.schedule}` : "", " · ",
            run.sender, run.completedAt
                ? [" · ended ", time(run.completedAt, { seconds: true })]
                : [" · since ", time(run.startedAt ?? run.createdAt)]),
        reason(run.waiting),
        progress(run),
        isOpen(run) ? h("div", { class: "row" },
            pace(run.rate, run.limit),
            accepted ? h("div", { class: "measure" },
                h("span", { class: "label" }, "Last 10 min"),
                h("span", { class: "value" }, h("b", {}, number(accepted.reduce((sum, count) => sum + count, 0)))),
                sparkline(accepted, (run.limit ?? 0) * 60, "Accepted per minute, oldest first")) : null) : null,
        isOpen(run) ? h("dl", { class: "facts" },
            fact("Done", run.estimatedCompletionAt
                ? [time(run.estimatedCompletionAt), ` (${away(run.estimatedCompletionAt)})`]
                : run.status === "paused" ? "not while it is paused" : "not known yet"),
            run.share !== undefined ? fact("Share of the sender", `${Math.round(run.share * 100)} %`) : null,
            sender?.quota
                ? fact("Quota left", sender.quota.remaining === undefined ? "no limit" : number(sender.quota.remaining))
                : null,
            run.quietUntil ? fact("Quiet hours", ["until ", time(run.quietUntil)]) : null) : null,
        actionButtons({ id: run.campaignId, name: run.campaign, status: run.status, run }),
    );
}

function nothing(schedules) {
    const coming = upcoming(schedules)[0];
    return h("div", { class: "empty", key: "nothing" },
        h("p", {}, h("strong", {}, "Nothing is being sent. ")),
        coming
            ? h(
                "p",
                {},
                "Next: ",
                campaignLink(coming.campaignId, coming.campaign),
                ", ",
                time(coming.at),
                ` (${away(coming.at)}).`,
            )
            : h("p", {}, "Launch a campaign with ", h("code", {}, "campaignd send NAME"), ", or from its page under ",
                h("a", { href: "/ui/campaigns" }, "Campaigns"), "."));
}

function senders() {
    const all = [...live.senders.values()].sort((one, other) => one.name.localeCompare(other.name));
    return panel("Senders", {
        key: "senders",
        hint: all.length ? "What each number may send, and what holds it up" : null,
    },
        all.length ? all.map(strip) : h("p", { class: "empty" }, "This tenant has no sender. Add a file with ",
            h("code", {}, "kind: Sender"), " and apply it with ", h("code", {}, "reconcile"), "."));
}

/** What WhatsApp says of a number: its last event, or its quality as it was read, and its limit. */
function health(sender) {
    const quality = sender.numberQuality && sender.numberQuality !== "UNKNOWN" ? sender.numberQuality : sender.quality;
    const tier = sender.messagingTier?.replace("TIER_", "").toLowerCase();
    return [quality && `quality ${quality.toLowerCase()}`, tier && `limit ${tier}`]
        .filter(Boolean).map((text) => ` · ${text}`).join("");
}

function strip(sender) {
    const isSilenced = sender.silencedUntil && new Date(sender.silencedUntil) > new Date();
    const trouble = [
        isSilenced && [
            "WhatsApp asked for silence until ",
            time(sender.silencedUntil, { seconds: true }),
            ` (${away(sender.silencedUntil)})`,
        ],
        sender.circuit && sender.circuit !== "closed" && [
            `Circuit breaker ${say(sender.circuit)}: WhatsApp does not answer`,
        ],
        sender.restriction && [`Restricted by WhatsApp: ${sender.restriction}`],
        sender.numberStatus && sender.numberStatus !== "CONNECTED" && [
            `The number is ${sender.numberStatus.toLowerCase()} at WhatsApp`,
        ],
        sender.waiting && !["moving", "rate_limited"].includes(sender.waiting.reason) && [
            capital(say(sender.waiting.reason)), sender.waiting.until ? [" until ", time(sender.waiting.until)] : ""],
    ].filter(Boolean);
    return h("article", { class: "strip", key: sender.id, "aria-label": `Sender ${sender.name}` },
        h("div", { class: "who" },
            h("h3", {}, sender.name),
            h(
                "p",
                { class: "muted" },
                sender.displayPhoneNumber ?? "",
                health(sender),
            ),
            trouble.length
                ? trouble.map((text) => h("p", { class: "trouble" }, icon("waiting"), h("span", {}, text)))
                : h("p", { class: "fine" }, icon("completed"), sender.rate > 0 ? "Sending" : "Ready")),
        pace(sender.rate, sender.limit, "Slots used"),
        quota(sender.quota),
        h("dl", { class: "facts" },
            fact("Ready", number(sender.ready)),
            fact("Delayed", number(sender.delayed)),
            fact("In flight", number(sender.held)),
            fact("Oldest", sender.oldestAt ? since(sender.oldestAt) : "–"),
            fact("Runs", number(sender.openRuns ?? 0))));
}

function daemons() {
    const all = [...live.daemons.values()].sort((one, other) => one.startedAt.localeCompare(other.startedAt));
    return panel("Daemons", { key: "daemons" }, all.length
        ? h("ul", { class: "list" }, all.map((daemon) => h("li", { key: daemon.id },
            h(
                "span",
                { class: daemon.isLive ? "fine" : "trouble" },
                icon(daemon.isLive ? "completed" : "offline"),
                daemon.isLive ? "Live" : "Gone",
            ),
            h("code", { title: daemon.id }, daemon.id.slice(0, 8)),
            h("span", { class: "muted" }, `version ${daemon.version} · started `, time(daemon.startedAt),
                daemon.isLive ? "" : [" · last seen ", time(daemon.lastSeen, { seconds: true })]))))
        : h("p", { class: "empty" }, "No daemon has reported. Start one with ", h("code", {}, "campaignd run"), "."));
}

/// The next starts of all schedules, soonest first.
function upcoming(schedules) {
    return (schedules ?? []).filter(({ isActive }) => isActive)
        .flatMap((schedule) => schedule.next.map((start) => ({ ...schedule, ...start })))
        .filter(({ at }) => new Date(at) > new Date())
        .sort((one, other) => one.at.localeCompare(other.at));
}

function next(schedules) {
    const all = upcoming(schedules).slice(0, 6);
    return panel("What comes next", {
        key: "next",
        actions: h("a", { href: "/ui/calendar" }, "Calendar"),
    }, schedules === undefined
        ? skeleton(3)
        : all.length
            ? h("ul", { class: "list" }, all.map((start) => h("li", { key: `${start.id}${start.at}` },
                h("span", { class: "when" }, time(start.at)),
                campaignLink(start.campaignId, start.campaign),
                h("span", { class: "muted" }, away(start.at),
                    start.expectedRecipients === undefined
                        ? ""
                        : ` · about ${number(start.expectedRecipients)} recipients`))))
            : h(
                "p",
                { class: "empty" },
                "No schedule fires within a week. Add one with ",
                h("code", {}, "kind: Schedule"),
                " in a spec file.",
            ));
}
