// Charts as SVG. Each has its numbers as text too: in a table behind it, or in its label.
import { h, icon, iconPath, render, table } from "./dom.js";
import { actor, capital, clock, compact, day, number, rate, time } from "./format.js";

const margin = { top: 26, right: 14, bottom: 24, left: 50 };
const minute = 60_000;
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1_440, 2_880, 10_080];

/// A chart over time: bars that stand on each other, lines, a limit, and marks. Its `data` is
/// `{label, unit, series: [{name, title, kind: "bar" | "line"}], points: [{at, …}], from?, to?, limit?, marks?}`;
/// points are of `stepMinutes` (1) each, `limit` is per minute. Long ranges are drawn with averages of several minutes.
class TimeChart extends HTMLElement {
    #data;
    #observer;
    #width = 0;

    set data(data) {
        this.#data = data;
        if (this.isConnected) this.#draw();
    }

    connectedCallback() {
        this.#observer = new ResizeObserver(([entry]) => {
            const width = Math.round(entry.contentRect.width);
            if (width === this.#width) return;
            this.#width = width;
            this.#draw();
        });
        this.#observer.observe(this);
        this.#draw();
    }

    disconnectedCallback() {
        this.#observer?.disconnect();
    }

    #draw() {
        const data = this.#data;
        if (!data || this.#width < 50) return;
        const buckets = collect(data, Math.max(20, Math.floor((this.#width - 70) / 5)));
        render(
            this,
            legend(data),
            h(
                "div",
                {
                    class: "plot",
                    key: "plot",
                    onpointermove: (event) => this.#point(event),
                    onpointerleave: () => this.#unpoint(),
                },
                drawing(data, buckets, this.#width),
                h("div", { class: "tooltip", hidden: true, "aria-hidden": "true" }),
            ),
            h(
                "details",
                { class: "behind", key: "table" },
                h("summary", {}, "Show as a table"),
                numbers(data, buckets),
            ),
        );
        this.buckets = buckets;
    }

    #point(event) {
        const plot = this.querySelector(".plot");
        const tooltip = plot.querySelector(".tooltip");
        const cursor = plot.querySelector(".cursor");
        const { list, step } = this.buckets;
        const box = plot.getBoundingClientRect();
        const inner = this.#width - margin.left - margin.right;
        const index = Math.floor(((event.clientX - box.left - margin.left) / inner) * list.length);
        const bucket = list[index];
        if (!bucket) return this.#unpoint();
        const x = margin.left + ((index + 0.5) / list.length) * inner;
        cursor.setAttribute("x1", x);
        cursor.setAttribute("x2", x);
        cursor.removeAttribute("visibility");
        const marks = (this.#data.marks ?? []).filter((mark) => {
            const at = Date.parse(mark.at);
            return at >= bucket.at && at < bucket.at + step * minute;
        });
        render(
            tooltip,
            h("strong", {}, `${clock(bucket.at)}${step > 1 ? `–${clock(bucket.at + step * minute)}` : ""}`),
            this.#data.series.map((series) => h(
                "div", {}, swatch(series), `${series.title} `, h("b", {}, rate(bucket[series.name])),
            )),
            marks.map((mark) => h("div", {}, icon(markSigns[mark.kind]?.[0]), ` ${markText(mark)}`)),
        );
        tooltip.hidden = false;
        const isRight = x > this.#width / 2;
        tooltip.style.left = isRight ? "auto" : `${x + 10}px`;
        tooltip.style.right = isRight ? `${this.#width - x + 10}px` : "auto";
    }

    #unpoint() {
        this.querySelector(".tooltip").hidden = true;
        this.querySelector(".cursor").setAttribute("visibility", "hidden");
    }
}

customElements.define("time-chart", TimeChart);

/// Adds up the points in buckets of whole minutes, at most `most`, and divides by their minutes.
function collect(data, most) {
    const ats = data.points.map((point) => Date.parse(point.at));
    const from = Math.floor((data.from ? Date.parse(data.from) : Math.min(...ats)) / minute);
    const to = Math.floor((data.to ? Date.parse(data.to) : Math.max(...ats)) / minute);
    const minutes = Math.max(6, to - from + 1);
    // Points of longer steps are never spread over shorter ones.
    const own = data.stepMinutes ?? 1;
    const step = steps.find(
        (size) => size % own === 0 && minutes / size <= most
    ) ?? Math.ceil(minutes / most / own) * own;
    const first = Math.floor(from / step) * step;
    const count = Math.ceil((from + minutes - first) / step);
    const list = Array.from({ length: count }, (_, index) => {
        const bucket = { at: (first + index * step) * minute };
        for (const { name } of data.series) bucket[name] = 0;
        return bucket;
    });
    data.points.forEach((point, index) => {
        const bucket = list[Math.floor((Math.floor(ats[index] / minute) - first) / step)];
        if (!bucket) return;
        for (const { name } of data.series) bucket[name] += (point[name] ?? 0) / step;
    });
    return { list, step, end: to * minute };
}

function niceTop(value) {
    const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
    return [
        1,
        1.2,
        1.6,
        2,
        2.4,
        3,
        4,
        5,
        6,
        8,
        10,
    ].map((factor) => factor * power).find((top) => top >= value) ?? value;
}

function drawing(data, { list, step, end }, width) {
    const height = data.height ?? 240;
    const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    const bars = data.series.filter(({ kind }) => kind === "bar");
    const lines = data.series.filter(({ kind }) => kind === "line");
    const sums = list.map((bucket) => bars.reduce((sum, { name }) => sum + bucket[name], 0));
    const highest = Math.max(1, ...sums, ...lines.flatMap(({ name }) => list.map((bucket) => bucket[name])));
    // A limit far above all values would make them flat, so it is only named then.
    const showsLimit = data.limit && highest > data.limit / 8;
    const top = niceTop(Math.max(highest, showsLimit ? data.limit * 1.06 : 0));
    const y = (value) => margin.top + inner.height * (1 - value / top);
    const slot = inner.width / list.length;
    const x = (index) => margin.left + slot * index;
    const parts = [defs()];
    const tickCount = top / 4 >= 1 ? 4 : 2;
    for (let index = 0; index <= tickCount; index++) {
        const value = (top / tickCount) * index;
        parts.push(
            h("line", { class: "grid", x1: margin.left, x2: width - margin.right, y1: y(value), y2: y(value) }),
            h(
                "text",
                { class: "tick", x: margin.left - 6, y: y(value) + 4, "text-anchor": "end" },
                top < 10_000 ? number(value) : compact(value, true),
            ),
        );
    }
    const every = steps.find((size) => size >= step && (size / step) * slot >= 76) ?? steps.at(-1);
    list.forEach((bucket, index) => {
        if (Math.round(bucket.at / minute) % every) return;
        const text = every >= 1_440 ? day(bucket.at) : clock(bucket.at);
        const anchor = index === 0 ? "start" : "middle";
        parts.push(h("text", { class: "tick", x: x(index), y: height - 6, "text-anchor": anchor }, text));
    });
    const gap = slot > 6 ? 1.5 : slot > 3 ? 0.5 : 0;
    const base = list.map(() => 0);
    for (const series of bars) {
        list.forEach((bucket, index) => {
            const value = bucket[series.name];
            if (!value) return;
            const from = y(base[index]);
            base[index] += value;
            const to = y(base[index]);
            parts.push(h("rect", {
                class: `bar s-${series.name}`,
                x: x(index) + gap / 2,
                y: to,
                width: Math.max(0.5, slot - gap),
                height: Math.max(0, from - to),
            }));
        });
    }
    const known = list.filter(({ at }) => at <= end);
    for (const series of lines) {
        const points = known.map((bucket, index) => [x(index + 0.5), y(Math.max(0, bucket[series.name]))]);
        parts.push(h("polyline", {
            class: `line s-${series.name}`,
            points: points.map((point) => point.map((value) => value.toFixed(1)).join()).join(" "),
        }));
        // A line of few points is hardly seen without them.
        if (points.length <= 30) {
            parts.push(points.map(([cx, cy]) => h("circle", { class: `dot s-${series.name}`, cx, cy, r: 2.5 })));
        }
    }
    if (showsLimit) {
        parts.push(
            h(
                "line",
                { class: "limit", x1: margin.left, x2: width - margin.right, y1: y(data.limit), y2: y(data.limit) },
            ),
            h(
                "text",
                { class: "limit-text", x: width - margin.right, y: y(data.limit) - 5, "text-anchor": "end" },
                limitText(data),
            ),
        );
    } else if (data.limit) {
        parts.push(
            h(
                "text",
                { class: "limit-text", x: width - margin.right, y: margin.top + 12, "text-anchor": "end" },
                `↑ ${limitText(data)}`,
            )
        );
    }
    parts.push(marksOf(data, list[0].at, step * minute * list.length, width, height));
    parts.push(h("line", {
        class: "cursor", visibility: "hidden", x1: 0, x2: 0, y1: margin.top, y2: height - margin.bottom,
    }));
    return h(
        "svg",
        { role: "img", "aria-label": summary(data), width, height, viewBox: `0 0 ${width} ${height}` },
        parts,
    );
}

/// Marks as lines, with their signs beside each other above.
function marksOf(data, start, length, width, height) {
    let free = 0;
    return (data.marks ?? []).map((mark) => {
        const share = (Date.parse(mark.at) - start) / length;
        if (share < 0 || share > 1) return null;
        const at = margin.left + share * (width - margin.left - margin.right);
        const sign = Math.min(Math.max(at - 6, free), width - 12);
        free = sign + 14;
        return [
            h("line", { class: `mark m-${mark.kind}`, x1: at, x2: at, y1: margin.top - 6, y2: height - margin.bottom }),
            h(
                "g",
                {
                    class: `icon mark-sign m-${mark.kind}`,
                    transform: `translate(${sign} ${margin.top - 20}) scale(0.75)`,
                },
                iconPath(markSigns[mark.kind]?.[0]),
            ),
        ];
    });
}

const limitText = (data) => `limit ${number(data.limit)} per minute`;

function defs() {
    return h("defs", {}, h(
        "pattern",
        { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
        h("rect", { class: "hatch-ground", width: 6, height: 6 }),
        h("line", { class: "hatch-line", x1: 0, x2: 0, y1: 0, y2: 6 }),
    ));
}

function summary(data) {
    const sums = data.series.map(({ name, title }) => {
        const sum = data.points.reduce((total, point) => total + (point[name] ?? 0), 0);
        return `${title} ${number(sum)}`;
    });
    const marks = data.marks?.length ? `; ${data.marks.length} marks` : "";
    const limit = data.limit ? `; ${limitText(data)}` : "";
    return `${data.label}: ${sums.join(", ")}${limit}${marks}. The table has each number.`;
}

const swatch = (series) => h("span", { class: `swatch ${series.kind} s-${series.name}`, "aria-hidden": "true" });

function legend(data) {
    return h(
        "ul",
        { class: "legend", key: "legend" },
        data.series.map((series) => h("li", {}, swatch(series), series.title)),
        data.limit && h(
            "li",
            {},
            h("span", { class: "swatch line s-limit", "aria-hidden": "true" }),
            "Limit of the sender",
        ),
        h("li", { class: "unit" }, data.unit),
    );
}

function numbers(data, { list, step }) {
    const title = step > 1 ? ` (per minute, over ${step} min)` : "";
    const filled = list.filter((bucket) => data.series.some(({ name }) => bucket[name]));
    return [
        table(
            `${data.label}${title}`,
            [
                { title: "Time", cell: (bucket) => time(bucket.at) },
                ...data.series.map(
                    ({ name, title }) => ({ title, isNumber: true, cell: (bucket) => rate(bucket[name]) })
                ),
            ],
            filled,
            { empty: "No numbers yet." },
        ),
        data.marks?.length && table(
            "Marks of this chart",
            [
                { title: "Time", cell: (mark) => time(mark.at, { seconds: true }) },
                { title: "What happened", cell: markText },
            ],
            data.marks,
        ),
    ];
}

const markSigns = {
    launch: ["flag", "launched"], pause: ["paused", "paused"], resume: ["running", "resumed"],
    cancel: ["cancelled", "cancelled"], retry: ["retry", "sent again"],
    throttled: ["down", "WhatsApp asked for silence (429)"], daemonStarted: ["up", "a daemon started"],
    daemonLost: ["offline", "a daemon was lost"], daemonStopped: ["down", "a daemon was stopped"],
    settle: ["completed", "settled what was unconfirmed"],
};

function markText(mark) {
    const what = markSigns[mark.kind]?.[1] ?? mark.kind;
    const who = !mark.who ? "" : mark.kind.startsWith("daemon") ? ` (version ${mark.who})` : ` by ${actor(mark.who)}`;
    return `${capital(what)}${who}${mark.reason ? `: ${mark.reason}` : ""}`;
}

/// Returns a line over the last minutes, with the limit as a dashed line where it is near.
export function sparkline(values, limit, label) {
    const highest = Math.max(1, ...values);
    const showsLimit = limit && highest > limit / 4;
    const top = Math.max(highest, showsLimit ? limit : 0) * 1.1;
    const x = (index) => (index / Math.max(1, values.length - 1)) * 100;
    const y = (value) => 30 - (value / top) * 28;
    const points = values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    return h(
        "svg",
        {
            class: "spark", viewBox: "0 0 100 32", preserveAspectRatio: "none", role: "img",
            "aria-label": `${label}: ${values.map(compact).join(", ")}`,
        },
        h("polyline", { class: "area", points: `0,30 ${points} 100,30` }),
        showsLimit && h("line", { class: "limit", x1: 0, x2: 100, y1: y(limit), y2: y(limit) }),
        h("polyline", { class: "line", points }),
    );
}

/// Returns a bar of parts: `{name, title, count}`.
export function parts(segments, total, label) {
    const shown = segments.filter(({ count }) => count > 0);
    const text = shown.map(({ title, count }) => `${title} ${number(count)}`).join(", ");
    return h(
        "div",
        { class: "parts", role: "img", "aria-label": `${label}: ${text || "nothing yet"}` },
        shown.map(({ name, count }) => h("span", {
            key: name, class: `s-${name}`, style: { "flex-grow": `${count}` },
        })),
        total > 0 && h("span", {
            key: "rest",
            class: "rest",
            style: { "flex-grow": `${Math.max(0, total - shown.reduce((sum, { count }) => sum + count, 0))}` },
        }),
    );
}

/// Returns a bar that shows a value against its limit.
export function gauge(value, limit, label, text, warns = true) {
    const share = limit > 0 ? Math.min(1, value / limit) : 0;
    const level = !warns ? "normal" : share >= 1 ? "full" : share >= 0.9 ? "high" : "normal";
    return h(
        "div",
        {
            class: `gauge ${level}`, role: "meter", "aria-label": label, "aria-valuemin": 0,
            "aria-valuemax": limit || 0, "aria-valuenow": Math.min(value, limit || 0), "aria-valuetext": text,
        },
        h("span", { style: { width: `${(share * 100).toFixed(1)}%` } }),
    );
}
