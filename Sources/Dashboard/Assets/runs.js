// The runs and tests of a campaign, and the time zones of a run.
import { cancelTest } from "./actions.js";
import { may } from "./api.js";
import { h, pager, panel, problem, skeleton, table } from "./dom.js";
import { actor, away, capital, number, plural, say, time } from "./format.js";
import { pill } from "./states.js";

export const runLimit = 20;

export const isOpen = (found) => Boolean(found) && ["launching", "running", "paused"].includes(found.status);

/// Returns a part of the page as far as it is loaded.
export function part(loaded, show) {
    if (!loaded) return skeleton(4);
    return loaded.error ? problem(loaded.error) : show(loaded.value);
}

export function runs(state) {
    return panel("Runs", {
        key: "runs",
        hint: state.parts.runs?.value ? plural(state.parts.runs.value.total, "run") : null,
    }, part(state.page > 1 ? state.parts.olderRuns : state.parts.runs, ({ items, total }) => [table("Runs", [
        { title: "Opened", cell: ({ createdAt }) => time(createdAt, { always: true }) },
        { title: "State", cell: (found) => pill(found.status, found.waiting) },
        { title: "Revision", isNumber: true, cell: ({ revision }) => revision },
        { title: "Recipients", isNumber: true, cell: ({ recipientCount }) => number(recipientCount) },
        { title: "Read", isNumber: true, cell: ({ messages }) => number(messages.read) },
        { title: "Failed", isNumber: true, cell: ({ messages }) => number(messages.failed) },
        { title: "Ended", cell: ({ completedAt }) => time(completedAt) },
        { title: "Who did what", cell: ({ actions, retryOf }) => [
            retryOf ? h("div", { class: "muted" }, "Repeats failed messages of the run before") : null,
            h("ul", { class: "plain" }, actions.slice(0, 6).map((action) => h("li", {
                key: `${action.at}${action.action}`,
            },
                `${capital(say(action.action))} by ${actor(action.who)}, `, time(action.at), action.reason
                    ? h("span", { class: "muted" }, ` · ${action.reason}`)
                    : "")))] },
    ], items, { key: ({ id }) => id, empty: "It was never sent." }), pager(state.page, runLimit, total, state.turn)]));
}

/// A test that was cancelled ends at once; its messages a moment later.
export const hasOpenTest = ({ parts }) => parts.tests?.value?.items.some((test) => isOpen(test)
    || test.recipients.some(({ status }) => ["pending", "queued", "sending"].includes(status)));

/// The latest tests; nothing if there are none.
export function tests(state) {
    const found = state.parts.tests;
    if (!found?.error && !found?.value?.items.length) return null;
    return panel("Tests", { key: "tests", hint: "The latest five; they count nowhere else" },
        part(found, ({ items }) => table("Tests", [
            { title: "Requested", cell: ({ createdAt }) => time(createdAt, { always: true }) },
            { title: "State", cell: (test) => pill(test.status) },
            { title: "To", cell: ({ recipients }) => h("ul", { class: "plain" }, recipients.map((one) => h("li", {
                key: one.to,
            }, h("code", {}, one.to), ` ${say(one.status)}`, one.errorMessage
                ? h("span", { class: "muted" }, ` · ${one.errorMessage}`)
                : ""))) },
            { title: "Who and why", cell: ({ who, reason, statusReason }) => [
                who ? actor(who) : "–",
                [reason, statusReason].filter(Boolean).map((text) => h("span", { class: "muted" }, ` · ${text}`)),
            ] },
            { title: "Action", cell: (test) => isOpen(test) && may("operate") ? h("button", {
                type: "button",
                class: "quiet",
                "aria-label": `Cancel the test of ${state.campaign.name}`,
                onclick: () => cancelTest(state.campaign, test, state.reload),
            }, "Cancel") : "" },
        ], items, { key: ({ id }) => id })));
}

/// The times of a run that is sent by the clock of each contact; nothing for others.
export function zones(current) {
    if (!current.zones?.length) return null;
    const shown = current.zones.filter(({ contacts }) => contacts > 0);
    return h("details", { key: "zones", class: "zones" },
        h("summary", {}, `Sent by the clock of each contact: ${plural(shown.length, "time zone")}`),
        table("Time zones", [
            { title: "Zone", cell: ({ timeZone }) => timeZone },
            { title: "Contacts", isNumber: true, cell: ({ contacts }) => number(contacts) },
            { title: "Sent at", cell: ({ sendAt, skipped }) => [
                time(sendAt),
                skipped ? h("span", { class: "muted" }, ` · not sent: ${skipped}`)
                    : h("span", { class: "muted" }, ` ${away(sendAt)}`),
            ] },
        ], shown, { key: ({ timeZone }) => timeZone }));
}
