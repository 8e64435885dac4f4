"""Campaigns are watched from their launch to their end."""

import time

from playwright.sync_api import expect

from stage import DEADLINE, RECORDS, picture, token, wait_until

NAMES = {"welcome-offer": "Welcome offer", "spring-sale": "Spring sale: 20 % off", "shop-news": "News from your shop"}


def card(page, campaign):
    return page.get_by_role("article", name=NAMES[campaign])


def number(text):
    return int(text.replace(",", ""))


def test_three_campaigns_go_to_their_end(stage, viewer):
    page = viewer.open()
    expect(page.get_by_text("Nothing is being sent.")).to_be_visible()
    expect(page.locator(".connection")).to_have_text("Live")
    page.evaluate("document.body.dataset.first = 'loaded once'")

    # One is sent from its page, which asks first; the others by command.
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Campaigns").click()
    page.get_by_role("link", name="Welcome offer").click()
    page.get_by_role("button", name="Send welcome-offer", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Takes about")).to_be_visible()
    recipients = number(dialog.locator("[data-test=recipients]").inner_text())
    foreseen = dialog.locator("[data-test=cost]").inner_text()
    assert foreseen.startswith("about USD "), foreseen
    dialog.get_by_role("button", name="Send", exact=True).click()
    expect(dialog).to_have_count(0)
    for name in ["spring-sale", "shop-news"]:
        stage.run("campaignd", "send", f"acme/{name}", "--yes")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Now").click()
    for name in NAMES:
        expect(card(page, name)).to_be_visible()

    pause_by_button(stage, page)
    crash_and_restart(stage, page, viewer)
    if RECORDS:
        wait_until(lambda: numbers(card(page, "shop-news"))[0] > 1_500, "there is something to see")
    for scheme in ["dark", "light"]:
        page.emulate_media(color_scheme=scheme)
        picture(page, f"now-{scheme}")
    card(page, "welcome-offer").get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    expect(card(page, "welcome-offer").locator(".pill")).not_to_have_text("Paused")

    for name in NAMES:
        expect(card(page, name).locator(".pill")).to_have_text("Completed", timeout=DEADLINE * 1_000)
        stage.run("campaignd", "watch", f"acme/{name}", "--until-reported", "--timeout", str(DEADLINE))
        shows_the_report(stage, card(page, name), name)
    assert stage.report("welcome-offer")["recipientCount"] == recipients
    # The page was never loaded again.
    assert page.evaluate("document.body.dataset.first") == "loaded once"
    the_page_of_the_campaign_agrees(stage, viewer, foreseen)


def pause_by_button(stage, page):
    identity = stage.campaign("welcome-offer")
    wait_until(lambda: stage.api("GET", f"/campaigns/{identity}")[1]["status"] == "running", "the launch")
    expect(card(page, "welcome-offer").locator(".pill")).to_have_text("Running")
    card(page, "welcome-offer").get_by_role("button", name="Pause welcome-offer").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("check the price")
    start = time.monotonic()
    dialog.get_by_role("button", name="Pause", exact=True).click()
    expect(card(page, "welcome-offer").locator(".pill")).to_have_text("Paused", timeout=5_000)
    shown = time.monotonic() - start
    expect(card(page, "welcome-offer").locator(".reason")).to_contain_text("check the price")
    expect(card(page, "welcome-offer").locator(".reason")).to_contain_text("jane@acme.example")
    # State and picture take a second; the rest is for the browser of a busy machine.
    assert shown < 2, f"{shown:.1f} s from the click to the picture"


def crash_and_restart(stage, page, viewer):
    before = number(card(page, "shop-news").locator("[data-test=done]").inner_text())
    stage.kill_daemon()
    expect(page.locator(".connection")).to_have_text("Reconnecting")
    # The last state stays in view.
    expect(card(page, "shop-news")).to_be_visible()
    stage.start_daemon()
    expect(page.locator(".connection")).to_have_text("Live", timeout=30_000)
    wait_until(
        lambda: number(card(page, "shop-news").locator("[data-test=done]").inner_text()) > before, "the page goes on"
    )
    # The browser reports each refused connection.
    viewer.errors.clear()


def numbers(shown):
    """Returns what a card says, by status of messages."""
    names = {"read": "read", "delivered": "delivered", "accepted": "sent", "failed": "failed"}
    texts = {name: shown.locator(f"[data-test={name}]").all_inner_texts() for name in ["done", *names]}
    return number(texts["done"][0]), {names[name]: number(texts[name][0]) if texts[name] else 0 for name in names}


def moved(messages, status):
    """Messages that came so far, or further."""
    return messages["read"] + (messages["delivered"] if status == "delivered" else 0)


def shows_the_report(stage, shown, name):
    """Compares with the command, which may be ahead: people read messages all the time."""
    def agrees():
        report = stage.report(name)
        done, statuses = numbers(shown)
        return done == report["recipientCount"] and all(report["messages"][key] == statuses[key] for key in statuses)

    wait_until(agrees, f"the page says what `report {name}` says")


def the_page_of_the_campaign_agrees(stage, viewer, foreseen):
    page = viewer.open(path=f"/ui/campaigns/{stage.campaign('welcome-offer')}", height=1150)
    report = stage.report("welcome-offer")
    shows_the_report(stage, page.get_by_role("region", name="Latest run"), "welcome-offer")
    expect(page.locator("[data-test=funnel-recipients]")).to_have_text(f"{report['recipientCount']:,}")
    read = page.locator("[data-test=funnel-read]")
    wait_until(lambda: number(read.inner_text()) == stage.report("welcome-offer")["messages"]["read"], "the funnel agrees")
    chart = page.locator("time-chart svg")
    expect(chart.locator(".mark-sign.m-pause")).to_have_count(1)
    expect(chart.locator(".mark-sign.m-resume")).to_have_count(1)
    picture(page, "campaign-light", full_page=False)
    # The table behind the chart has the same sums as the run.
    page.get_by_text("Show as a table").click()
    rows = page.locator("time-chart details table").first.locator("tbody tr")
    run = page.get_by_role("region", name="Latest run")
    for column, status in {3: "delivered", 4: "read"}.items():
        cells = rows.locator(f"td:nth-child({column})")
        wait_until(
            lambda: sum(number(text) for text in cells.all_inner_texts()) == moved(numbers(run)[1], status),
            f"the minutes of `{status}` add up to the run",
        )
    the_costs_agree(stage, page, foreseen)
    expect(page.locator(".errors > li").first).to_be_visible()
    page.locator(".errors").get_by_role("button", name="Five examples").first.click()
    expect(page.locator(".examples li").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == report["recipientCount"] + 1


def the_costs_agree(stage, page, foreseen):
    """What was foreseen before the launch stands beside what WhatsApp charged, and is a little more: some messages fail."""
    costs = page.get_by_role("region", name="Costs")
    expect(costs.locator("[data-test=estimated]")).to_have_text(foreseen)

    def agrees():
        charged = stage.report("welcome-offer")["charged"]
        return costs.locator("[data-test=charged]").inner_text() == f"USD {charged['micros'] / 1e6:,.2f}" and charged

    charged = wait_until(agrees, "the page says what `report` says")
    run = stage.report("welcome-offer")["messages"]
    assert charged["paid"] == run["delivered"] + run["read"]
    assert 0.9 < charged["micros"] / 1e6 / float(foreseen.removeprefix("about USD ").replace(",", "")) < 1


def test_a_viewer_without_a_look_gets_nothing(stage, viewer):
    """A hidden tab ends its stream, and the tab goes on when it is shown again."""
    page = viewer.open(access=token(scope="read"))
    expect(page.locator(".connection")).to_have_text("Live")
    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    expect(page.locator(".connection")).to_have_text("Paused")
    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {value: 'visible', configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    expect(page.locator(".connection")).to_have_text("Live")
