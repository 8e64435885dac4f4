import pathlib
import re
import sys

import pytest
from playwright.sync_api import expect, sync_playwright

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from stage import FOLDER, Stage, token  # noqa: E402

expect.set_options(timeout=15_000)


@pytest.fixture(scope="session")
def stage():
    stage = Stage()
    try:
        stage.start()
        yield stage
    finally:
        stage.stop()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


class Viewer:
    """Opens pages as people with different links do, and remembers every error in the console of the browser."""

    def __init__(self, browser, stage):
        self.browser, self.stage = browser, stage
        self.contexts, self.errors = [], []

    def open(self, access=None, path="/ui", scheme="light", width=1440, height=900):
        context = self.browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce",
            accept_downloads=True,
        )
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self.note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.stage.base}{path}#token={access or token()}")
        expect(page.locator("h1")).to_be_visible()
        return page

    def note(self, message):
        # A tenant without a wallet is answered with a status.
        expected = re.search(r"/wallet$", message.location.get("url", ""))
        if message.type == "error" and not expected:
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def close(self):
        for context in self.contexts:
            context.close()


@pytest.fixture
def viewer(browser, stage, request):
    viewer = Viewer(browser, stage)
    yield viewer
    for index, context in enumerate(viewer.contexts):
        for page in context.pages:
            # What the page showed at the end; the last picture of a failed test explains it.
            page.screenshot(path=FOLDER / "ends" / f"{request.node.name[:60]}-{index}.png")
    viewer.close()
    # A failed request is an error in the console, too; tests that cause some clear the list.
    assert viewer.errors == []
