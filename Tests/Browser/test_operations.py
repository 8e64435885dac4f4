"""Tests of campaigns, a database that is locked, limits of streams, and audiences of people without rights."""

import subprocess

from playwright.sync_api import expect

from stage import token


def test_a_test_is_listed_and_can_be_cancelled(stage, viewer):
    _, people = stage.api("GET", "/contacts?limit=100")
    person = next(one for one in people["items"] if one.get("optedIn") and "suppressed" not in one)
    number = f"+{person['contactId'].lstrip('+')}"
    # During quiet hours the test waits.
    stage.sql(
        f"""UPDATE tenants SET "testRecipients" = '["{number}"]',
        "quietHours" = '{{"from": "00:00", "to": "23:59", "action": "wait"}}' WHERE "tenantId" = 'acme'"""
    )
    try:
        page = viewer.open(path=f"/ui/campaigns/{stage.campaign('welcome-offer')}")
        page.get_by_role("button", name="Test send welcome-offer").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Phone numbers").fill(number)
        dialog.get_by_label("Reason").fill("new wording")
        dialog.get_by_role("button", name="Send the test").click()
        tests = page.get_by_role("region", name="Tests", exact=True)
        expect(tests).to_contain_text(number)
        expect(tests).to_contain_text("new wording")
        tests.get_by_role("button", name="Cancel the test of welcome-offer").click()
        dialog.get_by_label("Reason").fill("wrong price")
        dialog.get_by_role("button", name="Cancel the test").click()
        expect(tests.locator(".pill")).to_have_text("Cancelled")
        expect(tests).to_contain_text("wrong price")
        expect(tests.get_by_role("button")).to_have_count(0)
    finally:
        stage.sql("""UPDATE tenants SET "testRecipients" = NULL, "quietHours" = NULL WHERE "tenantId" = 'acme'""")


def test_a_locked_table_makes_the_state_stale_and_not_the_page(stage, viewer):
    page = viewer.open()
    expect(page.locator(".connection")).to_have_text("Live")
    lock = subprocess.Popen(
        ["psql", "--quiet", stage.environment["DATABASE_URL"]], stdin=subprocess.PIPE, text=True
    )
    try:
        lock.stdin.write("BEGIN; LOCK TABLE quota_hours IN ACCESS EXCLUSIVE MODE;\n")
        lock.stdin.flush()
        expect(page.locator(".connection")).to_contain_text("Stale since")
        expect(page.locator(".alarms")).to_contain_text("Postgres cannot be read")
        # The last numbers stay.
        expect(page.get_by_role("article", name="Sender main")).to_be_visible()
    finally:
        lock.communicate("ROLLBACK;\n")
    expect(page.locator(".connection")).to_have_text("Live")
    expect(page.locator(".alarms")).to_have_count(0)


def test_people_without_rights_to_contacts_filter_by_what_they_see(stage, viewer):
    page = viewer.open(access=token(scope="read"), path="/ui/audience")
    field = page.get_by_label("Condition 1: field")
    expect(field.locator("option")).to_contain_text(["tags", "name", "email", "pin", "paymentStatus"])
    for hidden in ["contactId", "metadata"]:
        expect(field.locator(f"option[value={hidden}]")).to_have_count(0)
    field.select_option("email")
    expect(page.get_by_label("Condition 1: operator").locator("option")).to_have_text(["is empty", "is not empty"])
    expect(page.locator("[data-test=total]")).to_be_visible()


def test_the_calendar_shows_the_zones_of_people(stage, viewer):
    page = viewer.open(path="/ui/calendar")
    row = page.get_by_role("region", name="Schedules", exact=True).locator("tr", has_text="good-evening")
    expect(row).to_contain_text("of each contact")
    row.locator("summary").click()
    expect(row.locator("li").first).to_contain_text("/")
