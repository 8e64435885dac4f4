"""What the tests of the dashboard run on: the real commands, against Postgres, Redis and a simulated WhatsApp."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".services" / "ui"
SECRET = "secret-of-the-browser-tests-which-is-long-enough"
# Pictures for documents show more people, so recording takes longer.
RECORDS = bool(os.environ.get("UI_RECORD"))
PEOPLE = 4_000 if RECORDS else 700
DEADLINE = 300 if RECORDS else 60
DOCUMENTED = {"now-light", "now-dark", "campaign-light"}


def picture(page, name, full_page=True):
    """Keeps a picture of the page. With UI_RECORD=1 a small copy of those of the documents is written, too."""
    path = FOLDER / "pictures" / f"{name}.png"
    if RECORDS:
        page.locator(".toast").first.wait_for(state="detached")
    page.screenshot(path=path, full_page=full_page)
    if name in DOCUMENTED and RECORDS:
        images = ROOT / "docs" / "images"
        images.mkdir(exist_ok=True)
        with Image.open(path) as image:
            few = image.convert("RGB").quantize(colors=128, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            few.save(images / f"{name}.png", optimize=True)


def go(page, path):
    """Goes to a page of the dashboard as its links do, without loading the frame again."""
    page.evaluate("path => { history.pushState(null, '', path); dispatchEvent(new Event('popstate')); }", path)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, what, deadline=DEADLINE):
    """Asks until the condition holds, and returns what it returned."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited {deadline} s in vain: {what}"
        time.sleep(0.1)


def encode(part):
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


def token(tenant="acme", scope="operate contacts", lifetime=3600):
    """Returns an access token, as an identity provider makes them."""
    now = int(time.time())
    claims = {"tenantId": tenant, "sub": "jane@acme.example", "iat": now, "exp": now + lifetime}
    if scope:
        claims["scope"] = scope
    text = encode({"alg": "HS256", "typ": "JWT"}) + b"." + encode(claims)
    return (text + b"." + encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest())).decode()


class Stage:
    """A database with two tenants, a simulator and a daemon."""

    def __init__(self):
        self.bin = ROOT / ".build" / os.environ.get("UI_CONFIGURATION", "debug")
        self.logs = FOLDER / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.simulator_port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.processes = {}
        self.environment = os.environ | {
            "JWT_SECRET": SECRET,
            "WHATSAPP_APP_SECRET": "app-secret",
            "WHATSAPP_VERIFY_TOKEN": "verify",
            "WHATSAPP_TOKEN": "token",
            "WHATSAPP_API_URL": f"http://127.0.0.1:{self.simulator_port}/v23.0",
            "HTTP_PORT": str(self.port),
            "API_RATE_LIMIT": "1000",
        }

    def start(self):
        self.run("campaignd", "migrate")
        people = self.run("campaignd", "contacts", "sample", "--count", str(PEOPLE), "--seed", "1")
        (FOLDER / "contacts.csv").write_text(people)
        for tenant in ["acme", "globex"]:
            self.run("campaignd", "contacts", "import", "--tenant", tenant, str(FOLDER / "contacts.csv"))
        self.run("campaignd", "wallet", "top-up", "50000", "--tenant", "acme", "--reference", "invoice-117")
        specs = pathlib.Path(__file__).parent / "specs"
        self.run("reconcile", str(specs), "--yes")
        self.spawn(
            "simulator", "simulate", "--port", str(self.simulator_port), "--webhook-url",
            f"{self.base}/webhooks/whatsapp", "--delivered", "0.97", "--read", "0.6", "--failed", "0.03",
        )
        wait_until(lambda: self.answers(f"http://127.0.0.1:{self.simulator_port}/_simulator/summary"), "simulator")
        self.start_daemon()

    def start_daemon(self):
        self.spawn("daemon", "run")
        wait_until(lambda: self.answers(f"{self.base}/readyz"), "daemon")

    def kill_daemon(self):
        """Ends the daemon as a crash does."""
        process = self.processes.pop("daemon")
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self):
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()

    def spawn(self, name, *arguments, environment={}):
        log = open(self.logs / f"{name}.log", "a")
        self.processes[name] = subprocess.Popen(
            [self.bin / "campaignd", *arguments], env=self.environment | environment, stdout=log, stderr=log, cwd=ROOT
        )

    def run(self, command, *arguments):
        """Runs a command to its end, and returns what it prints."""
        result = subprocess.run(
            [self.bin / command, *arguments], env=self.environment, cwd=ROOT, text=True, capture_output=True,
            stdin=subprocess.DEVNULL,
        )
        assert result.returncode == 0, f"{command} {' '.join(arguments)}: {result.stdout}\n{result.stderr}"
        return result.stdout

    def report(self, campaign):
        """Returns the counters of the latest run, as `campaignd report` prints them."""
        return json.loads(self.run("campaignd", "report", f"acme/{campaign}", "--format", "json"))

    def sql(self, text):
        """Runs SQL; only for data that would take too long to make in other ways."""
        subprocess.run(
            ["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--command", text, self.environment["DATABASE_URL"]],
            check=True, stdout=subprocess.DEVNULL,
        )

    @staticmethod
    def answers(address):
        try:
            with urllib.request.urlopen(address, timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    def api(self, method, path, body=None, access=None):
        """Sends a request, and returns the status and the JSON of the answer."""
        request = urllib.request.Request(
            self.base + path, method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {access or token(scope='admin')}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def campaign(self, name):
        """Returns the id of a campaign of acme."""
        _, found = self.api("GET", f"/campaigns?q={name}")
        return next(item["id"] for item in found["items"] if item["name"] == name)
