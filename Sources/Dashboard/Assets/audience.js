// A filter, tried on the contacts of the tenant while it is written.
import { get, may, post } from "./api.js";
import { gauge, parts } from "./chart.js";
import { h, icon, panel, problem, render, skeleton, table } from "./dom.js";
import { capital, number, percent, plural, say } from "./format.js";

const texts = ["eq", "neq", "contains", "starts_with", "ends_with", "in", "not_in", "is_null", "is_not_null"];
const numbers = ["eq", "neq", "gt", "gte", "lt", "lte", "between", "in", "is_null", "is_not_null"];
const times = ["gte", "lte", "gt", "lt", "between", "newer_than", "older_than", "is_null", "is_not_null"];
const fields = {
    tags: [
        "contains_any",
        "contains_all",
        "contains",
        "is_null",
        "is_not_null",
    ], name: texts, email: texts, contactId: texts,
    pin: texts, paymentStatus: texts, yearOfBirth: numbers, messageCount: numbers, firstSeen: times, lastSeen: times,
    metadata: [...texts, "gt", "gte", "lt", "lte", "between"],
};
const words = {
    eq: "is", neq: "is not", gt: "is greater", gte: "is at least", lt: "is less", lte: "is at most",
    between: "is between", contains: "contains", starts_with: "starts with", ends_with: "ends with",
    in: "is one of", not_in: "is none of",
    is_null: "is empty", is_not_null: "is not empty", contains_any: "has any of", contains_all: "has all of",
    newer_than: "is newer than", older_than: "is older than",
};
const lists = new Set(["in", "not_in", "contains_any", "contains_all", "between"]);
const examples = {
    tags: "vip, gold", metadata: "premium", lastSeen: "-90d, or 2026-01-31", firstSeen: "-7d", yearOfBirth: "1990",
    messageCount: "3", paymentStatus: "unpaid", name: "Amina", email: "@acme.example", contactId: "254712345678",
    pin: "1234",
};

/// Without the scope `contacts` a filter must not ask for what the token does not see.
const onlyPresence = ["is_null", "is_not_null"];
const visibleFields = () => may("contacts") ? fields : Object.fromEntries(
    Object.entries({ ...fields, email: onlyPresence, pin: onlyPresence })
        .filter(([name]) => !["contactId", "metadata"].includes(name)),
);

/// Filters with more conditions are counted as a whole only.
const most = 8;

export async function mount(main, _, signal) {
    const state = {
        logic: "AND", rows: [
            { id: 1, field: "tags", operator: "contains_any", value: "" },
        ], next: 2, text: undefined, category: "marketing",
        sender: "", senders: [], isCounting: false,
    };
    let typing;
    let request;
    const count = async () => {
        request?.abort();
        request = new AbortController();
        const { signal: own } = request;
        signal.addEventListener("abort", () => request.abort(), { once: true });
        let filter;
        try {
            filter = state.text === undefined ? build(state) : JSON.parse(state.text);
        } catch (error) {
            Object.assign(
                state,
                {
                    error: Object.assign(new Error(`${error.message}.`), { title: "This is not JSON yet" }),
                    isCounting: false,
                },
            );
            return draw();
        }
        state.isCounting = true;
        draw();
        try {
            const query = { samples: 10, category: state.category, sender: state.sender };
            state.preview = await post("/campaigns/audience/preview", filter, { query, signal: own });
            state.error = undefined;
        } catch (error) {
            if (error.name === "AbortError") return;
            state.error = error;
        }
        state.isCounting = false;
        draw();
        if (!state.error) await countSteps(filter, own);
    };
    /// Counts with one condition, with two, and so on: which one leaves out how many?
    const countSteps = async (filter, own) => {
        const { preview } = state;
        const conditions = filter.conditions ?? [];
        if ((filter.logic ?? "AND") !== "AND" || conditions.length < 2 || conditions.length > most) return;
        const found = [];
        try {
            for (let count = 1; count < conditions.length; count++) {
                const part = { logic: "AND", conditions: conditions.slice(0, count) };
                const query = { samples: 0, category: state.category, sender: state.sender };
                const { funnel } = await post("/campaigns/audience/preview", part, { query, signal: own });
                found.push(
                    { name: `condition-${count}`, title: sentence(conditions[count - 1]), count: funnel.inAudience }
                );
            }
        } catch {
            // The whole filter is counted; without its parts the list has one step for all of them.
            return;
        }
        if (own.aborted) return;
        const last = { name: "inAudience", title: sentence(conditions.at(-1)), count: preview.funnel.inAudience };
        state.preview = { ...preview, byCondition: [...found, last] };
        draw();
    };
    const change = (values = {}) => {
        Object.assign(state, values);
        draw();
        clearTimeout(typing);
        typing = setTimeout(count, 500);
    };
    const draw = () => render(
        main,
        h("h1", { key: "title", tabindex: -1 }, "Audience"),
        h("div", { class: "columns", key: "columns" },
            h("div", { key: "left" }, editor(state, change)),
            h("div", { key: "right", "aria-busy": state.isCounting ? "true" : "false" },
                state.error ? problem(state.error) : null,
                state.preview ? result(state) : state.error ? null : panel("Result", {}, skeleton(6)))),
    );
    draw();
    get("/campaigns/quota", undefined, signal).then(({ items }) => {
        state.senders = items;
        draw();
    }, () => {});
    await count();
}

/// Returns the filter of the rows. Rows without a value are left out while they are written.
function build({ logic, rows }) {
    const conditions = rows.map(condition).filter(Boolean);
    return { logic, conditions };
}

function condition({ field, name, operator, value }) {
    const whole = field === "metadata" ? `metadata.${name ?? ""}` : field;
    if (field === "metadata" && !name) return undefined;
    if (operator === "is_null" || operator === "is_not_null") return { field: whole, operator };
    if (!value.trim()) return undefined;
    const isNumber = ["yearOfBirth", "messageCount"].includes(field);
    const read = (text) => (isNumber && text.trim() !== "" && !Number.isNaN(Number(text)) ? Number(text) : text.trim());
    return {
        field: whole,
        operator,
        value: lists.has(operator) ? value.split(",").filter((part) => part.trim()).map(read) : read(value),
    };
}

/// Returns a condition as people say it.
function sentence({ field, operator, value, not, conditions }) {
    if (not || conditions) return not ? "A negation" : "A group";
    const text = Array.isArray(value) ? value.join(", ") : value ?? "";
    return `${field} ${words[operator] ?? operator} ${text}`.trim();
}

function editor(state, change) {
    const isText = state.text !== undefined;
    return panel("Filter", {
        key: "editor",
        hint: "Counted while you write; nothing is sent",
        actions: h("button", { type: "button", class: "quiet", onclick: () => change({
            text: isText ? undefined : JSON.stringify(build(state), null, 2),
        }) }, isText ? "Back to conditions" : "Edit as JSON"),
    },
    isText ? h("div", { class: "field", key: "json" },
        h("label", { for: "json" }, "Filter as JSON, as in a spec"),
        h(
            "textarea",
            {
                id: "json",
                rows: 12,
                spellcheck: "false",
                ".value": state.text,
                oninput: (event) => change({ text: event.target.value }),
            },
        ))
        : h("div", { key: "rows" },
            h("fieldset", { class: "rows" },
                h("legend", {}, "Contacts for whom ", h("select", {
                    "aria-label": "How conditions are joined", onchange: (event) => change(
                        { logic: event.target.value }
                    ),
                }, h(
                    "option",
                    { value: "AND" },
                    "all conditions hold",
                ), h("option", { value: "OR" }, "one condition holds"))),
                state.rows.map((row, index) => line(row, index, state, change))),
            may("contacts") ? null : h("p", { class: "muted", key: "hidden" },
                "Numbers, addresses and metadata are hidden from this link, so a filter cannot ask for them. ",
                h("code", {}, "campaignd ui --scope read --scope contacts"), " makes one that may."),
            h("button", { type: "button", key: "add", onclick: () => change({
                rows: [
                    ...state.rows,
                    { id: state.next, field: "tags", operator: "contains_any", value: "" },
                ], next: state.next + 1,
            }) }, "Add a condition")),
    h("div", { class: "filters", key: "options" },
        h("label", {}, "Category ", h("select", { onchange: (event) => change({ category: event.target.value }) },
            ["marketing", "utility", "authentication"].map((name) => h("option", { value: name }, name)))),
        state.senders.length > 1 ? h("label", {}, "Sender ", h("select", {
            onchange: (event) => change({ sender: event.target.value }),
        },
            h("option", { value: "" }, "any"), state.senders.map(
                ({ sender }) => h("option", { value: sender, key: sender }, sender)
            ))) : null),
    h(
        "details",
        { key: "spec" },
        h("summary", {}, "For a spec file"),
        h("pre", { class: "code", tabindex: 0 }, h("code", {}, yaml(state))),
    ));
}

function line(row, index, state, change) {
    const set = (values) => change(
        { rows: state.rows.map((other) => (other.id === row.id ? { ...other, ...values } : other)) }
    );
    const label = `Condition ${index + 1}`;
    return h("div", { class: "condition", key: String(row.id) },
        h("select", { "aria-label": `${label}: field`, ".value": row.field, onchange: (event) => {
            const field = event.target.value;
            const operators = visibleFields()[field];
            set({ field, operator: operators.includes(row.operator) ? row.operator : operators[0] });
        } }, Object.keys(visibleFields()).map((name) => h("option", { value: name, selected: name === row.field }, name))),
        row.field === "metadata"
            ? h(
                "input",
                {
                    "aria-label": `${label}: key of metadata`,
                    placeholder: "plan",
                    value: row.name ?? "",
                    oninput: (event) => set({ name: event.target.value.trim() }),
                },
            )
            : null,
        h("select", {
            key: "operator",
            "aria-label": `${label}: operator`,
            ".value": row.operator,
            onchange: (event) => set({ operator: event.target.value }),
        },
            visibleFields()[row.field].map(
                (name) => h("option", { value: name, selected: name === row.operator, key: name }, words[name])
            )),
        row.operator.startsWith("is_") ? null : h("input", {
            key: "value",
            "aria-label": lists.has(row.operator) ? `${label}: value, with commas between several` : `${label}: value`,
            placeholder: examples[row.field], ".value": row.value, oninput: (event) => set(
                { value: event.target.value }
            ),
        }),
        h("button", {
            type: "button", class: "quiet", key: "remove", "aria-label": `Remove condition ${index + 1}`,
            disabled: state.rows.length < 2,
            onclick: () => change({ rows: state.rows.filter(({ id }) => id !== row.id) }),
        }, icon("cancelled")));
}

/// Returns the filter as a spec file has it. JSON texts are valid YAML.
function yaml(state) {
    if (state.text !== undefined) return `audience: ${state.text}`;
    const scalar = (value) => (typeof value === "string" && /^[\w.]+$/.test(value) ? value : JSON.stringify(value));
    const lines = build(state).conditions.map((one) => {
        const entries = Object.entries(one).map(([name, value]) => `${name}: ${scalar(value)}`);
        return `    - { ${entries.join(", ")} }`;
    });
    return ["audience:", `  logic: ${state.logic}`, `  conditions:${lines.length ? "" : " []"}`, ...lines].join("\n");
}

const steps = {
    contacts: "All contacts", active: "Not deactivated", optedIn: "Opted in", notSuppressed: "Not opted out since",
    inAudience: "Within the filter", reachable: "Recipients",
};

function result({ preview, isCounting }) {
    const funnel = Object.entries(steps).flatMap(([name, title]) => (name === "inAudience" && preview.byCondition
        ? preview.byCondition
        : [{ title, name, count: preview.funnel[name] }]));
    const first = Math.max(1, funnel[0]?.count ?? 1);
    const left = preview.quotaCheck?.quotaStatus.remaining;
    return [
        panel("Recipients", { key: "count", hint: isCounting ? "Counting…" : null },
            h(
                "p",
                { class: "big" },
                preview.isEstimate ? "about " : "",
                h("b", { "data-test": "total" }, number(preview.total)),
                h("span", {}, preview.total === 1 ? " recipient" : " recipients"),
            ),
            h("p", { class: "hidden", role: "status" }, isCounting ? "" : plural(preview.total, "recipient")),
            preview.isEstimate
                ? h("p", { class: "notice warning" }, icon("waiting"), "There are too many contacts to count here, so these ",
                    "numbers are estimated from a part of them. ", h("code", {}, "reconcile preview"), " counts all.")
                : null,
            parts([
                { name: "read", title: "In their 24-hour window", count: preview.inWindow },
                { name: "accepted", title: "Outside of it", count: preview.outOfWindow },
            ], preview.total, "Recipients"),
            h("ul", { class: "counts" },
                h(
                    "li",
                    {},
                    h("span", { class: "swatch bar s-read", "aria-hidden": "true" }),
                    "In their 24-hour window (no quota) ",
                    h("b", {}, number(preview.inWindow)),
                ),
                h(
                    "li",
                    {},
                    h("span", { class: "swatch bar s-accepted", "aria-hidden": "true" }),
                    "Outside: each takes one of the quota ",
                    h("b", {}, number(preview.outOfWindow)),
                )),
            left === undefined || left === null ? null : h("div", { class: "measure" },
                h("span", { class: "label" }, "Of the quota that is left"),
                h("span", { class: "value" }, h("b", {}, number(preview.outOfWindow)), ` / ${number(left)}`),
                gauge(
                    preview.outOfWindow,
                    left,
                    "Of the quota that is left",
                    `${number(preview.outOfWindow)} of ${number(left)}`,
                )),
            preview.quotaCheck?.warning
                ? h("p", { class: "notice warning" }, icon("waiting"), preview.quotaCheck.warning)
                : null),
        panel("Step by step", { key: "steps" }, stepList(funnel, first), leftOut(preview.leftOut)),
        panel("Ten of them", { key: "samples", hint: "Numbers are masked" }, table("Recipients", [
            { title: "Number", cell: ({ phone }) => h("code", {}, phone) },
            { title: "Name", cell: ({ name }) => name ?? "–" },
            { title: "Window", cell: ({ isInWindow }) => (isInWindow ? "open" : "closed") },
        ], preview.samples, {
            key: (row) => `${row.phone}${row.name}`,
            empty: "Nobody matches. Loosen a condition, or import contacts.",
        })),
    ];
}

function stepList(funnel, first) {
    return h("ol", { class: "funnel" }, funnel.map((step, index) => h("li", { key: step.name },
        h("div", { class: "step" },
            h("span", { class: "name" }, step.title),
            h("span", { class: "value" },
                h("b", {}, number(step.count)),
                index ? h("span", { class: "muted" }, ` ${percent(step.count, funnel[index - 1].count)}`) : ""),
            h("div", { class: "track", "aria-hidden": "true" },
                h("span", { style: { width: `${(step.count / first) * 100}%` } }))))));
}

function leftOut(counts) {
    if (!Object.keys(counts).length) return null;
    return h("ul", { class: "losses" }, Object.entries(counts).map(([why, count]) => h("li", { key: why },
        h("span", { class: "swatch bar s-failed", "aria-hidden": "true" }),
        h("b", {}, `−${number(count)} `),
        capital(say(why)))));
}
