// The frame of all pages: access, navigation, the state of the connection, and the colour scheme.
import {
    access, forgetToken, get, hasToken, isSignedIn, openSession, session, takeToken, useToken,
} from "./api.js";
import { h, icon, problem, render, skeleton } from "./dom.js";
import { live } from "./events.js";
import { time, useZone } from "./format.js";
import { endSession, finishSignIn, provider, signIn } from "./sign-in.js";

const pages = [
    { path: "", title: "Now", file: "now.js" },
    { path: "campaigns", title: "Campaigns", file: "campaigns.js" },
    { path: "calendar", title: "Calendar", file: "calendar.js" },
    { path: "specs", title: "Specs", file: "specs.js" },
    { path: "triggers", title: "Triggers", file: "triggers.js" },
    { path: "audience", title: "Audience", file: "audience.js" },
    { path: "wallet", title: "Wallet", file: "wallet.js", isShown: () => hasWallet },
];

const main = document.getElementById("main");
const top = document.getElementById("top");
let hasWallet = false;
let leave = new AbortController();
let here = pages[0];

/// Returns the page of the address, and the rest of the path for it.
function route() {
    const [first = "", ...rest] = location.pathname.replace(/^\/ui\/?/, "").split("/").map(decodeURIComponent);
    return { page: pages.find(({ path }) => path === first), rest: rest.filter(Boolean) };
}

/// Shows the page of the address. Pages end what they do when their signal is aborted.
async function show({ isFirst = false } = {}) {
    leave.abort();
    leave = new AbortController();
    const { signal } = leave;
    const { page, rest } = route();
    here = page;
    renderTop();
    if (!page) {
        document.title = "Not found · Campaigns";
        return render(main, h("h1", {}, "There is no such page"), h("p", {}, h("a", { href: "/ui" }, "Go to Now")));
    }
    document.title = `${page.title} · ${session().tenant} · Campaigns`;
    render(main, h("h1", { key: "title" }, page.title), skeleton(4));
    try {
        const file = page.path === "campaigns" && rest.length ? "campaign.js" : page.file;
        const { mount } = await import(`./${file}`);
        if (signal.aborted) return;
        await mount(main, rest, signal);
    } catch (error) {
        if (signal.aborted) return;
        render(main, h("h1", { key: "title" }, page.title), problem(error, () => show()));
    }
    // People who use a screen reader hear which page they are on.
    if (!isFirst && !signal.aborted) (main.querySelector("h1") ?? main).focus?.({ preventScroll: true });
    if (!isFirst) scrollTo(0, 0);
}

/// Links within the dashboard change the page without loading the frame again.
document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='/ui']");
    if (!link || link.download || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    if (link.pathname !== location.pathname) history.pushState(null, "", link.href);
    show();
});
addEventListener("popstate", () => hasToken() && show());
addEventListener("hashchange", () => takeToken() && start());

const connections = {
    live: ["Live", "running", "Changes appear within a second."],
    connecting: ["Connecting", "launching", "Waiting for the first answer."],
    lost: [
        "Reconnecting",
        "offline",
        "The daemon does not answer. What you see is the last state; the page goes on by itself.",
    ],
    stale: [
        "Stale",
        "offline",
        "The daemon cannot read Postgres. What you see is the last state; the page goes on by itself.",
    ],
    hidden: ["Paused", "paused", "Nothing is loaded while this tab is hidden."],
};

function renderTop() {
    const account = session();
    if (!account) return render(top, brand(), themeButton());
    const [word, sign, meaning] = connections[live.status];
    render(
        top,
        brand(),
        h("nav", {
            "aria-label": "Pages",
            key: "pages",
        }, pages.filter(({ isShown }) => isShown?.() ?? true).map((page) => h(
            "a",
            {
                key: page.path,
                href: `/ui/${page.path}`.replace(/\/$/, ""),
                "aria-current": page === here ? "page" : null,
            },
            page.title,
        ))),
        h("div", { class: "account", key: "account" },
            h("span", { class: `connection ${live.status}`, title: live.refusal ?? meaning },
                icon(sign),
                h("span", {}, word, live.status === "stale" ? [" since ", time(live.alarms.get("postgres_down")?.since)] : "")),
            h("span", { class: "tenant", title: `Signed in as ${account.subject}; may: ${account.scopes.join(", ")}` },
                account.tenant),
            h("span", { class: "until", title: `When this ${isSignedIn() ? "sign-in" : "link"} expires` },
                isSignedIn() ? "signed in until " : "link ends ", time(account.expiresAt)),
            isSignedIn() && h("button", { class: "quiet", type: "button", key: "sign-out", onclick: signOut }, "Sign out"),
            themeButton()),
    );
}

const brand = () => h("a", { class: "brand", href: "/ui", key: "brand" },
    h("img", { src: "/ui/icon.svg", alt: "", width: 22, height: 22 }), "campaigns");

const themes = ["auto", "light", "dark"];

function theme() {
    const stored = localStorage.getItem("campaigns.theme");
    return themes.includes(stored) ? stored : "auto";
}

function themeButton() {
    const next = themes[(themes.indexOf(theme()) + 1) % themes.length];
    return h("button", {
        class: "quiet", type: "button", key: "theme", title: `Colours: ${theme()}; change to ${next}`,
        "aria-label": `Colours: ${theme()}. Change to ${next}.`,
        onclick: () => {
            localStorage.setItem("campaigns.theme", next);
            useTheme();
            renderTop();
        },
    }, icon("moon"), theme());
}

function useTheme() {
    document.documentElement.dataset.theme = theme();
}

/// Says that a token is needed, and how to get one: by signing in where there is an identity provider, or by a link.
async function showSignIn(reason, { detail, prompt } = {}) {
    leave.abort();
    leave = new AbortController();
    const { signal } = leave;
    live.stop();
    document.title = "Sign in · Campaigns";
    renderTop();
    const how = await provider();
    if (signal.aborted) return;
    const hasProvider = Boolean(how.clientId ?? how.problem);
    const draw = (problem) => render(
        main,
        h("section", { class: "panel sign-in", key: "sign-in" },
            h("h1", { tabindex: -1 }, reason ?? (hasProvider ? "Sign in" : "The dashboard needs a link")),
            problem && h("p", { role: "alert" }, problem),
            how.clientId && h("button", {
                class: "primary", type: "button", onclick: () => signIn(how, prompt).catch((error) => draw(error.message)),
            }, "Sign in"),
            hasProvider
                ? h("details", {}, h("summary", {}, "Use a link or an access token"), linkForm())
                : linkForm()),
    );
    draw(detail ?? how.problem);
    main.querySelector("h1").focus();
}

function linkForm() {
    return [
        h("p", {}, "On a machine that has the daemon's settings, this command prints a link that works for one hour:"),
        h("pre", {}, h("code", {}, `campaignd ui --tenant ${session()?.tenant ?? "TENANT"}`)),
        h("p", {}, "Open the link, or paste it (or an access token of your identity provider) here:"),
        h("form", {
            onsubmit: (event) => {
                event.preventDefault();
                useToken(new FormData(event.target).get("token"));
                start();
            },
        },
            h("label", { for: "token" }, "Link or token"),
            h("input", { id: "token", name: "token", type: "password", required: true, autocomplete: "off" }),
            h("button", { class: "primary" }, "Open")),
    ];
}

/// Forgets the token, and leaves for the provider to end the session there.
async function signOut() {
    forgetToken();
    leave.abort();
    live.stop();
    if (!endSession(await provider())) showSignIn("You are signed out");
}

access.addEventListener("expired", () => {
    const noun = isSignedIn() ? "sign-in" : "link";
    showSignIn(session() ? `Your ${noun} has expired` : `This ${noun} is not valid`);
});

async function start() {
    useTheme();
    takeToken();
    try {
        const token = await finishSignIn();
        if (token) useToken(token, true);
    } catch (error) {
        return showSignIn("Signing in has failed", { detail: error.message });
    }
    if (!hasToken()) return showSignIn();
    renderTop();
    try {
        useZone((await openSession()).timeZone);
    } catch (error) {
        if (error.status === 401) return;
        if (error.status === 403 && isSignedIn()) {
            forgetToken();
            // Otherwise the provider would send the same account back at once.
            return showSignIn("You may not see this", { detail: error.message, prompt: "login" });
        }
        render(main, h("h1", {}, "Campaigns"), problem(error, start));
        // Without an answer the daemon may be restarting.
        if (!error.status) setTimeout(start, 2_000);
        return;
    }
    live.start();
    await show({ isFirst: true });
    get("/wallet").then(() => {
        hasWallet = true;
        renderTop();
    }, () => {});
}

live.addEventListener("status", () => {
    renderTop();
    const sentences = {
        lost: live.refusal ?? "The connection was lost; trying again.",
        stale: "The daemon cannot read Postgres; what you see is the last state.",
        live: "Live.",
    };
    announce(sentences[live.status]);
});

const status = document.getElementById("status");
let announcedAt = 0;
let waiting;

/// Says a sentence to people who use a screen reader, at most every ten seconds: the latest one counts.
export function announce(text) {
    clearTimeout(waiting);
    if (!text || text === status.textContent) return;
    waiting = setTimeout(() => {
        announcedAt = Date.now();
        status.textContent = text;
    }, Math.max(0, announcedAt + 10_000 - Date.now()));
}

/// Shows a message about what was done, for a few seconds.
export function toast(text) {
    const message = h("div", { class: "toast" }, text);
    document.getElementById("toasts").append(message);
    setTimeout(() => message.remove(), 6_000);
}

/// Calls a function now and then, until the page is left; not while the tab is hidden.
export function every(seconds, signal, act) {
    const timer = setInterval(() => document.visibilityState === "visible" && act(), seconds * 1_000);
    signal.addEventListener("abort", () => clearInterval(timer));
}

/// Draws at the next frame after each change of the live state, and each second for times that pass.
export function follow(signal, draw) {
    let isPlanned = false;
    const plan = () => {
        if (isPlanned || signal.aborted) return;
        isPlanned = true;
        requestAnimationFrame(() => {
            isPlanned = false;
            if (!signal.aborted) draw();
        });
    };
    live.addEventListener("change", plan, { signal });
    live.addEventListener("status", plan, { signal });
    every(1, signal, plan);
    draw();
}

start();
