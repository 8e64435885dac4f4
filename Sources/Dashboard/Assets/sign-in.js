// Signing in at an identity provider: OpenID Connect with an authorization code and PKCE (RFC 7636), as a public client.
// The provider sends people back to /ui, and the page exchanges the code for an ID token, with which it calls the API.

const key = "campaigns.sign-in";

/// Returns how people sign in: the addresses of the provider, a `problem`, or neither without a provider.
export async function provider() {
    try {
        const response = await fetch("/ui/sign-in", {
            cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(5_000),
        });
        return response.ok ? await response.json() : {};
    } catch {
        // The daemon does not answer; people may still use a link.
        return {};
    }
}

const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => encode(crypto.getRandomValues(new Uint8Array(32)));
const returnAddress = () => `${location.origin}/ui`;

/// Leaves for the provider. What its answer must fit is kept for this tab alone.
export async function signIn({ authorizationEndpoint, clientId }, prompt) {
    if (!crypto.subtle) throw new Error("Signing in needs https: open the dashboard at its https address.");
    const [state, nonce, verifier] = [random(), random(), random()];
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    sessionStorage.setItem(key, JSON.stringify({ state, nonce, verifier, path: location.pathname + location.search }));
    leave(authorizationEndpoint, {
        response_type: "code", scope: "openid email profile", client_id: clientId, redirect_uri: returnAddress(),
        state, nonce, code_challenge: encode(digest), code_challenge_method: "S256", ...(prompt && { prompt }),
    });
}

/// Ends the session at the provider, if it has an address for that.
export function endSession({ endSessionEndpoint, clientId }) {
    if (!endSessionEndpoint) return false;
    leave(endSessionEndpoint, { client_id: clientId, post_logout_redirect_uri: returnAddress() });
    return true;
}

function leave(address, parameters) {
    const target = new URL(address);
    for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value);
    location.assign(target);
}

/// Takes the answer of the provider from the address, and returns to the page from which people left.
///
/// Returns the token; nothing if there is no answer.
export async function finishSignIn() {
    const answer = new URLSearchParams(location.search);
    if (location.pathname !== "/ui" || !answer.has("state") || !(answer.has("code") || answer.has("error"))) return;
    const expected = JSON.parse(sessionStorage.getItem(key) ?? "{}");
    sessionStorage.removeItem(key);
    const isOurs = Boolean(expected.state) && answer.get("state") === expected.state;
    history.replaceState(null, "", isOurs ? expected.path : "/ui");
    if (!isOurs) throw new Error("The answer of the identity provider belongs to another sign-in, so it is not used.");
    if (answer.has("error")) {
        throw new Error(`The identity provider says: ${answer.get("error_description") ?? answer.get("error")}`);
    }
    const { issuer, clientId, tokenEndpoint, problem } = await provider();
    if (!tokenEndpoint) throw new Error(problem ?? "The daemon does not answer.");
    if (answer.has("iss") && answer.get("iss") !== issuer) {
        throw new Error("The answer is from another identity provider, so it is not used.");
    }
    const token = await exchange(tokenEndpoint, {
        grant_type: "authorization_code", code: answer.get("code"), redirect_uri: returnAddress(),
        client_id: clientId, code_verifier: expected.verifier,
    });
    // The daemon checks everything else of the token with each request; it does not know this number.
    if (claims(token).nonce !== expected.nonce) {
        throw new Error("The token of the identity provider belongs to another sign-in, so it is not used.");
    }
    return token;
}

async function exchange(address, parameters) {
    let response;
    let answer = {};
    try {
        response = await fetch(address, {
            method: "POST", body: new URLSearchParams(parameters), credentials: "omit", cache: "no-store",
            redirect: "error", signal: AbortSignal.timeout(15_000),
        });
        answer = await response.json();
    } catch {
        if (!response) {
            throw new Error("The identity provider gives this page no token; it must allow requests of "
                + `${location.origin} (its web origin, or CORS).`);
        }
    }
    if (!response.ok || !answer.id_token) {
        const reason = answer.error_description ?? answer.error ?? `the answer was ${response.status}`;
        throw new Error(`The identity provider gives no token: ${reason}`);
    }
    return answer.id_token;
}

function claims(token) {
    try {
        return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    } catch {
        return {};
    }
}
