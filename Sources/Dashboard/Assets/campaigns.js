// All campaigns, with search.
import { get } from "./api.js";
import { h, pager, problem, render, skeleton, table } from "./dom.js";
import { number, plural, say, time } from "./format.js";
import { campaignLink, pill } from "./states.js";

const states = ["running", "paused", "scheduled", "completed", "failed", "cancelled", "draft"];
const limit = 50;

export async function mount(main, _, signal) {
    const state = { q: "", status: "", page: 1 };
    let answer;
    let error;
    let typing;
    const load = async () => {
        try {
            answer = await get("/campaigns", { ...state, limit }, signal);
            error = undefined;
        } catch (failure) {
            if (failure.name === "AbortError") return;
            error = failure;
        }
        draw();
    };
    const change = (values) => {
        Object.assign(state, { page: 1, ...values });
        clearTimeout(typing);
        typing = setTimeout(load, 250);
    };
    const draw = () => render(
        main,
        h("h1", { key: "title", tabindex: -1 }, "Campaigns"),
        h("form", { class: "filters", role: "search", key: "filters", onsubmit: (event) => event.preventDefault() },
            h(
                "label",
                {},
                "Name or title ",
                h("input", { type: "search", oninput: (event) => change({ q: event.target.value }) }),
            ),
            h("label", {}, "State ", h("select", { onchange: (event) => change({ status: event.target.value }) },
                h("option", { value: "" }, "all"), states.map((status) => h("option", { value: status }, status))))),
        error ? problem(error, load) : !answer ? skeleton(8) : [
            h("p", { class: "muted", key: "total", role: "status" }, plural(answer.total, "campaign")),
            table("Campaigns", [
                { title: "Campaign", cell: (campaign) => [
                    h("div", {}, campaignLink(campaign.id, campaign.title ?? campaign.name)),
                    h("div", { class: "muted" }, campaign.name)] },
                { title: "State", cell: (campaign) => pill(campaign.status, campaign.waiting) },
                { title: "Started", cell: ({ type }) => say(type) },
                { title: "Sender", cell: ({ sender }) => sender ?? "–" },
                {
                    title: "Recipients",
                    isNumber: true,
                    cell: ({ recipientCount }) => (recipientCount ? number(recipientCount) : "–"),
                },
                {
                    title: "Last run",
                    cell: ({ startedAt, scheduledAt }) => startedAt
                        ? time(startedAt)
                        : scheduledAt ? ["starts ", time(scheduledAt)] : "–",
                },
                {
                    title: "Owned by",
                    cell: ({ sourceFile, managedBy }) => (
                        managedBy ? h("code", { class: "path" }, sourceFile ?? "spec") : "API"
                    ),
                },
            ], answer.items, {
                key: ({ id }) => id,
                empty: state.q || state.status
                    ? "No campaign matches. Change the search, or choose all states."
                    : "This tenant has no campaigns yet. Write one in a spec file and apply it with reconcile.",
            }),
            pager(state.page, limit, answer.total, (page) => {
                state.page = page;
                load();
            }),
        ],
    );
    draw();
    await load();
}
