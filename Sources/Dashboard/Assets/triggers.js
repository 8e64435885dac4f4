// Events that were reported: how many, what became of them, and why some were refused.
import { every } from "./app.js";
import { get } from "./api.js";
import "./chart.js";
import { h, icon, panel, problem, render, skeleton, table } from "./dom.js";
import { capital, number, percent, say, time } from "./format.js";

const outcomeOrder = ["sent", "matched", "fired", "accepted", "duplicate", "cooldown", "refused", "failed"];

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
    const draw = () => render(
        main,
        h("h1", { key: "title", tabindex: -1 }, "Triggers"),
        state.error ? problem(state.error, load) : !state.series ? skeleton(8) : [
            panel("Events over time", {
                key: "series",
                hint: "Each event by what became of it",
                actions: h("label", {}, "Last ", h("select", { onchange: (event) => {
                    state.minutes = Number(event.target.value);
                    load();
                } }, [[60, "hour"], [360, "6 hours"], [1_440, "day"]].map(
                    ([value, text]) => h("option", { value }, text)
                ))),
            }, chart(state)),
            h("div", { class: "columns", key: "columns" }, outcomes(state.series.points), refusals(state.events.items)),
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
                table("Last events", [
                    { title: "Time", cell: ({ at }) => time(at, { seconds: true }) },
                    { title: "Event", cell: ({ event }) => h("code", {}, event) },
                    { title: "Contact", cell: ({ contact }) => h("code", {}, contact ?? "–") },
                    {
                        title: "Outcome",
                        cell: ({ outcome }) => h(
                            "span",
                            { class: `pill ${isRefusal(outcome) ? "failed" : "completed"}` },
                            icon(isRefusal(outcome) ? "failed" : "completed"),
                            capital(say(outcome)),
                        ),
                    },
                    { title: "Why", cell: ({ reason }) => (reason ? say(reason) : "") },
                ], state.events.items, { key: (row) => `${row.at}${row.event}${row.contact}`, empty: state.event

                        ? "No such event was reported. The name must be written in full."
                        : "No event was reported yet. Report one with POST /triggers/EVENT." })),
        ],
    );
    draw();
    every(10, signal, load);
    await load();
}

const isRefusal = (outcome) => /refus|fail|unmatch|reject|suppress|cooldown|notfound|unknown|skipped/i.test(outcome);

function names(points) {
    const found = [...new Set(points.map(({ outcome }) => outcome))];
    const place = (name) => (outcomeOrder.indexOf(name) + 1 || 99);
    return found.sort((one, other) => Number(isRefusal(one)) - Number(isRefusal(other)) || place(one) - place(other));
}

function chart({ series, minutes }) {
    const outcomes = names(series.points);
    if (!outcomes.length) return h(
        "p",
        { class: "empty" },
        "No event in this time. Report one with ",
        h("code", {}, "POST /triggers/EVENT"),
        ".",
    );
    const byTime = Map.groupBy(series.points, ({ at }) => at);
    // Each outcome has a colour of its own; refusals are hatched as failures are everywhere.
    const good = ["read", "delivered", "accepted"];
    let next = 0;
    const styles = new Map(
        outcomes.map(
            (outcome, index) => [
                outcome,
                isRefusal(outcome) ? ["failed", "cancelled", "unconfirmed"][next++ % 3] : good[index % 3],
            ]
        )
    );
    const columns = [...new Set(styles.values())].map((style) => ({
        name: style, kind: "bar", title: outcomes.filter(
            (outcome) => styles.get(outcome) === style
        ).map((outcome) => capital(say(outcome))).join(", "),
    }));
    const points = [...byTime].map(([at, list]) => {
        const point = { at };
        for (const { outcome, count } of list) point[styles.get(outcome)] = (point[styles.get(outcome)] ?? 0) + count;
        return point;
    });
    return h("time-chart", { ".data": {
        label: "Events per minute", unit: "events per minute", height: 200, points, series: columns,
        from: new Date(Date.now() - minutes * 60_000).toISOString(), to: new Date().toISOString(),
    } });
}

function outcomes(points) {
    const counts = new Map();
    for (const { outcome, count } of points) counts.set(outcome, (counts.get(outcome) ?? 0) + count);
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return panel("By outcome", { key: "outcomes" }, table("Events by outcome", [
        { title: "Outcome", cell: ([outcome]) => capital(say(outcome)) },
        { title: "Events", isNumber: true, cell: ([, count]) => number(count) },
        { title: "Share", isNumber: true, cell: ([, count]) => percent(count, all) },
    ], [...counts].sort((one, other) => other[1] - one[1]), {
        key: ([outcome]) => outcome,
        empty: "No event in this time.",
    }));
}

function refusals(events) {
    const refused = events.filter(({ outcome }) => isRefusal(outcome));
    const byReason = Map.groupBy(refused, ({ reason, outcome }) => reason ?? outcome);
    return panel("Refusals by reason", {
        key: "refusals",
        hint: "Among the last 50 events",
    }, table("Refusals by reason", [
        { title: "Reason", cell: ([reason]) => capital(say(reason)) },
        { title: "Events", isNumber: true, cell: ([, list]) => number(list.length) },
        { title: "Last", cell: ([, list]) => time(list[0].at, { seconds: true }) },
    ], [...byReason].sort((one, other) => other[1].length - one[1].length), {
        key: ([reason]) => reason,
        empty: "None of the last events was refused.",
    }));
}
