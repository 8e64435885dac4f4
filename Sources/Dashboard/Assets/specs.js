// What the spec files say, what is applied, and what differs.
import { get } from "./api.js";
import { h, icon, pager, panel, problem, render, skeleton, table } from "./dom.js";
import { number, plural, say, time } from "./format.js";
import { plan } from "./spec.js";
import { fact } from "./states.js";

const limit = 20;

export async function mount(main, _, signal) {
    const state = { page: 1, filter: "" };
    const load = async () => {
        try {
            state.specs = await get("/specs", undefined, signal);
            state.error = undefined;
        } catch (error) {
            if (error.name === "AbortError") return;
            state.error = error;
        }
        draw();
    };
    const loadHistory = async (page = state.page) => {
        state.page = page;
        try {
            state.history = await get("/specs/history", { page, limit }, signal);
            state.historyError = undefined;
        } catch (error) {
            if (error.name === "AbortError") return;
            state.historyError = error;
        }
        draw();
    };
    const draw = () => render(
        main,
        h("h1", { key: "title", tabindex: -1 }, "Specs"),
        state.error ? problem(state.error, load) : !state.specs ? skeleton(4) : [
            applied(state.specs),
            drift(state.specs),
        ],
        panel("History", { key: "history", hint: "Each plan that was applied, newest first" },
            state.historyError
                ? problem(state.historyError, loadHistory)
                : !state.history ? skeleton(5) : history(state, loadHistory)),
        state.specs ? [managed(state, draw), unmanaged(state.specs)] : null,
    );
    draw();
    await Promise.all([load(), loadHistory()]);
}

const commit = (name) => (name ? h("code", { title: name }, name.slice(0, 12)) : "–");

function applied(specs) {
    const attempt = specs.lastAttempt;
    const isGood = !attempt || Boolean(attempt.healedAt);
    return panel("Applied", { key: "applied" },
        specs.appliedAt ? h("dl", { class: "facts" },
            fact("Commit", commit(specs.appliedCommit)),
            fact("When", time(specs.appliedAt)),
            specs.appliedBy ? fact("By", specs.appliedBy) : null,
            specs.environment ? fact("Environment", specs.environment) : null,
            fact("Rows from files", number(specs.managedCount)))
            : h(
                "p",
                { class: "empty" },
                "Nothing was applied yet. Write specs in a folder and run ",
                h("code", {}, "reconcile campaigns"),
                ".",
            ),
        attempt ? h("div", {
            class: `notice ${isGood ? "fine-notice" : "critical"}`,
            key: "attempt",
        }, icon(isGood ? "completed" : "failed"),
            h("div", {},
                h("strong", {}, isGood ? "No attempt failed since" : `The last attempt: ${say(attempt.outcome)}`),
                h("p", {}, time(attempt.at), attempt.commit ? [", commit ", commit(attempt.commit)] : "",
                    attempt.count > 1 ? `, ${plural(attempt.count, "time")} in a row` : "",
                    isGood ? [`: ${say(attempt.outcome)}; good again since `, time(attempt.healedAt), "."]
                        : ". Mend it in the files; what is applied stays as it is until then."),
                isGood ? null : h("pre", { class: "code", tabindex: 0 }, attempt.detail))) : null);
}

function drift(specs) {
    const drifted = specs.managed.filter((row) => row.drift?.length);
    return panel("Drift", { key: "drift", hint: "Values that were changed by hand in the database" }, drifted.length
        ? [h("ul", { class: "list" }, drifted.map((row) => h("li", { key: `${row.kind}${row.name}` },
            h(
                "span",
                { class: "trouble" },
                icon("failed"),
                row.kind,
            ), h("strong", {}, row.name), h("span", {}, row.drift.join(", ")), h(
                "code",
                { class: "path muted" },
                row.file,
            )))),
        h(
            "p",
            { class: "muted" },
            "The next ",
            h("code", {}, "reconcile"),
            " puts the values of the files back; its plan shows them first.",
        )]
        : h("p", { class: "empty" }, "None: the database has what the files say."));
}

function history(state, turn) {
    const { items, total } = state.history;
    if (!items.length) return h("p", { class: "empty" }, "No plan was applied yet.");
    return [
        h("div", { class: "history", key: "list" }, items.map((entry) => h("details", { key: String(entry.id) },
            h("summary", {},
                h("span", { class: "when" }, time(entry.at, { always: true })),
                commit(entry.commit),
                h("span", { class: "changes" },
                    h("b", { class: "added" }, `+${entry.summary.created}`), h(
                        "b",
                        { class: "changed" },
                        `~${entry.summary.changed}`,
                    ), h("b", { class: "removed" }, `−${entry.summary.deleted}`)),
                h("span", { class: "muted" }, `by ${entry.actor}`)),
            plan(entry.plan)))),
        pager(state.page, limit, total, turn),
    ];
}

function managed(state, draw) {
    const text = state.filter.toLowerCase();
    const rows = state.specs.managed.filter(
        ({ kind, name, file }) => `${kind} ${name} ${file}`.toLowerCase().includes(text)
    );
    return panel("Rows from files", { key: "managed", hint: "Read-only here: change the file" },
        h("form", { class: "filters", role: "search", key: "filters", onsubmit: (event) => event.preventDefault() },
            h("label", {}, "Find ", h("input", { type: "search", oninput: (event) => {
                state.filter = event.target.value;
                draw();
            } }))),
        table("Rows from files", [
            { title: "Kind", cell: ({ kind }) => kind },
            { title: "Name", cell: ({ name }) => name },
            { title: "File", cell: ({ file }) => h("code", { class: "path" }, file) },
            { title: "Changed", cell: ({ updatedAt }) => time(updatedAt) },
        ], rows.slice(0, 200), { key: ({ kind, name }) => `${kind}/${name}`, empty: "No row matches." }),
        rows.length > 200
            ? h("p", { class: "muted" }, `The first 200 of ${number(text ? rows.length : state.specs.managedCount)}.`)
            : null);
}

function unmanaged(specs) {
    return panel("Rows without a file", {
        key: "unmanaged",
        hint: "Made through the API or by hand",
    }, specs.unmanaged.length
        ? [table("Rows without a file", [
            { title: "Kind", cell: ({ kind }) => kind },
            { title: "Name", cell: ({ name }) => name },
        ], specs.unmanaged.slice(0, 200), { key: ({ kind, name }) => `${kind}/${name}` }),
        h(
            "p",
            { class: "muted" },
            "To manage them in files, write them out with ",
            h("code", {}, "reconcile export"),
            ".",
        )]
        : h("p", { class: "empty" }, "None: every row belongs to a file."));
}
