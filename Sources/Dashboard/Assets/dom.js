// Builds elements and updates the page in place. Values become text and attributes, never markup.

const svgNames = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "polyline", "defs", "pattern"]);

/// Returns an element. `on…` properties are listeners, `.name` sets a property, `style` an object of CSS properties,
/// `key` tells elements of one list apart. Children may be nested lists; empty values are left out.
export function h(tag, properties, ...children) {
    const isSVG = svgNames.has(tag);
    const element = isSVG ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    element.assigned = {};
    for (const [name, value] of Object.entries(properties ?? {})) {
        if (value === undefined || value === null || value === false) continue;
        if (name === "key") element.dataset.key = value;
        // The content security policy forbids the attribute, but not the object model.
        else if (name === "style") {
            for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
        } else if (name.startsWith("on") || name.startsWith(".")) {
            const property = name.startsWith(".") ? name.slice(1) : name.toLowerCase();
            element[property] = element.assigned[property] = value;
        } else element.setAttribute(name, value === true ? "" : value);
    }
    append(element, children);
    return element;
}

function append(element, children) {
    for (const child of children) {
        if (child === undefined || child === null || child === false || child === "") continue;
        if (Array.isArray(child)) append(element, child);
        else element.append(child instanceof Node ? child : String(child));
    }
}

/// Makes the children of an element equal to the given ones. Elements that stay keep their focus, their selection,
/// their scroll position, and what people opened or typed.
export function render(element, ...children) {
    const wanted = document.createElement("div");
    append(wanted, children);
    updateChildren(element, wanted);
}

function updateChildren(element, wanted) {
    const keyed = new Map();
    for (const child of element.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
    const wantedKeys = new Set([...wanted.children].map((child) => child.dataset.key));
    const isWanted = (node) => Boolean(node.dataset?.key) && wantedKeys.has(node.dataset.key);
    let present = element.firstChild;
    for (const target of [...wanted.childNodes]) {
        const key = target.dataset?.key;
        let match;
        if (key) {
            match = keyed.get(key);
            keyed.delete(key);
            if (match?.nodeName !== target.nodeName) match = undefined;
        } else {
            // An element with a key belongs to its key alone.
            while (present?.dataset?.key && keyed.has(present.dataset.key) && !isWanted(present)) {
                present = remove(present, keyed);
            }
            if (present && !present.dataset?.key && present.nodeName === target.nodeName) match = present;
        }
        if (!match) {
            element.insertBefore(target, present);
            continue;
        }
        // A node that moves loses the focus, so those that are in the way go instead.
        while (present && present !== match && !isWanted(present)) present = remove(present, keyed);
        if (present === match) present = match.nextSibling;
        else element.insertBefore(match, present);
        update(match, target);
    }
    while (present) present = remove(present, keyed);
}

function remove(node, keyed) {
    const next = node.nextSibling;
    if (node.dataset?.key) keyed.delete(node.dataset.key);
    node.remove();
    return next;
}

function update(element, target) {
    if (element.nodeType !== Node.ELEMENT_NODE) {
        if (element.data !== target.data) element.data = target.data;
        return;
    }
    for (const { name, value } of target.attributes) {
        if (name !== "style" && element.getAttribute(name) !== value) element.setAttribute(name, value);
    }
    for (const { name } of [...element.attributes]) {
        // People open and close these themselves.
        if (name === "open" && ["DETAILS", "DIALOG"].includes(element.nodeName)) continue;
        if (name !== "style" && !target.hasAttribute(name)) element.removeAttribute(name);
    }
    if (element.style && element.style.cssText !== target.style.cssText) element.style.cssText = target.style.cssText;
    for (const name of Object.keys(element.assigned ?? {})) {
        if (name.startsWith("on") && !(name in target.assigned)) element[name] = null;
    }
    for (const [name, value] of Object.entries(target.assigned ?? {})) {
        if (name !== "value" || document.activeElement !== element) element[name] = value;
    }
    element.assigned = target.assigned;
    // Custom elements draw themselves.
    if (!element.nodeName.includes("-")) updateChildren(element, target);
}

const filled = new Set(["running", "flag", "down", "up"]);
const icons = {
    running: "M4 2.5v11l9-5.5z",
    launching: "M8 1.5v3m0 7v3M1.5 8h3m7 0h3M3.4 3.4l2.1 2.1m5 5 2.1 2.1m0-9.2-2.1 2.1m-5 5-2.1 2.1",
    paused: "M4.5 3v10m7-10v10",
    completed: "m2.5 8.5 3.5 3.5 7.5-8",
    cancelled: "m3.5 3.5 9 9m0-9-9 9",
    failed: "M8 2 1.5 13.5h13zM8 6.5v3m0 1.8v.4",
    waiting: "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM8 4.5V8l2.5 1.5",
    scheduled: "M2.5 3.5h11v10h-11zM2.5 6.5h11M5.5 2v3m5-3v3",
    draft: "M3 13l.6-2.8L11 2.8l2.2 2.2-7.4 7.4z",
    quiet: "M13 9.8A5.8 5.8 0 0 1 6.2 3 5.6 5.6 0 1 0 13 9.8z",
    offline: "M2 2l12 12M3 6.5a8 8 0 0 1 2-1.2m3-.6a8 8 0 0 1 5 1.8M5.5 9.5a4 4 0 0 1 1.5-.9m2.7.6.8.4M8 12.5v.2",
    moon: "M13 9.8A5.8 5.8 0 0 1 6.2 3 5.6 5.6 0 1 0 13 9.8z",
    file: "M4 1.8h5l3.2 3.2v9.2H4zM9 1.8V5h3.2",
    next: "m6 3.5 4.5 4.5L6 12.5",
    flag: "M4 14.5V2.5h8l-2 3 2 3H4",
    retry: "M13 8a5 5 0 1 1-1.6-3.7M13 1.8v3h-3",
    down: "M2.5 4.5h11L8 13z",
    up: "M2.5 12h11L8 3.5z",
};

/// Returns a drawing that is beside a word and says the same.
export function icon(name) {
    return h(
        "svg",
        { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true", width: 14, height: 14 },
        iconPath(name),
    );
}

/// Returns the path of a drawing of 16 by 16.
export function iconPath(name, properties) {
    return h("path", { d: icons[name] ?? icons.waiting, class: filled.has(name) ? "filled" : null, ...properties });
}

/// Returns a table with a caption for screen readers. Columns: `{title, isNumber, cell}`.
export function table(caption, columns, rows, { key, empty } = {}) {
    if (rows.length === 0 && empty) return h("p", { class: "empty" }, empty);
    return h(
        "div",
        { class: "scroll", tabindex: 0, role: "group", "aria-label": caption },
        h(
            "table",
            {},
            h("caption", { class: "hidden" }, caption),
            h("thead", {}, h("tr", {}, columns.map((column) => h(
                "th", { scope: "col", class: column.isNumber ? "number" : null }, column.title,
            )))),
            h("tbody", {}, rows.map((row, index) => h(
                "tr",
                { key: key ? key(row) : `row-${index}` },
                columns.map((column) => h("td", { class: column.isNumber ? "number" : null }, column.cell(row))),
            ))),
        ),
    );
}

/// Returns what is shown while data is under way.
export function skeleton(lines = 3) {
    return h(
        "div",
        { class: "skeleton", "aria-hidden": "true" },
        Array.from({ length: lines }, (_, index) => h("div", { style: { width: `${90 - index * 17 % 50}%` } })),
    );
}

/// Returns a part of a page with a heading.
export function panel(title, { key, actions, hint, level = "h2" } = {}, ...children) {
    return h(
        "section",
        { class: "panel", key: key ?? title, "aria-label": title },
        h("header", {}, h(level, {}, title), hint && h("p", { class: "hint" }, hint), actions && h(
            "div", { class: "actions" }, actions,
        )),
        ...children,
    );
}

/// Returns an explanation of an error, and what to do about it.
export function problem(error, retry) {
    return h(
        "div",
        { class: "notice critical", role: "alert" },
        icon("failed"),
        h("div", {}, h("strong", {}, error.title ?? "This could not be loaded"), h("p", {}, error.message)),
        retry && h("button", { type: "button", onclick: retry }, "Try again"),
    );
}

/// Returns the buttons that turn the pages of a list.
export function pager(page, limit, total, turn) {
    const last = Math.max(1, Math.ceil(total / limit));
    if (last === 1) return null;
    return h(
        "nav",
        { class: "pager", "aria-label": "Pages of this list" },
        h("button", { type: "button", disabled: page <= 1, onclick: () => turn(page - 1) }, "Previous"),
        h("span", {}, `Page ${page.toLocaleString("en-GB")} of ${last.toLocaleString("en-GB")}`),
        h("button", { type: "button", disabled: page >= last, onclick: () => turn(page + 1) }, "Next"),
    );
}
