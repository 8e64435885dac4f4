// What a run costs: as it was estimated at its launch, and as WhatsApp charged it.
import { h, panel, table } from "./dom.js";
import { besides, estimated, money, number, plural } from "./format.js";
import { part } from "./runs.js";

/// The costs of a run; nothing if there are neither prices nor reports of WhatsApp.
export function costs(loaded, current) {
    const estimate = current.estimatedCost;
    if (!estimate && !loaded?.error && !loaded?.value?.messages.length) return null;
    return panel("Costs", { key: "costs", hint: "By the prices beside the specs, without volume discounts" },
        part(loaded, (charged) => [
            h("dl", { class: "facts" },
                estimate ? h("div", {},
                    h("dt", {}, "Estimated at the launch"),
                    h("dd", { "data-test": "estimated" }, estimated(estimate)),
                    h("dd", { class: "hint" }, besides(estimate))) : null,
                h("div", {},
                    h("dt", {}, "Charged so far"),
                    h("dd", { "data-test": "charged" },
                        charged.currency ? money(charged.micros, charged.currency) : plural(charged.paid, "paid message")),
                    h("dd", { class: "hint" }, besides(charged)))),
            charged.messages.length ? table("Charged messages", [
                { title: "Category", cell: ({ category, type }) => [
                    category,
                    type === "regular" ? "" : h("span", { class: "muted" }, ` · ${type.replaceAll("_", " ")}`),
                ] },
                { title: "Market", cell: ({ market }) => market },
                { title: "Messages", isNumber: true, cell: ({ count }) => number(count) },
                { title: "Costs", isNumber: true, cell: ({ micros, type }) => (
                    micros === undefined ? (type.startsWith("free") ? "free" : "–") : money(micros, charged.currency)
                ) },
            ], charged.messages, { key: ({ category, market, type }) => `${category} ${market} ${type}` })
                : h("p", { class: "empty" }, "WhatsApp has reported no price yet. It comes with the report that a message arrived."),
        ]));
}
