// Requests to the public API. The token comes from a sign-in, or in the fragment of the address, which no server sees, and
// is kept for this tab alone; there are no cookies.

const key = "campaigns.token";
const signedInKey = "campaigns.signed-in";

/// An answer that is not what was asked for, or no answer.
class APIError extends Error {
    constructor(message, { status = 0, code, title, retryAfter } = {}) {
        super(message);
        Object.assign(this, { status, code, title, retryAfter });
    }
}

/// Dispatches `expired` when the token is no longer good.
export const access = new EventTarget();

/// Takes a token from the address, and removes it there, so that it is in no history and on no picture of the screen.
export function takeToken() {
    const found = new URLSearchParams(location.hash.slice(1)).get("token");
    if (!found) return false;
    useToken(found);
    history.replaceState(null, "", location.pathname + location.search);
    return true;
}

/// Takes a token, or a link with one; `isSignedIn` says that it comes from a sign-in.
export function useToken(text, isSignedIn = false) {
    const [, fragment] = text.split("#token=");
    sessionStorage.setItem(key, (fragment ?? text).trim());
    sessionStorage.setItem(signedInKey, isSignedIn ? "yes" : "");
}

/// Forgets the token, and what it allowed.
export function forgetToken() {
    sessionStorage.removeItem(key);
    current = undefined;
}

/// True if the token, or the one before it, comes from a sign-in and not from a link.
export const isSignedIn = () => Boolean(sessionStorage.getItem(signedInKey));
export const hasToken = () => Boolean(sessionStorage.getItem(key));

/// Sends a request with the token, and returns the response if it is good.
export async function request(path, { method = "GET", query, body, headers, signal, tries = 3 } = {}) {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
        if (value !== undefined && value !== null && value !== "") parameters.set(name, value);
    }
    const text = parameters.toString();
    const token = sessionStorage.getItem(key);
    let response;
    try {
        response = await fetch(text ? `${path}?${text}` : path, {
            method,
            signal,
            cache: "no-store",
            credentials: "omit",
            headers: {
                ...(token && { Authorization: `Bearer ${token}` }),
                ...(body !== undefined && { "Content-Type": "application/json" }),
                ...headers,
            },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new APIError("The daemon does not answer. It may be restarting; the page goes on when it is back.", {
            title: "No connection",
        });
    }
    if (response.ok) return response;
    const error = await failure(response);
    // Nothing has happened then. Other previews of the tenant are being counted, or it asks for too much at once.
    if (error.status === 429 && tries > 0) {
        await new Promise((resolve) => setTimeout(resolve, (error.retryAfter ?? 1) * 1_000));
        signal?.throwIfAborted();
        return request(path, { method, query, body, headers, signal, tries: tries - 1 });
    }
    throw error;
}

async function failure(response) {
    let answer = {};
    try {
        answer = await response.json();
    } catch {
        // A proxy may answer with something else; the status says enough.
    }
    if (response.status === 401) {
        sessionStorage.removeItem(key);
        access.dispatchEvent(new Event("expired"));
    }
    const fields = (answer.errors ?? []).map(({ field, message }) => (field ? `${field}: ${message}` : message));
    const detail = [answer.detail ?? `The answer was ${response.status} ${response.statusText}`, ...fields].join(". ");
    return new APIError(detail, {
        status: response.status,
        code: answer.code,
        title: answer.code === "too_slow" ? "This takes too long to read" : titles[response.status],
        retryAfter: Number(response.headers.get("Retry-After")) || undefined,
    });
}

const titles = {
    401: "Your access has expired",
    403: "Your access does not allow this",
    404: "There is no such thing in this tenant",
    409: "That is not possible now",
    422: "Something is not right yet",
    429: "Too many requests",
    503: "The daemon is not ready",
};

/// Returns the JSON of an address.
export async function get(path, query, signal) {
    return (await request(path, { query, signal })).json();
}

/// Sends JSON, and returns the JSON of the answer.
export async function post(path, body, { headers, query, signal } = {}) {
    return (await request(path, { method: "POST", body: body ?? {}, headers, query, signal })).json();
}

/// Saves the answer to a request as a file.
export async function download(path, query, name) {
    const response = await request(path, { query });
    const address = URL.createObjectURL(await response.blob());
    const link = document.createElement("a");
    link.href = address;
    link.download = name;
    link.click();
    URL.revokeObjectURL(address);
}

/// Returns a new key, with which a request may be repeated and has its effect once.
export function idempotencyKey() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

let current;

/// The rights of the token, and the clock of its tenant.
export const session = () => current;
export const may = (scope) => current?.scopes.includes(scope) || current?.scopes.includes("admin") || false;

/// Reads what the token allows.
export async function openSession() {
    current = await get("/session");
    return current;
}
