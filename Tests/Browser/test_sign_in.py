"""People sign in at an identity provider, and come back to the page from which they left."""

import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from provider import CLIENT, Provider
from stage import free_port, go, token, wait_until


class Place:
    """A daemon with an identity provider."""

    def __init__(self, stage):
        port = free_port()
        self.stage, self.base = stage, f"http://127.0.0.1:{port}"
        self.provider = Provider(f"{self.base}/ui")
        stage.spawn("signing-in", "run", environment={
            "HTTP_PORT": str(port), "OIDC_ISSUER": self.provider.issuer, "OIDC_CLIENT_ID": CLIENT,
            "SSL_CERT_FILE": str(self.provider.certificate),
        })
        wait_until(lambda: stage.answers(f"{self.base}/readyz"), "the daemon")


@pytest.fixture(scope="module")
def place(stage):
    place = Place(stage)
    yield place
    place.provider.stop()


@pytest.fixture
def page(place, browser, viewer):
    """A page whose browser takes the certificate of the provider; the daemon is told which one to trust."""
    place.provider.nonce, place.provider.state, place.provider.lifetime = None, None, 3600
    context = browser.new_context(ignore_https_errors=True, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    viewer.contexts.append(context)
    page = context.new_page()
    page.on("console", viewer.note)
    page.on("pageerror", lambda error: viewer.errors.append(str(error)))
    return page


def heading(page):
    return page.get_by_role("heading", level=1)


def sign_in(page, account):
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("link", name=account, exact=True).click()


def test_people_come_back_to_the_page_from_which_they_left(place, page):
    page.goto(f"{place.base}/ui/campaigns")
    expect(heading(page)).to_have_text("Sign in")
    sign_in(page, "jane")
    expect(heading(page)).to_have_text("Campaigns")
    assert page.url == f"{place.base}/ui/campaigns"
    expect(page.locator(".tenant")).to_have_text("acme")
    expect(page.locator(".connection")).to_have_text("Live")
    expect(page.locator(".until")).to_contain_text("signed in until")
    # The scopes are those of the account.
    go(page, f"/ui/campaigns/{place.stage.campaign('welcome-offer')}")
    expect(page.get_by_role("button", name=re.compile("^Send(| again) welcome-offer$"))).to_be_visible()
    assert [cookie for cookie in page.context.cookies() if "127.0.0.1" in cookie["domain"]] == []
    # A page that is loaded again is still signed in; another tab is not.
    page.reload()
    expect(page.locator(".tenant")).to_have_text("acme")
    other = page.context.new_page()
    other.goto(f"{place.base}/ui")
    expect(heading(other)).to_have_text("Sign in")


def test_an_account_without_scopes_may_look(place, page):
    page.goto(f"{place.base}/ui/campaigns/{place.stage.campaign('welcome-offer')}")
    sign_in(page, "ravi")
    expect(page.get_by_role("region", name="Messages", exact=True)).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Send"))).to_have_count(0)


@pytest.mark.parametrize(
    "account, text", [("nora", "belongs to no tenant"), ("nora", "the claim `tenantId`"), ("paul", "give no rights here")]
)
def test_an_account_without_rights_is_told_why(place, page, viewer, account, text):
    page.goto(f"{place.base}/ui")
    sign_in(page, account)
    expect(heading(page)).to_have_text("You may not see this")
    expect(page.get_by_role("alert")).to_contain_text(text)
    # Another account is asked for.
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(heading(page)).to_have_text("Who are you?")
    assert "prompt=login" in page.url
    page.get_by_role("link", name="jane").click()
    expect(heading(page)).to_have_text("Now")
    viewer.errors.clear()


def test_answers_to_another_sign_in_are_refused(place, page):
    page.goto(f"{place.base}/ui")
    place.provider.state = "x" * 43
    sign_in(page, "jane")
    refused(page, "belongs to another sign-in")
    place.provider.state = None
    # A link of somebody who wants the page to use his account.
    page.goto(f"{place.base}/ui?code=theirs&state={'y' * 43}")
    refused(page, "belongs to another sign-in")
    assert place.provider.refusals == []
    place.provider.nonce = "of another sign-in"
    sign_in(page, "jane")
    refused(page, "belongs to another sign-in")
    place.provider.nonce = None
    sign_in(page, "cancel")
    refused(page, "Jane changed her mind.")
    sign_in(page, "jane")
    expect(heading(page)).to_have_text("Now")


def refused(page, text):
    expect(heading(page)).to_have_text("Signing in has failed")
    expect(page.get_by_role("alert")).to_contain_text(text)
    assert "?" not in page.url
    assert page.evaluate("sessionStorage.getItem('campaigns.token')") is None


def test_a_code_is_of_no_use_without_its_verifier(place, page, viewer):
    page.goto(f"{place.base}/ui")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(heading(page)).to_have_text("Who are you?")
    # Somebody who saw the code and the state, but not the verifier of this tab.
    with page.expect_request(re.compile(r"/ui\?code=")) as request:
        page.route(re.compile(r"/ui\?code="), lambda route: route.abort())
        page.get_by_role("link", name="jane").click()
    page.unroute_all()
    page.goto(f"{place.base}/ui/specs")
    page.evaluate(
        "const kept = JSON.parse(sessionStorage.getItem('campaigns.sign-in'));"
        "sessionStorage.setItem('campaigns.sign-in', JSON.stringify({...kept, verifier: 'x'.repeat(43)}))"
    )
    page.goto(request.value.url)
    refused(page, "The code is not valid.")
    assert place.provider.refusals.pop()["code_verifier"] == "x" * 43
    viewer.errors.clear()


def test_a_sign_in_expires_while_the_page_is_open(place, page, viewer):
    place.provider.lifetime = 5
    page.goto(f"{place.base}/ui/calendar")
    sign_in(page, "jane")
    expect(page.locator(".connection")).to_have_text("Live")
    expect(heading(page)).to_have_text("Your sign-in has expired", timeout=30_000)
    place.provider.lifetime = 3600
    sign_in(page, "jane")
    expect(heading(page)).to_have_text("Calendar")
    assert page.url == f"{place.base}/ui/calendar"
    viewer.errors.clear()


def test_keys_rotate_while_people_are_signed_in(place, page, viewer):
    page.goto(f"{place.base}/ui")
    sign_in(page, "jane")
    expect(page.locator(".connection")).to_have_text("Live")
    place.provider.rotate()
    # The first token with the new key has it fetched; 30 s after the fetch before, at most.
    new = place.provider.token("ravi", "unused")
    wait_until(lambda: session(place, new) == 200, "the new key is known", deadline=60)
    # The key before is removed, so the stream of its token ends, and a new sign-in has the new one.
    expect(heading(page)).to_have_text("Your sign-in has expired", timeout=40_000)
    sign_in(page, "jane")
    expect(heading(page)).to_have_text("Now")
    viewer.errors.clear()


def session(place, access):
    request = urllib.request.Request(f"{place.base}/session", headers={"Authorization": f"Bearer {access}"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def test_people_sign_out_here_and_at_the_provider(place, page):
    page.goto(f"{place.base}/ui")
    sign_in(page, "jane")
    before = place.provider.sign_outs
    page.get_by_role("button", name="Sign out").click()
    expect(heading(page)).to_have_text("Sign in")
    assert place.provider.sign_outs == before + 1
    assert page.evaluate("sessionStorage.getItem('campaigns.token')") is None


def test_links_still_work_beside_the_provider(place, page):
    page.goto(f"{place.base}/ui#token={token()}")
    expect(page.locator(".tenant")).to_have_text("acme")
    expect(page.locator(".until")).to_contain_text("link ends")
    expect(page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_the_policy_names_the_provider_and_nothing_else(place, page, viewer):
    """The browser enforces the policy in these tests: requests to other servers fail."""
    response = page.goto(f"{place.base}/ui")
    policy = dict(part.split(" ", 1) for part in response.headers["content-security-policy"].split("; "))
    assert policy["connect-src"] == f"'self' {place.provider.issuer}"
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
    fails = "address => fetch(address, {mode: 'no-cors'}).then(() => false, () => true)"
    assert page.evaluate(fails, place.stage.base)
    assert not page.evaluate(fails, f"{place.provider.issuer}/keys")
    viewer.errors.clear()
