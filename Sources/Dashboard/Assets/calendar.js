// The next 30 days of all schedules on the tenant's clock, and what became of the past 90.
import { every } from "./app.js";
import { get } from "./api.js";
import { h, icon, pager, panel, problem, render, skeleton, table } from "./dom.js";
import { away, capital, clock, longDay, localDate, number, plural, say, time, zoneName } from "./format.js";
import { campaignLink } from "./states.js";

const days = 30;
const limit = 25;

export async function mount(main, _, signal) {
    const state = { page: 1 };
    const load = async () => {
        try {
            state.schedules = (await get("/schedules", { days }, signal)).items;
            state.error = undefined;
        } catch (error) {
            if (error.name === "AbortError") return;
            state.error = error;
        }
        draw();
    };
    const loadPast = async (page = state.page) => {
        state.page = page;
        try {
            state.past = await get("/schedules/occurrences", { days: 90, page, limit }, signal);
            state.pastError = undefined;
        } catch (error) {
            if (error.name === "AbortError") return;
            state.pastError = error;
        }
        draw();
    };
    const draw = () => render(
        main,
        h("h1", { key: "title", tabindex: -1 }, "Calendar"),
        state.error ? problem(state.error, load) : !state.schedules ? skeleton(8) : [
            broken(state.schedules),
            panel(
                "Next 30 days",
                { key: "month", hint: `On the tenant's clock (${zoneName()})` },
                month(state.schedules),
            ),
            panel("Schedules", { key: "schedules" }, schedules(state.schedules)),
        ],
        panel("Past 90 days", { key: "past", hint: "What became of each start" },
            state.pastError ? problem(state.pastError, loadPast) : !state.past ? skeleton(5) : past(state, loadPast)),
    );
    draw();
    every(60, signal, load);
    await Promise.all([load(), loadPast()]);
}

function broken(schedules) {
    const all = schedules.filter(({ problem }) => problem);
    if (!all.length) return null;
    return h("section", {
        class: "alarms",
        key: "broken",
        "aria-label": "Problems",
    }, all.map((schedule) => h("div", { class: "notice warning", key: schedule.id },
        icon("failed"), h(
            "div",
            {},
            h("strong", {}, campaignLink(schedule.campaignId, schedule.campaign)),
            h("p", {}, schedule.problem),
        ))));
}

/// Starts by day, as a month of weeks; narrow screens show only the days that have some.
function month(schedules) {
    const starts = schedules.filter(({ isActive }) => isActive).flatMap(
        (schedule) => schedule.next.map((start) => ({ ...schedule, ...start }))
    )
        .sort((one, other) => one.at.localeCompare(other.at));
    if (!starts.length) return h(
        "p",
        { class: "empty" },
        "No schedule fires within 30 days. Add one with ",
        h("code", {}, "kind: Schedule"),
        " in a spec file.",
    );
    const byDay = Map.groupBy(starts, ({ at }) => localDate(new Date(at)));
    const today = new Date(`${localDate(new Date())}T12:00:00Z`);
    const monday = new Date(today);
    monday.setUTCDate(today.getUTCDate() - ((today.getUTCDay() + 6) % 7));
    const cells = [];
    for (let index = 0; index < 42; index++) {
        const date = new Date(monday);
        date.setUTCDate(monday.getUTCDate() + index);
        const name = date.toISOString().slice(0, 10);
        const distance = Math.round((date - today) / 86_400_000);
        if (index % 7 === 0 && distance > days) break;
        cells.push(cell(name, date, distance, byDay.get(name) ?? []));
    }
    const names = [...Array(7).keys()].map((index) => new Date(monday.getTime() + index * 86_400_000)
        .toLocaleDateString("en-GB", { weekday: "long", timeZone: "UTC" }));
    return h(
        "ol",
        { class: "month" },
        names.map((name) => h("li", { class: "weekday", "aria-hidden": "true" }, name)),
        cells,
    );
}

/// The day of the month, with the month where one begins.
function shortDay(date) {
    const day = date.getUTCDate();
    return day === 1 ? `1 ${date.toLocaleDateString("en-GB", { month: "short", timeZone: "UTC" })}` : String(day);
}

function cell(name, date, distance, starts) {
    const isToday = distance === 0;
    const isOutside = distance < 0 || distance > days;
    return h("li", {
        key: name,
        class: `day${isToday ? " today" : ""}${isOutside ? " outside" : ""}${starts.length ? "" : " free"}`,
    },
        h(
            "h3",
            {},
            h("span", { class: "long" }, `${isToday ? "Today, " : ""}${longDay(date)}`),
            h("span", { class: "short", "aria-hidden": "true" }, isToday ? "Today" : shortDay(date)),
        ),
        starts.length ? h("ul", {}, starts.slice(0, 8).map((start) => h("li", {
            key: `${start.id}${start.at}`,
            class: "start",
        },
            h(
                "time",
                { datetime: start.at, title: `${start.at} UTC · ${start.local} ${start.timeZone}` },
                clock(new Date(start.at)),
            ), " ",
            campaignLink(start.campaignId, start.campaign),
            start.expectedRecipients === undefined
                ? ""
                : h("span", { class: "muted" }, ` ${number(start.expectedRecipients)}`),
            start.daylightSaving ? h("p", { class: "mark-dst" }, icon("waiting"), start.daylightSaving) : null,
            start.overlaps?.length
                ? h(
                    "p",
                    { class: "mark-overlap" },
                    icon("failed"),
                    `overlaps ${start.overlaps.join(", ")} on ${start.sender ?? "its sender"}`,
                )
                : null)),
        starts.length > 8 ? h("li", { class: "muted" }, `and ${starts.length - 8} more`) : null) : null);
}

function schedules(all) {
    return table("Schedules", [
        { title: "Campaign", cell: ({ campaignId, campaign }) => campaignLink(campaignId, campaign) },
        {
            title: "Schedule",
            cell: ({ name, cronExpression }) => [
                name ?? "",
                cronExpression ? [" ", h("code", {}, cronExpression)] : h("span", { class: "muted" }, " once"),
            ],
        },
        { title: "Clock", cell: ({ timeZone, localTime, zones }) => localTime ? clocks(zones, timeZone) : timeZone },
        {
            title: "Next",
            cell: ({ next, isActive }) => isActive && next[0]
                ? [time(next[0].at), h("span", { class: "muted" }, ` ${away(next[0].at)}`)]
                : isActive ? "never again" : "switched off",
        },
        { title: "Expected", isNumber: true, cell: ({
            expectedRecipients,
            countedAt,
        }) => expectedRecipients === undefined ? "–"
            : h("span", { title: countedAt ? `Counted ${away(countedAt)}` : null }, number(expectedRecipients)) },
        { title: "Sender", cell: ({ sender }) => sender ?? "–" },
    ], all, { key: ({ id }) => id, empty: "This tenant has no schedules." });
}

/// The zones of contacts, the largest first; those of a schedule that is sent by the clock of each contact.
function clocks(zones, timeZone) {
    if (!zones?.length) return ["of each contact", h("span", { class: "muted" }, ` (else ${timeZone})`)];
    return h("details", {},
        h("summary", {}, `of each contact, ${plural(zones.length, "zone")}`),
        h("ul", { class: "plain" }, zones.slice(0, 50).map((zone) => h("li", { key: zone.timeZone },
            zone.timeZone, h("span", { class: "muted" }, ` ${number(zone.contacts)}`))),
        zones.length > 50 ? h("li", { class: "muted" }, `and ${zones.length - 50} more`) : null));
}

const signs = { started: "completed", skipped: "next", failed: "failed", waiting: "paused" };

function past(state, turn) {
    const { items, total } = state.past;
    return [
        total ? h("p", { class: "muted", key: "total" }, plural(total, "start")) : null,
        table("Past starts", [
            { title: "Planned for", cell: ({ scheduledFor }) => time(scheduledFor, { always: true }) },
            { title: "Campaign", cell: ({ campaignId, campaign }) => campaignLink(campaignId, campaign) },
            {
                title: "Outcome",
                cell: ({ outcome }) => h(
                    "span",
                    { class: `pill ${signs[outcome] ?? "draft"}` },
                    icon(signs[outcome] ?? "next"),
                    capital(say(outcome)),
                ),
            },
            { title: "Why", cell: ({ reason }) => reason ?? "" },
        ], items, {
            key: (row) => `${row.campaignId}${row.scheduledFor}`,
            empty: "No schedule has fired within 90 days.",
        }),
        pager(state.page, limit, total, turn),
    ];
}
