// The prepaid tokens of the tenant, and their ledger.
import { every } from "./app.js";
import { get } from "./api.js";
import { parts } from "./chart.js";
import { h, pager, panel, problem, render, skeleton, table } from "./dom.js";
import { capital, number, plural, say, time } from "./format.js";

const limit = 50;

export async function mount(main, _, signal) {
    const state = { page: 1 };
    const load = async () => {
        try {
            state.wallet = await get("/wallet", undefined, signal);
            state.entries = await get("/wallet/entries", { page: state.page, limit }, signal);
            state.error = undefined;
        } catch (error) {
            if (error.name === "AbortError") return;
            state.error = error;
        }
        draw();
    };
    const draw = () => render(
        main,
        h("h1", { key: "title", tabindex: -1 }, "Wallet"),
        state.error?.status === 404 ? h(
            "p",
            { class: "empty" },
            "This tenant has no wallet, so its messages are not billed. Make one with ",
            h("code", {}, "campaignd wallet top-up"),
            ".",
        )
            : state.error ? problem(state.error, load) : !state.entries ? skeleton(6) : [
                panel("Tokens", { key: "tokens" }, tokens(state.wallet)),
                panel("Ledger", {
                    key: "ledger",
                    hint: `${plural(state.entries.total, "entry", "entries")}, newest first`,
                }, table("Ledger", [
                    { title: "Time", cell: ({ createdAt }) => time(createdAt, { seconds: true }) },
                    { title: "Kind", cell: ({ kind }) => capital(say(kind)) },
                    { title: "Balance", isNumber: true, cell: ({ amount }) => signed(amount) },
                    { title: "Held", isNumber: true, cell: ({ held }) => signed(held) },
                    {
                        title: "Reference",
                        cell: ({ reference, runId }) => reference ?? (
                            runId ? h("code", { class: "muted" }, `run ${runId}`) : ""
                        ),
                    },
                ], state.entries.items, {
                    key: ({ id }) => String(id),
                    empty: "The ledger is empty. Add tokens with campaignd wallet top-up.",
                }),
                pager(state.page, limit, state.entries.total, (page) => {
                    state.page = page;
                    load();
                })),
            ],
    );
    draw();
    every(10, signal, load);
    await load();
}

const signed = (value) => (value > 0 ? `+${number(value)}` : value < 0 ? `−${number(-value)}` : "0");

function tokens(wallet) {
    const messages = wallet.pricePerMessage > 0 ? Math.floor(wallet.available / wallet.pricePerMessage) : undefined;
    const tile = (name, value, detail) => h(
        "div",
        { class: "tile", key: name },
        h("dt", {}, name),
        h("dd", {}, h("b", {}, value), h("span", {}, detail)),
    );
    return [
        h("dl", { class: "tiles" },
            tile(
                "Available",
                number(wallet.available),
                messages === undefined ? "messages are free" : `enough for ${plural(messages, "message")}`,
            ),
            tile("Held", number(wallet.held), "for runs that are open"),
            tile("Balance", number(wallet.balance), "available and held"),
            tile("Price", number(wallet.pricePerMessage), "for each message that WhatsApp accepts")),
        parts([
            { name: "read", title: "Available", count: Math.max(0, wallet.available) },
            { name: "unconfirmed", title: "Held", count: wallet.held },
        ], Math.max(1, wallet.balance), "Tokens"),
    ];
}
