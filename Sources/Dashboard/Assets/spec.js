// Specs and plans as text with colours.
import { h } from "./dom.js";

/// Returns the spec of a campaign as it was applied, and what changed since the revision before.
export function specText(spec) {
    const short = spec.commit?.slice(0, 12);
    return [
        h("dl", { class: "facts" },
            spec.file
                ? h("div", { key: "file" }, h("dt", {}, "File"), h("dd", {}, h("code", { class: "path" }, spec.file)))
                : null,
            short
                ? h(
                    "div",
                    { key: "commit" },
                    h("dt", {}, "Commit"),
                    h("dd", {}, h("code", { title: spec.commit }, short)),
                )
                : null,
            h("div", { key: "revision" }, h("dt", {}, "Revision"), h("dd", {}, String(spec.revision ?? "none yet")))),
        spec.difference ? h("details", { key: "difference", open: true },
            h(
                "summary",
                {},
                `Changed since revision ${spec.previousRevision ?? spec.revision - 1}`,
            ), difference(spec.difference)) : null,
        h(
            "details",
            { key: "text", open: !spec.difference },
            h("summary", {}, "Whole spec"),
            h("pre", { tabindex: 0, class: "code" }, h("code", {}, yaml(spec.spec))),
        ),
    ];
}

/// Keys and comments of YAML stand out a little.
function yaml(text) {
    return text.split("\n").map((line) => {
        const [, indent, name, rest] = /^(\s*(?:- )?)([\w.$-]+:)(.*)$/.exec(line) ?? [];
        if (name) return [indent, h("span", { class: "key" }, name), rest, "\n"];
        return [/^\s*#/.test(line) ? h("span", { class: "muted" }, line) : line, "\n"];
    });
}

const kinds = { "+": "added", "-": "removed", "@": "place" };

/// Returns a unified difference, line by line.
function difference(text) {
    const lines = text.replace(/\n$/, "").split("\n").filter((line) => !/^(---|\+\+\+) /.test(line));
    return h(
        "pre",
        { tabindex: 0, class: "code difference" },
        lines.map((line) => h("span", { class: kinds[line[0]] ?? null }, `${line}\n`)),
    );
}

const signs = { create: "+", update: "~", delete: "−" };
const words = { create: "created", update: "changed", delete: "deleted" };

/// Returns a stored plan: each change, with the fields that differ.
export function plan(stored) {
    const changes = stored?.changes ?? [];
    if (!changes.length) return h("p", { class: "empty" }, "This entry has no changes.");
    return h("ul", { class: "plan" }, changes.map((change) => h("li", {
        key: change.id ?? `${change.kind}/${change.name}`,
        class: change.action,
    },
        h("div", {}, h("span", { class: "sign", "aria-hidden": "true" }, signs[change.action] ?? "•"),
            h("strong", {}, `${change.kind} ${change.name}`), ` ${words[change.action] ?? change.action}`,
            change.place?.file
                ? h(
                    "code",
                    { class: "path muted" },
                    ` ${change.place.file}${change.place.line ? `:${change.place.line}` : ""}`,
                )
                : ""),
        (
            change.differences ?? []
        ).length ? h("pre", { tabindex: 0, class: "code difference" }, change.differences.map((field) => [
            h(
                "span",
                { class: "place" },
                `${field.path}${field.isDrift ? "  (changed by hand in the database)" : ""}\n`,
            ),
            field.before !== undefined && field.before !== null
                ? h("span", { class: "removed" }, `- ${value(field.before)}\n`)
                : null,
            field.after !== undefined && field.after !== null
                ? h("span", { class: "added" }, `+ ${value(field.after)}\n`)
                : null,
        ])) : null,
        (change.notes ?? []).map((note) => h("p", { class: "muted" }, note)))));
}

const value = (content) => (typeof content === "string" ? content : JSON.stringify(content));
