"""Every page in both schemes at two widths: rules of accessibility, no part beyond the screen, and a picture."""

import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from stage import go, picture, token

WIDTHS = {390: 844, 1440: 900}
PAGES = ["now", "campaigns", "campaign", "calendar", "specs", "triggers", "audience", "wallet"]


def address(stage, name):
    if name == "campaign":
        return f"/ui/campaigns/{stage.campaign('welcome-offer')}"
    return "/ui" if name == "now" else f"/ui/{name}"


@pytest.fixture(scope="module")
def life(stage):
    """Events, and a run that is under way, so that the pages have something to show."""
    _, people = stage.api("GET", "/contacts?limit=40")
    events = [{"contactId": person["contactId"], "context": {"amount": "12.50"}} for person in people["items"]]
    status, _ = stage.api("POST", "/triggers/payment.overdue", events)
    assert status == 202
    status, _ = stage.api("POST", "/triggers/payment.overdue", events[:5])
    assert status == 202


def show(page, stage, name):
    go(page, address(stage, name))
    expect(page.locator("nav a[aria-current]")).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)


def check(page, name):
    result = Axe().run(page)
    found = [
        f"{name}: {violation['id']}: {violation['help']}: {node['html'][:200]}"
        for violation in result.response["violations"]
        for node in violation["nodes"]
    ]
    assert found == []
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert beyond <= 0, f"{name} is {beyond} px wider than the screen"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(stage, viewer, life, scheme, width):
    page = viewer.open(scheme=scheme, width=width, height=WIDTHS[width])
    for name in PAGES:
        show(page, stage, name)
        check(page, f"{name}, {scheme}, {width}")
        picture(page, f"{name}-{scheme}-{width}")


def test_pages_hold_on_a_very_wide_screen(stage, viewer):
    page = viewer.open(width=2560, height=1200)
    for name in PAGES:
        show(page, stage, name)
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{name} is {beyond} px wider than the screen"


def test_dialogs_are_accessible_and_give_the_focus_back(stage, viewer):
    page = viewer.open(path=address(stage, "campaign"))
    button = page.get_by_role("button", name="Send again welcome-offer")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_text("Takes about")).to_be_visible()
    check(page, "dialog")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_the_keyboard_is_enough(stage, viewer):
    page = viewer.open()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for name in ["campaigns", "Now", "Campaigns"]:
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Campaigns")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("spring")
    expect(page.locator("tbody tr")).to_have_count(1)
    # The field keeps what was typed, and the focus, while the list below changes.
    expect(page.get_by_label("Name or title")).to_be_focused()
    expect(page.get_by_label("Name or title")).to_have_value("spring")


def test_a_filter_is_counted_while_it_is_written(stage, viewer):
    page = viewer.open(path="/ui/audience")
    everybody = page.locator("[data-test=total]").inner_text()
    page.get_by_label("Condition 1: value").fill("vip")
    expect(page.locator("[data-test=total]")).not_to_have_text(everybody)
    body = {"conditions": [{"field": "tags", "operator": "contains_any", "value": ["vip"]}]}
    _, preview = stage.api("POST", "/campaigns/audience/preview", body)
    expect(page.locator("[data-test=total]")).to_have_text(f"{preview['total']:,}")
    page.get_by_role("button", name="Edit as JSON").click()
    page.get_by_label("Filter as JSON").fill('{"field": "nosuch"')
    expect(page.get_by_role("alert")).to_contain_text("not JSON yet")


def test_a_campaign_with_ten_thousand_runs_opens(stage, viewer):
    identity = stage.campaign("spring-sale")
    stage.sql(
        f"""INSERT INTO campaign_runs SELECT copy.* FROM campaign_runs run, generate_series(1, 10000) number,
        jsonb_populate_record(run, jsonb_build_object('id', gen_random_uuid(), 'launchKey', NULL,
        'createdAt', run."createdAt" - number * interval '1 hour')) copy
        WHERE run."campaignId" = '{identity}'"""
    )
    start = time.monotonic()
    page = viewer.open(access=token(scope="read"), path=f"/ui/campaigns/{identity}")
    runs = page.get_by_role("region", name="Runs", exact=True)
    expect(runs).to_contain_text("10,001 runs")
    assert time.monotonic() - start < 5
    expect(runs.locator("tbody > tr")).to_have_count(20)
    runs.get_by_role("button", name="Next").click()
    expect(runs).to_contain_text("Page 2 of 501")


def test_files_beside_the_specs_are_shown(stage, viewer):
    access = token(tenant="globex", scope="read")
    _, found = stage.api("GET", "/campaigns", access=access)
    campaigns = {item["name"]: item["id"] for item in found["items"]}
    page = viewer.open(access=access, path=f"/ui/campaigns/{campaigns['globex-flyer']}")
    shown = page.locator(".bubble img")
    expect(shown).to_have_attribute("alt", "Picture flyer.png, 1 kB")
    # The content security policy lets the browser show it.
    expect(shown).to_have_js_property("naturalWidth", 120)
    go(page, f"/ui/campaigns/{campaigns['globex-terms']}")
    expect(page.locator(".bubble .media")).to_have_text("terms.pdf, 1 kB")
