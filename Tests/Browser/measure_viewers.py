"""Measures the dashboard under load: what twenty viewers cost the daemon, and how soon a page shows what was committed.

    Scripts/test-ui measure

Three campaigns are sent at 80 messages a second each. The daemon's processor time is read in turns without and with twenty
streams of events; then a campaign is paused and resumed, and a page in a browser notes when it has drawn that.
"""

import http.client
import os
import statistics
import threading
import time
import urllib.request

from playwright.sync_api import sync_playwright

import stage as stages
from stage import Stage, token, wait_until

VIEWERS = 20
TURNS = 6
SECONDS = 12
CHANGES = 40
CAMPAIGN = "welcome-offer"

# Notes when the words of a card's state change, at the frame that shows them.
WATCH = """name => {
    window.seen = [];
    const card = [...document.querySelectorAll('article')].find(item => item.innerText.includes(name));
    let last = card.querySelector('.pill').innerText;
    new MutationObserver(() => {
        const now = card.querySelector('.pill')?.innerText;
        if (now === last) return;
        last = now;
        requestAnimationFrame(() => requestAnimationFrame(() => window.seen.push([now, Date.now()])));
    }).observe(card, { subtree: true, childList: true, characterData: true });
}"""


class Viewers:
    """Streams of events that are read and thrown away."""

    def __init__(self, base):
        self.bytes, self.streams = 0, []
        for _ in range(VIEWERS):
            request = urllib.request.Request(base + "/events", headers={"Authorization": f"Bearer {token()}"})
            stream = urllib.request.urlopen(request, timeout=30)
            self.streams.append(stream)
            threading.Thread(target=self.read, args=[stream], daemon=True).start()

    def read(self, stream):
        try:
            while chunk := stream.read1(65536):
                self.bytes += len(chunk)
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass  # It was closed at the end of the turn.

    def close(self):
        for stream in self.streams:
            stream.fp.raw._sock.shutdown(2)


def processor_seconds(process):
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share_of_a_core(process):
    start, before = time.monotonic(), processor_seconds(process)
    time.sleep(SECONDS)
    return (processor_seconds(process) - before) / (time.monotonic() - start) * 100


def measure_viewers(stage):
    process = stage.processes["daemon"]
    alone, watched = [], []
    for turn in range(TURNS):
        alone.append(share_of_a_core(process))
        viewers = Viewers(stage.base)
        watched.append(share_of_a_core(process))
        # Those of the last turn stay for what follows.
        if turn < TURNS - 1:
            viewers.close()
        print(f"  {alone[-1]:.1f} % of a core without, {watched[-1]:.1f} % with {VIEWERS} viewers ({viewers.bytes:,} bytes)")
    print(f"{VIEWERS} viewers: {statistics.mean(watched) - statistics.mean(alone):.2f} % of a core more")


def measure_changes(stage):
    identity = stage.campaign(CAMPAIGN)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{stage.base}/ui#token={token()}")
        page.get_by_role("article", name="Welcome offer").wait_for()
        page.evaluate(WATCH, "Welcome offer")
        delays = []
        for index in range(CHANGES):
            action = "pause" if index % 2 == 0 else "resume"
            start = time.time() * 1_000
            status, _ = stage.api("POST", f"/campaigns/{identity}/{action}", {})
            assert status < 300, status
            seen = wait_until(lambda: page.evaluate("window.seen.shift()"), f"the page shows {action}")
            delays.append(seen[1] - start)
            time.sleep(0.3 + index % 7 * 0.1)
        browser.close()
    delays.sort()
    print(
        f"from the request that commits to the frame that shows it, {CHANGES} times: "
        f"median {delays[len(delays) // 2]:.0f} ms, p95 {delays[int(len(delays) * 0.95)]:.0f} ms, most {delays[-1]:.0f} ms"
    )


def main():
    stages.PEOPLE = 20_000
    stage = Stage()
    try:
        stage.start()
        stage.sql('UPDATE senders SET "dailyLimit" = NULL')  # Quotas would end the runs before the measurement.
        for campaign in ["spring-sale", "shop-news", CAMPAIGN]:
            stage.run("campaignd", "send", f"acme/{campaign}", "--yes")
        time.sleep(10)
        measure_viewers(stage)
        measure_changes(stage)
    finally:
        stage.stop()


if __name__ == "__main__":
    main()
