"""Who may see and do what, and what names from the database may not do."""

from playwright.sync_api import expect

from stage import go, token

HOSTILE = '<img src=x onerror="document.title=\'hacked\'"><b>bold</b>'


def test_another_tenant_sees_nothing(stage, viewer):
    page = viewer.open(access=token(tenant="globex"))
    expect(page.locator(".connection")).to_have_text("Live")
    texts = []
    for path in ["/ui", "/ui/campaigns", "/ui/calendar", "/ui/specs", "/ui/triggers", "/ui/audience"]:
        go(page, path)
        expect(page.locator(".skeleton")).to_have_count(0)
        texts.append(page.locator("body").inner_text())
    everything = "\n".join(texts)
    assert "globex" in everything
    for name in ["welcome-offer", "spring-sale", "shop-news", "weekly-digest", "Welcome offer", "acme"]:
        assert name not in everything.lower(), name
    # A campaign of the other tenant does not exist, also by its address.
    identity = stage.campaign("welcome-offer")
    go(page, f"/ui/campaigns/{identity}")
    expect(page.get_by_role("alert")).to_contain_text("There is no such thing in this tenant")
    viewer.errors.clear()


def test_readers_have_no_buttons_and_the_api_refuses_them(stage, viewer):
    identity = stage.campaign("welcome-offer")
    page = viewer.open(access=token(scope="read"), path=f"/ui/campaigns/{identity}")
    expect(page.get_by_role("region", name="Latest run")).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    for name in ["Send again", "Pause", "Resume", "Cancel", "Retry failed", "Test send"]:
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    status, answer = stage.api("POST", f"/campaigns/{identity}/send", {}, access=token(scope="read"))
    assert status == 403 and "operate" in answer["detail"], answer
    # Without the scope `contacts` numbers are masked.
    expect(page.get_by_role("region", name="Messages", exact=True).locator("tbody code").first).to_contain_text("•")


def test_operators_have_buttons_but_edit_nothing(stage, viewer):
    page = viewer.open(path=f"/ui/campaigns/{stage.campaign('welcome-offer')}")
    expect(page.get_by_role("button", name="Send again welcome-offer")).to_be_visible()
    expect(page.locator(".owned")).to_contain_text("acme/campaigns.yaml")


def test_names_are_text(stage, viewer):
    body = {
        "name": HOSTILE, "title": HOSTILE, "type": "manual", "sender": "main",
        "messageTemplate": {"type": "text", "text": {"body": f"{HOSTILE} {{{{name|{'x'}}}}}"}},
        "audienceFilter": {"field": "tags", "operator": "contains", "value": "<script>alert(1)</script>"},
    }
    status, campaign = stage.api("POST", "/campaigns", body)
    assert status == 201, campaign
    page = viewer.open(path="/ui/campaigns")
    expect(page.get_by_role("link", name=HOSTILE)).to_be_visible()
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.locator(".phone")).to_contain_text("onerror")
    # Cancelling asks for the name as it is.
    page.get_by_role("button", name=f"Send {HOSTILE}", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    page.keyboard.press("Escape")
    assert page.locator("main img, main script, main b b").count() == 0
    assert "hacked" not in page.title()


def test_a_link_that_is_not_valid_says_how_to_get_one(stage, viewer):
    page = viewer.open(access="nonsense")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is not valid")
    expect(page.get_by_text("campaignd ui --tenant")).to_be_visible()
    page.get_by_label("Link or token").fill(f"{stage.base}/ui#token={token()}")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Now")
    viewer.errors.clear()


def test_a_link_expires_while_the_page_is_open(stage, viewer):
    page = viewer.open(access=token(lifetime=4))
    expect(page.locator(".connection")).to_have_text("Live")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your link has expired", timeout=20_000)
    expect(page.get_by_text("campaignd ui --tenant acme")).to_be_visible()
    viewer.errors.clear()


def test_the_token_leaves_the_address(stage, viewer):
    access = token()
    page = viewer.open(access=access)
    expect(page.locator(".connection")).to_have_text("Live")
    assert "#" not in page.url and access not in page.url
    assert page.context.cookies() == []


def test_the_command_prints_a_link_that_works(stage, viewer):
    link = stage.run("campaignd", "ui", "--tenant", "acme").split()[-1]
    access = link.split("#token=")[1]
    page = viewer.open(access=access)
    expect(page.locator(".tenant")).to_have_text("acme")
    expect(page.locator(".connection")).to_have_text("Live")
