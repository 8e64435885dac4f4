// Numbers, times and words as people read them. Times are on the tenant's clock, with UTC in the title.
import { h } from "./dom.js";

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

let zone = "UTC";
const formats = new Map();

/// Sets the zone of the clock that times are shown on.
export function useZone(name) {
    try {
        new Intl.DateTimeFormat("en-GB", { timeZone: name });
        zone = name;
    } catch {
        // A zone that the browser does not know yet: UTC is right, and says so.
        zone = "UTC";
    }
    formats.clear();
}

export const zoneName = () => zone;

function parts(date, options, timeZone = zone) {
    const key = JSON.stringify([options, timeZone]);
    if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { ...options, timeZone }));
    return formats.get(key).format(date);
}

export const number = (value) => (value === undefined || value === null ? "–" : whole.format(value));
export const compact = (value, always = false) => (
    value < 10_000 && !always ? whole.format(value) : short.format(value)
);
export const rate = (value) => (value === undefined ? "–" : value < 100 ? tenth.format(value) : whole.format(value));

const moneyFormats = new Map();

/// Returns an amount in millionths of a currency, such as `USD 72.50`; small ones with four places.
export function money(micros, currency) {
    const places = micros !== 0 && Math.abs(micros) < 1_000_000 ? 4 : 2;
    if (!moneyFormats.has(places)) {
        moneyFormats.set(places, new Intl.NumberFormat("en-GB", {
            minimumFractionDigits: places, maximumFractionDigits: places,
        }));
    }
    return `${currency} ${moneyFormats.get(places).format(micros / 1e6)}`;
}

/// The amount of an estimate: one, or a range where it is not known what counts.
export const estimated = ({ currency, lowMicros, highMicros }) => `about ${money(lowMicros, currency)}${
    highMicros > lowMicros ? ` to ${money(highMicros, currency)}` : ""
}`;

/// What an estimate counts beside the paid messages, in words.
export function besides({ free, perhapsFree, unpriced }) {
    const words = [];
    if (free) words.push(`${number(free)} free`);
    if (perhapsFree) words.push(`up to ${number(perhapsFree)} perhaps free`);
    if (unpriced) words.push(`${number(unpriced)} without a price, not counted`);
    return words.join(", ");
}

/// Returns a share as a percentage that says 0 and 100 only when it is.
export function percent(part, all) {
    if (!all) return "–";
    const share = (part / all) * 100;
    if (share > 0 && share < 0.1) return "<0.1 %";
    if (share < 100 && share > 99.9) return "99.9 %";
    return `${tenth.format(share)} %`;
}

export const plural = (count, word, many = `${word}s`) => `${number(count)} ${count === 1 ? word : many}`;

export const day = (date) => parts(date, { weekday: "short", day: "numeric", month: "short" });
export const longDay = (date) => parts(date, { weekday: "long", day: "numeric", month: "long" });
export const clock = (date, seconds = false) =>
    parts(date, { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) });

/// The date of a time on the tenant's clock, such as `2026-11-30`.
export function localDate(date) {
    const [dayOfMonth, month, year] = parts(date, { year: "numeric", month: "2-digit", day: "2-digit" }).split("/");
    return `${year}-${month}-${dayOfMonth}`;
}

function utc(date) {
    const options = {
        weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
        second: "2-digit",
    };
    return `${parts(date, options, "UTC")} UTC`;
}

/// Returns a time on the tenant's clock: today only the time of day, else with the day.
export function time(value, { seconds = false, always = false } = {}) {
    if (!value) return "–";
    const date = new Date(value);
    const isToday = localDate(date) === localDate(new Date());
    const isThisYear = localDate(date).slice(0, 4) === localDate(new Date()).slice(0, 4);
    let text = clock(date, seconds);
    if (!isToday || always) text = `${isThisYear ? day(date) : localDate(date)}, ${text}`;
    return h("time", { datetime: date.toISOString(), title: `${utc(date)} · shown in ${zone}` }, text);
}

/// Returns a length of time in its two largest units, such as `2 h 5 min`.
export function duration(seconds) {
    const total = Math.max(0, Math.round(seconds));
    const units = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];
    const first = units.findIndex(([, size]) => total >= size);
    if (first < 0) return "0 s";
    const [name, size] = units[first];
    const rest = total % size;
    const text = `${Math.floor(total / size)} ${name}`;
    if (first === units.length - 1 || total / size >= 10) return text;
    const [smaller, smallerSize] = units[first + 1];
    const count = Math.floor(rest / smallerSize);
    return count ? `${text} ${count} ${smaller}` : text;
}

export const since = (value) => duration((Date.now() - new Date(value)) / 1_000);

/// Returns how far a time is away: `in 5 min` or `5 min ago`.
export function away(value) {
    const seconds = (new Date(value) - Date.now()) / 1_000;
    if (Math.abs(seconds) < 1) return "now";
    return seconds > 0 ? `in ${duration(seconds)}` : `${duration(-seconds)} ago`;
}

const words = {
    rate_limited: "WhatsApp asked for silence", quiet_hours: "quiet hours", quota: "24-hour quota used up",
    behind_others: "other runs go first", no_daemon: "no daemon runs", no_token: "no access token",
    launching: "messages are being written", moving: "sending", user_cap: "WhatsApp caps the recipients",
    whatsapp_unreachable: "WhatsApp cannot be reached", store_unreachable: "Postgres or Redis cannot be reached",
    insufficient_balance: "the wallet does not cover it", template_not_approved: "template not approved",
    paused: "paused", upload: "a file is being uploaded",
    optedOut: "opted out", marketingStopped: "stopped marketing messages", notOptedIn: "never opted in",
    deactivated: "deactivated", outOfWindow: "outside the 24-hour window", halfOpen: "trying again",
    event_triggered: "by an event", module_initiated: "by a module", manual: "by a person", scheduled: "by a schedule",
    api: "API", send: "launched", again: "launched again", pause: "paused", resume: "resumed", cancel: "cancelled",
    retry: "sent again", settle: "settled",
};

/// Returns a name of the API as words: `rate_limited` and `notOptedIn` as people say them.
export function say(name) {
    if (words[name]) return words[name];
    return String(name).replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
}

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

const guards = {
    alike: "the guard against failures that are alike", share: "the guard against too many failures",
    answer: "the guard against an answer that all messages get", webhook: "WhatsApp's report about the template",
    quota: "the guard of the quota", balance: "the guard of the wallet", policy: "the guard of the tenant's policy",
    template: "the guard of templates",
};

/// Returns who did something, as people say it.
export function actor(text) {
    const [kind, ...rest] = String(text).split(":");
    const name = rest.join(":");
    if (kind === "guard") return guards[name] ?? `the guard ${name}`;
    if (kind === "api" || kind === "command") return name || kind;
    return name ? `${kind} ${name}` : capital(kind);
}
