// Events that were reported: how many, what became of them, and why some were refused.
import { every } from "./app.js";
import { get } from "./api.js";
import "./chart.js";
import { h, icon, panel, problem, render, skeleton, table } from "./dom.js";
import { capital, number, percent, say, time } from "./format.js";

/// The outcomes of events, with the pattern of their bars.
const outcomes = {
    matched: { title: "Led to a message", style: "read", sign: "completed" },
    refused: { title: "Refused", style: "failed", sign: "failed" },
    unmatched: { title: "No campaign waits for it", style: "cancelled", sign: "next" },
};
const periods = [[60, "hour"], [360, "6 hours"], [1_440, "day"]];

export async function mount(main, _, signal) {
    const state = { event: "", minutes: 60 };
    let typing;
    const load = async () => {
        try {
            [state.series, state.events] = await Promise.all([
                get("/triggers/series", { minutes: state.minutes }, signal),
                get("/triggers/events", { limit: 50, event: state.event }, signal),
            ]);
            state.error = undefined;
        } catch (error) {
            if (error.name === "AbortError") return;
            state.error = error;
        }
        draw();
    };
    const find = (event) => {
        state.event = event.target.value.trim();
        clearTimeout(typing);
        typing = setTimeout(load, 300);
    };
    const choosePeriod = (event) => {
        state.minutes = Number(event.target.value);
        load();
    };
    const draw = () => render(
        main,
        h("h1", { key: "title", tabindex: -1 }, "Triggers"),
        state.error ? problem(state.error, load) : !state.series ? skeleton(8) : [
            panel("Events over time", {
                key: "series",
                hint: "Each event by what became of it",
                actions: h("label", {}, "Last ", h("select", { onchange: choosePeriod }, periods.map(
                    ([value, text]) => h("option", { value }, text),
                ))),
            }, chart(state)),
            h(
                "div",
                { class: "columns", key: "columns" },
                byOutcome(state.series.points),
                refusals(state.series.points),
            ),
            panel("Last 50 events", { key: "events" },
                h("form", {
                    class: "filters",
                    role: "search",
                    key: "filters",
                    onsubmit: (event) => event.preventDefault(),
                },
                    h(
                        "label",
                        {},
                        "Event ",
                        h("input", { type: "search", placeholder: "payment.overdue", oninput: find }),
                    )),
                list(state)),
        ],
    );
    draw();
    every(10, signal, load);
    await load();
}

function chart({ series, minutes }) {
    if (!series.points.length) {
        return h(
            "p",
            { class: "empty" },
            "No event in this time. Report one with ",
            h("code", {}, "POST /triggers/EVENT"),
            ".",
        );
    }
    const points = [...Map.groupBy(series.points, ({ at }) => at)].map(([at, counts]) => {
        const point = { at };
        for (const { outcome, count } of counts) {
            const { style } = outcomes[outcome];
            point[style] = (point[style] ?? 0) + count;
        }
        return point;
    });
    return h("time-chart", { ".data": {
        label: "Events per minute", unit: "events per minute", height: 200, points,
        series: Object.values(outcomes).map(({ title, style }) => ({ name: style, title, kind: "bar" })),
        from: series.from ?? new Date(Date.now() - minutes * 60_000).toISOString(), to: new Date().toISOString(),
    } });
}

/// Adds up counts by a name.
function sums(points, name) {
    const found = new Map();
    for (const point of points) found.set(point[name], (found.get(point[name]) ?? 0) + point.count);
    return [...found].sort((one, other) => other[1] - one[1]);
}

function byOutcome(points) {
    const all = points.reduce((sum, { count }) => sum + count, 0);
    return panel("By outcome", { key: "outcomes" }, table("Events by outcome", [
        { title: "Outcome", cell: ([outcome]) => outcomes[outcome].title },
        { title: "Events", isNumber: true, cell: ([, count]) => number(count) },
        { title: "Share", isNumber: true, cell: ([, count]) => percent(count, all) },
    ], sums(points, "outcome"), { key: ([outcome]) => outcome, empty: "No event in this time." }));
}

function refusals(points) {
    const refused = points.filter(({ outcome, reason }) => outcome === "refused" && reason);
    return panel("Refusals by reason", { key: "refusals" }, table("Refusals by reason", [
        { title: "Reason", cell: ([reason]) => capital(say(reason)) },
        { title: "Events", isNumber: true, cell: ([, count]) => number(count) },
    ], sums(refused, "reason"), { key: ([reason]) => reason, empty: "No event of this time was refused." }));
}

function list({ events, event }) {
    const empty = event
        ? "No such event was reported. The name must be written in full."
        : "No event was reported yet. Report one with POST /triggers/EVENT.";
    return table("Last events", [
        { title: "Time", cell: ({ at }) => time(at, { seconds: true }) },
        { title: "Event", cell: (row) => h("code", {}, row.event) },
        { title: "Contact", cell: ({ contact }) => h("code", {}, contact) },
        { title: "Outcome", cell: ({ outcome }) => {
            const { title, sign } = outcomes[outcome];
            return h("span", { class: `pill ${sign === "next" ? "draft" : sign}` }, icon(sign), title);
        } },
        { title: "Why", cell: ({ reason }) => (reason ? say(reason) : "") },
    ], events.items, { key: (row) => `${row.at}${row.event}${row.contact}`, empty });
}
