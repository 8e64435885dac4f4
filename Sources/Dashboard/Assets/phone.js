// The message of a campaign as a phone shows it.
import { get, request } from "./api.js";
import { h, icon, render, table } from "./dom.js";
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
                content.media ? medium(content.media) : null,
                content.header ? header(content.header) : null,
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

/// The header: a text, or a file that stands beside the specs, as `[image] sha256:…`.
function header(text) {
    const file = text.match(/^\[(?:image|video|document)\] sha256:([0-9a-f]{64})/);
    if (file) return h("stored-file", { class: "media", digest: file[1] });
    return h("p", { class: "bubble-header" }, marked(text));
}

/// What a message has in place of a text: a file beside the specs, or the word for its kind.
function medium({ kind, link }) {
    const digest = link?.match(/(?:sha256:|media\.)([0-9a-f]{64})/)?.[1];
    return digest
        ? h("stored-file", { class: "media", digest })
        : h("div", { class: "media" }, icon("file"), kind);
}

/// A file beside the specs: the picture, or the name and size of anything else. It is requested with the token, which an
/// address in `src` could not have.
class StoredFile extends HTMLElement {
    static observedAttributes = ["digest"];
    #address;

    connectedCallback() {
        this.#show();
    }

    disconnectedCallback() {
        this.#forget();
    }

    attributeChangedCallback(name, before, after) {
        if (this.isConnected && before !== after) this.#show();
    }

    #forget() {
        if (this.#address) URL.revokeObjectURL(this.#address);
        this.#address = undefined;
    }

    async #show() {
        this.#forget();
        const digest = this.getAttribute("digest");
        const isCurrent = () => this.isConnected && this.getAttribute("digest") === digest;
        render(this, icon("file"), "Loading");
        try {
            const { type, bytes, path } = await get(`/media/${digest}`);
            const name = path?.split("/").at(-1) ?? type;
            const size = bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
            if (!["image/jpeg", "image/png"].includes(type)) {
                if (isCurrent()) render(this, icon("file"), h("span", { title: path }, `${name}, ${size}`));
                return;
            }
            const picture = await (await request(`/media/${digest}/image`)).blob();
            if (!isCurrent()) return;
            this.#forget();
            this.#address = URL.createObjectURL(picture);
            render(this, h("img", { src: this.#address, alt: `Picture ${name}, ${size}` }));
        } catch (error) {
            if (isCurrent()) render(this, icon("failed"), `The file is not shown: ${error.message}`);
        }
    }
}

customElements.define("stored-file", StoredFile);

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
        header: fill(headerText(template.header, values)),
        body: fill(template.body),
        footer: template.footer,
        buttons: template.buttons,
    };
}

/// The header of a template as a text: its own, or its kind with the file that everybody gets or the campaign gives.
function headerText(content, values) {
    if (typeof content !== "object" || content === null) return content;
    const [kind, file] = Object.entries(content)[0] ?? ["header"];
    return [`[${kind}]`, typeof file === "string" ? file : values["header.link"]].filter(Boolean).join(" ");
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
    return { media: { kind: message.type ?? "message", link: value.id ?? value.link }, body: value.caption ?? "" };
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
