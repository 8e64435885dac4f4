// The log of a campaign, message by message, with search and CSV.
import { download, get } from "./api.js";
import { h, panel, problem, skeleton, table } from "./dom.js";
import { number, plural, time } from "./format.js";

const states = ["pending", "queued", "sending", "sent", "delivered", "read", "failed", "cancelled", "unconfirmed"];
const limit = 25;

/// Returns the log: `load` reads it, `draw` shows it.
export function messageLog(campaign, signal, changed) {
    const query = { contact: "", status: "", errorCode: "", run: "" };
    // The ids after which the pages begin, so that one can go back.
    let starts = [undefined];
    let answer;
    let error;
    let typing;
    let isSaving = false;

    const load = async () => {
        try {
            answer = await get(`/campaigns/${campaign.id}/messages`, { ...query, limit, after: starts.at(-1) }, signal);
            error = undefined;
        } catch (failure) {
            if (failure.name === "AbortError") return;
            error = failure;
        }
        changed();
    };
    const change = (values) => {
        Object.assign(query, values);
        starts = [undefined];
        clearTimeout(typing);
        typing = setTimeout(load, 300);
    };
    const save = async () => {
        isSaving = true;
        changed();
        try {
            await download(`/campaigns/${campaign.id}/messages`, { ...query, format: "csv" }, `${campaign.name}.csv`);
        } catch (failure) {
            error = failure;
        }
        isSaving = false;
        changed();
    };
    const turn = (to) => {
        starts = to;
        load();
    };

    const draw = (runs) => panel("Messages", {
        key: "messages",
        hint: answer ? `${plural(answer.total, "message")}, in the order of sending` : null,
        actions: h(
            "button",
            { type: "button", disabled: isSaving || !answer?.total, onclick: save },
            isSaving ? "Saving…" : "Save as CSV",
        ),
    },
    h("form", { class: "filters", role: "search", key: "filters", onsubmit: (event) => event.preventDefault() },
        h(
            "label",
            {},
            "Contact ",
            h(
                "input",
                {
                    type: "search",
                    placeholder: "number or id",
                    oninput: (event) => change({ contact: event.target.value.trim() }),
                },
            ),
        ),
        h("label", {}, "Status ", h("select", { onchange: (event) => change({ status: event.target.value }) },
            h("option", { value: "" }, "all"), states.map((status) => h("option", { value: status }, status)))),
        h(
            "label",
            {},
            "Error code ",
            h(
                "input",
                {
                    type: "search",
                    size: 8,
                    inputmode: "numeric",
                    oninput: (event) => change({ errorCode: event.target.value.trim() }),
                },
            ),
        ),
        runs.length > 1 ? h("label", {}, "Run ", h("select", {
            onchange: (event) => change({ run: event.target.value }),
        },
            h("option", { value: "" }, "all"), runs.map(
                (run) => h("option", { value: run.id, key: run.id }, run.createdAt.slice(0, 16).replace("T", " "))
            ))) : null),
    error ? problem(error, load) : !answer ? skeleton(6) : [
        table("Messages", [
            { title: "#", isNumber: true, cell: ({ position }) => number(position) },
            { title: "Recipient", cell: ({ recipientPhone }) => h("code", {}, recipientPhone) },
            {
                title: "Status",
                cell: ({ status, errorCode }) => h(
                    "span",
                    { class: `status s-${status}` },
                    h("span", { class: `swatch bar s-${status}`, "aria-hidden": "true" }),
                    status,
                    errorCode ? [" ", h("code", {}, errorCode)] : "",
                ),
            },
            { title: "Accepted", cell: ({ sentAt }) => time(sentAt, { seconds: true }) },
            { title: "Delivered", cell: ({ deliveredAt }) => time(deliveredAt, { seconds: true }) },
            { title: "Read", cell: ({ readAt }) => time(readAt, { seconds: true }) },
            { title: "Attempts", isNumber: true, cell: ({ attempts }) => attempts },
            {
                title: "What WhatsApp said",
                cell: ({ errorMessage, messageStatus }) => errorMessage ?? messageStatus ?? "",
            },
        ], answer.items, {
            key: ({ id }) => id,
            empty: "No message matches. Change the search, or wait until a run writes some.",
        }),
        answer.deleted
            ? h(
                "p",
                { class: "muted" },
                `${number(answer.deleted)} older messages were deleted by retention; all counts still have them.`,
            )
            : null,
        starts.length > 1 || answer.next ? h("nav", { class: "pager", "aria-label": "Pages of the log", key: "pager" },
            h(
                "button",
                { type: "button", disabled: starts.length < 2, onclick: () => turn(starts.slice(0, -1)) },
                "Previous",
            ),
            h("span", {}, `Page ${starts.length}`),
            h(
                "button",
                { type: "button", disabled: !answer.next, onclick: () => turn([...starts, answer.next]) },
                "Next",
            )) : null,
    ]);
    return { load, draw };
}
