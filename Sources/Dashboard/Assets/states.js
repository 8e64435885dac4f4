// What runs and campaigns are doing, in words, shapes and bars; shared by several pages.
import { gauge, parts } from "./chart.js";
import { h, icon } from "./dom.js";
import { actor, away, capital, number, percent, plural, rate, say, since, time } from "./format.js";

/// Returns the state as a word with a shape. A running run that waits says so.
export function pill(status, waiting) {
    let [sign, name, word] = [status, status, status];
    if (status === "running" && waiting && waiting.reason !== "moving") {
        [sign, name, word] = [waiting.reason === "quiet_hours" ? "quiet" : "waiting", "waiting", "waiting"];
    }
    return h("span", { class: `pill ${name}` }, icon(sign), capital(word));
}

/// Returns why a run does not send, who stopped it, and until when.
export function reason(waiting) {
    if (!waiting || waiting.reason === "moving") return null;
    const isStopped = waiting.reason === "paused";
    return h(
        "p",
        { class: "reason" },
        h("strong", {}, capital(say(waiting.reason))),
        isStopped && waiting.by ? ` by ${actor(waiting.by)}` : "",
        waiting.detail && !same(waiting) ? `: ${waiting.detail}` : "",
        ". ",
        waiting.until
            ? ["Until ", time(waiting.until), ` (${away(waiting.until)}).`]
            : [
                isStopped ? "Until someone resumes it. " : "",
                Date.now() - new Date(waiting.since) > 5_000 ? `For ${since(waiting.since)}.` : "",
            ],
    );
}

/// Whether the detail only repeats the reason in other words.
function same({ reason, detail }) {
    return detail.toLowerCase().startsWith(say(reason)) || detail.toLowerCase().endsWith(say(reason));
}

/// The parts of a run in the order of their bar. Each message counts once.
export function segments(messages) {
    const waiting = (messages.pending ?? 0) + (messages.queued ?? 0) + (messages.sending ?? 0);
    return [
        { name: "read", title: "Read", count: messages.read ?? 0 },
        { name: "delivered", title: "Delivered", count: messages.delivered ?? 0 },
        { name: "accepted", title: "Accepted", count: messages.sent ?? 0 },
        { name: "unconfirmed", title: "Unconfirmed", count: messages.unconfirmed ?? 0 },
        { name: "failed", title: "Failed", count: messages.failed ?? 0 },
        { name: "cancelled", title: "Cancelled", count: messages.cancelled ?? 0 },
        { name: "rest", title: "To do", count: waiting },
    ];
}

/// Messages of a run with which nothing is left to do.
export function done(messages) {
    return segments(messages).filter(({ name }) => name !== "rest").reduce((sum, { count }) => sum + count, 0);
}

/// Returns the bar of a run, with its numbers below.
export function progress(run) {
    const all = Math.max(run.recipientCount ?? 0, run.status === "launching" ? run.expectedCount ?? 0 : 0);
    const shown = segments(run.messages);
    return h(
        "div",
        { class: "progress", key: "progress" },
        parts(shown.filter(({ name }) => name !== "rest"), all, "Messages"),
        h("p", { class: "progress-text" },
            h("strong", { "data-test": "done" }, number(done(run.messages))), ` of ${plural(all, "message")} done`,
            h("span", { class: "muted" }, all ? percent(done(run.messages), all) : "")),
        h("ul", { class: "counts" }, shown.filter(({ count, name }) => count > 0 || name === "failed").map(
            ({ name, title, count }) => h("li", { key: name },
                h("span", { class: `swatch bar s-${name}`, "aria-hidden": "true" }), `${title} `,
                h("b", { "data-test": name }, number(count))),
        )),
    );
}

/// Returns the pace of a run or sender against its limit.
export function pace(value, limit, label = "Pace") {
    const text = `${rate(value ?? 0)} of ${rate(limit)} per second`;
    return h("div", { class: "measure" },
        h("span", { class: "label" }, label),
        h("span", { class: "value" }, h("b", {}, rate(value ?? 0)), ` / ${rate(limit)} per s`),
        gauge(value ?? 0, limit, label, text, false));
}

/// Returns the used part of a 24-hour quota.
export function quota(state) {
    if (!state) return null;
    const limit = state.limit ?? undefined;
    return h("div", { class: "measure" },
        h("span", { class: "label" }, "24-hour quota"),
        h("span", { class: "value" }, h("b", {}, number(state.used)), limit ? ` / ${number(limit)}` : " (no limit)"),
        limit ? gauge(state.used, limit, "24-hour quota", `${number(state.used)} of ${number(limit)} used`) : null);
}

/// Returns a name and its value for a list of facts.
export const fact = (name, ...value) => h("div", { key: name }, h("dt", {}, name), h("dd", {}, ...value));

/// The link to a campaign.
export const campaignLink = (id, text) => h("a", { href: `/ui/campaigns/${id}` }, text);
