// The live state of the tenant: one stream of server-sent events, read with `fetch`, because the browser's own
// EventSource cannot send the token.
import { request } from "./api.js";

const kinds = { daemons: "id", senders: "id", runs: "id", alarms: "code" };
/// The daemon sends a heartbeat every 15 s.
const silence = 40_000;

/// Dispatches `change` after each message, and `status` when the connection changes.
class Live extends EventTarget {
    daemons = new Map();
    senders = new Map();
    runs = new Map();
    alarms = new Map();
    /// `connecting`, `live`, `stale` if the daemon cannot read the state, `lost` or `hidden`.
    status = "connecting";
    /// The daemon's words, if it refuses a stream.
    refusal;
    hasSnapshot = false;
    #lastID;
    #abort;
    #pause = 2_000;
    #failures = 0;
    #retry;
    #isOn = false;

    start() {
        if (this.#isOn) return;
        this.#isOn = true;
        document.addEventListener("visibilitychange", () => this.#visibilityChanged());
        addEventListener("online", () => this.#reconnect());
        this.#visibilityChanged();
    }

    /// Ends the stream for good.
    stop() {
        this.#isOn = false;
        clearTimeout(this.#retry);
        this.#abort?.abort();
        this.#say("lost");
    }

    #visibilityChanged() {
        if (document.visibilityState === "visible") this.#reconnect();
        else {
            clearTimeout(this.#retry);
            this.#abort?.abort();
            this.#say("hidden");
        }
    }

    #reconnect() {
        if (!this.#isOn) return;
        clearTimeout(this.#retry);
        this.#abort?.abort();
        this.#read();
    }

    async #read() {
        const abort = (this.#abort = new AbortController());
        let delay = 0;
        if (this.status !== "lost") this.#say("connecting");
        try {
            const headers = { Accept: "text/event-stream", ...(this.#lastID && { "Last-Event-ID": this.#lastID }) };
            const response = await request("/events", { headers, signal: abort.signal, tries: 0 });
            this.refusal = undefined;
            await this.#readMessages(response.body.getReader(), abort);
        } catch (error) {
            if (abort.signal.aborted && this.#abort !== abort) return;
            if (error.status === 401 || error.status === 403) return this.stop();
            delay = (error.retryAfter ?? 0) * 1_000;
            if (error.status) this.refusal = error.message;
        }
        if (!this.#isOn || abort !== this.#abort || document.visibilityState !== "visible") return;
        this.#say("lost");
        this.#failures += 1;
        // The pause grows, and viewers of one daemon do not come back at the same moment.
        const wait = Math.min(15_000, this.#pause * 2 ** Math.min(4, this.#failures - 1) * (0.25 + Math.random() / 2));
        this.#retry = setTimeout(() => this.#reconnect(), Math.max(delay, wait));
    }

    async #readMessages(reader, abort) {
        const decoder = new TextDecoder();
        let text = "";
        let watchdog;
        const expect = () => {
            clearTimeout(watchdog);
            watchdog = setTimeout(() => abort.abort(), silence);
        };
        try {
            for (;;) {
                expect();
                const { done, value } = await reader.read();
                if (done) return;
                text += decoder.decode(value, { stream: true });
                const messages = text.split(/\r?\n\r?\n/);
                text = messages.pop();
                for (const message of messages) this.#take(message);
            }
        } finally {
            clearTimeout(watchdog);
        }
    }

    #take(message) {
        let event = "message";
        let data = "";
        for (const line of message.split(/\r?\n/)) {
            const colon = line.indexOf(":");
            if (colon === 0) continue;
            const field = colon < 0 ? line : line.slice(0, colon);
            const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
            if (field === "event") event = value;
            else if (field === "data") data += data ? `\n${value}` : value;
            else if (field === "id") this.#lastID = value;
            else if (field === "retry" && /^\d+$/.test(value)) this.#pause = Number(value);
        }
        this.#failures = 0;
        if (!data) return this.#say(this.alarms.has("postgres_down") ? "stale" : "live");
        const state = JSON.parse(data);
        for (const [kind, id] of Object.entries(kinds)) {
            if (event === "snapshot") this[kind].clear();
            for (const item of state[kind] ?? []) this[kind].set(item[id], item);
            for (const gone of state.removed?.[kind] ?? []) this[kind].delete(gone);
        }
        this.hasSnapshot = true;
        this.at = state.at;
        this.#say(this.alarms.has("postgres_down") ? "stale" : "live");
        this.dispatchEvent(new Event("change"));
    }

    #say(status) {
        if (this.status === status) return;
        this.status = status;
        this.dispatchEvent(new Event("status"));
    }
}

export const live = new Live();
