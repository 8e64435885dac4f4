// The message of a campaign as a phone shows it.
import { h, icon, table } from "./dom.js";
import { number } from "./format.js";
import { fact } from "./states.js";

/// Returns the message: as rendered for real recipients if that is known, else with its placeholders.
export function phone(campaign, template, rendered, index, choose) {
    const samples = rendered?.messages ?? [];
    const sample = samples[index % Math.max(1, samples.length)];
    const content = sample ? fromSample(sample) : template ? fromTemplate(campaign, template)
        : fromMessage(campaign.messageTemplate);
    return [
        sample?.problem ? h("p", { class: "notice warning", key: "problem" }, icon("failed"), sample.problem) : null,
        h("div", { class: "phone", key: "phone" },
            h("div", { class: "bubble" },
                content.media ? h("div", { class: "media" }, icon("file"), content.media) : null,
                content.header ? h("p", { class: "bubble-header" }, marked(content.header)) : null,
                content.body
                    ? content.body.split("\n").map((line) => h("p", {}, line ? marked(line) : "\u00a0"))
                    : null,
                content.footer ? h("p", { class: "bubble-footer" }, content.footer) : null),
            content.buttons?.length ? h("ul", { class: "bubble-buttons" }, content.buttons.map(button)) : null),
        samples.length > 1 ? h("div", { class: "pager", key: "pager" },
            h("button", { type: "button", onclick: () => choose(index + 1) }, "Another recipient"),
            h("span", {}, h("code", {}, sample.phone), sample.fallbacks.length
                ? `, without ${sample.fallbacks.map(({ placeholder }) => placeholder).join(", ")}` : "")) : null,
        rendered?.placeholders.length ? table("Placeholders", [
            { title: "Placeholder", cell: ({ placeholder }) => h("code", {}, placeholder) },
            { title: "Instead of a missing value", cell: ({ fallback }) => fallback ?? "the message fails" },
            { title: "Recipients without it", isNumber: true, cell: ({ missing }) => number(missing) },
        ], rendered.placeholders, { key: ({ placeholder }) => placeholder }) : null,
        h("dl", { class: "facts", key: "facts" },
            sample?.language ? fact("Language of this recipient", sample.language) : null,
            template ? [
                fact("Template", `${template.whatsappName} (${
                    [template.language, ...Object.keys(template.languages ?? {})].join(", ")})`),
                fact("Category", template.category),
            ] : null,
            (template?.whatsapp ?? []).map((state) => fact(
                "At WhatsApp",
                `${(state.status ?? "unknown").toLowerCase()}${state.reason ? `: ${state.reason}` : ""}`,
            ))),
    ];
}

function button(content) {
    if (typeof content === "string") return h("li", {}, content);
    const target = content.url ?? content.phoneNumber;
    return h("li", {}, content.text ?? content.title ?? "", target ? h("small", {}, target) : "");
}

/// Of a template whose texts are not stored only the parameters are known.
function fromSample({ header, body, footer, buttons, parameters }) {
    const known = body ?? (parameters ?? []).map(({ name, text }) => `${name}: ${text}`).join("\n");
    return { header, body: known, footer, buttons };
}

/// Fills the variables of a template with the campaign's texts for them.
function fromTemplate(campaign, template) {
    const values = campaign.templateParams ?? {};
    const fill = (text) => text?.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (whole, name) => values[name] ?? whole);
    return {
        header: fill(template.header),
        body: fill(template.body),
        footer: template.footer,
        buttons: template.buttons,
    };
}

/// Reads a message as the Cloud API takes it.
function fromMessage(message = {}) {
    const value = message[message.type] ?? {};
    if (message.type === "text") return { body: value.body };
    if (message.type === "template") return { body: `Template ${value.name} (${value.language?.code ?? ""})` };
    if (message.type === "interactive") {
        const { action = {} } = value;
        const rows = (action.sections ?? []).flatMap((section) => section.rows ?? []);
        return {
            header: value.header?.text, body: value.body?.text, footer: value.footer?.text,
            buttons: [...(action.buttons ?? []).map(({ reply }) => reply), ...rows, ...(action.parameters?.display_text
                ? [{ text: action.parameters.display_text, url: action.parameters.url }] : [])].filter(Boolean),
        };
    }
    return { media: message.type ?? "message", body: value.caption ?? "" };
}

const marks = { "*": "strong", _: "em", "~": "s" };

/// WhatsApp's marks for bold, italic and struck text, and placeholders, as elements.
function marked(text) {
    const pattern = /(\{\{.*?\}\})|([*_~])(\S(?:.*?\S)?)\2(?!\w)/g;
    const nodes = [];
    let end = 0;
    for (const found of text.matchAll(pattern)) {
        nodes.push(text.slice(end, found.index));
        nodes.push(
            found[1] ? h("span", { class: "placeholder" }, found[1].slice(2, -2)) : h(marks[found[2]], {}, found[3])
        );
        end = found.index + found[0].length;
    }
    nodes.push(text.slice(end));
    return nodes;
}
