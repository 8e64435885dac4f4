"""Sends each kind of message to a simulator with pywa, and parses each webhook that comes back.

Usage: pywa_client.py http://127.0.0.1:PORT SECRET
"""

import http.server
import json
import queue
import sys
import threading
import time
import urllib.parse
import urllib.request

import httpx
from pywa import WhatsApp, types
from pywa.errors import WhatsAppError
from pywa.types import MessageStatus
from pywa.types.base_update import RawUpdate
from pywa.types.templates import BodyText, HeaderImage, TemplateLanguage

base, secret = sys.argv[1], sys.argv[2]
NUMBER = "106540352242922"
ANA, BRAZIL = "+254711000001", "+5531987654321"
bodies: "queue.Queue[tuple[bytes, str]]" = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        bodies.put((body, self.headers["X-Hub-Signature-256"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class ToSimulator(httpx.HTTPTransport):
    """Sends to the simulator what is meant for Meta."""

    def handle_request(self, request):
        target = urllib.parse.urlsplit(base)
        request.url = request.url.copy_with(scheme="http", host=target.hostname, port=target.port)
        return super().handle_request(request)


def control(method, path, value):
    request = urllib.request.Request(
        f"{base}/_simulator/{path}", json.dumps(value).encode(), {"Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def refused(code, send):
    try:
        send()
    except WhatsAppError as error:
        assert error.code == code, (code, error)
        return
    raise AssertionError(f"not refused with {code}")


seen = []


def updates(until, what):
    """Parses webhooks with the types of pywa, until a condition on all of them holds."""
    end = time.monotonic() + 60
    while not until():
        try:
            body, signature = bodies.get(timeout=max(0.1, end - time.monotonic()))
        except queue.Empty:
            raise AssertionError(f"{what}: only {[type(one).__name__ for one in seen]}") from None
        assert wa.webhook_update_validator(body, signature) is None, "the signature is wrong"
        document = json.loads(body)
        for entry in document["entry"]:
            for change in entry["changes"]:
                single = dict(document, entry=[dict(entry, changes=[change])])
                seen.append(parse(single))


def parse(document):
    text = json.dumps(document).encode()
    raw = RawUpdate(text, hmac_header=None, update_hash=str(len(seen)))
    handler = wa._get_handler_type(raw)
    assert handler is not None, document
    value = document["entry"][0]["changes"][0]["value"]
    # Meta's examples have a hyphen here; pywa 4.5 knows only the other form.
    if language := value.get("message_template_language"):
        assert "-" in language, value
        value["message_template_language"] = language.replace("-", "_")
    for status in value.get("statuses", []):
        # After a failure the contact has no user id, which pywa 4.5 expects: its issue 227.
        if status["status"] == "failed":
            assert set(value["contacts"][0]) == {"wa_id"}, value
            value["contacts"][0]["user_id"] = "KE.1"
    raw = RawUpdate(json.dumps(document).encode(), hmac_header=None, update_hash=str(len(seen)))
    return wa._handlers_to_updates[handler].from_update(client=wa, update=raw)


def statuses(message_id):
    return [one for one in seen if isinstance(one, MessageStatus) and one.id == message_id]


def settled(message_id):
    return any(one.status in ("read", "failed") for one in statuses(message_id))


def failure(message_id):
    return next(one.error.code for one in statuses(message_id) if one.status == "failed")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
control("PUT", "webhook", {"url": f"http://127.0.0.1:{server.server_port}/"})
wa = WhatsApp(
    phone_id=NUMBER,
    token="token",
    app_secret=secret,
    session=httpx.Client(transport=ToSimulator(), timeout=20),
    server=None,
    verify_token="verify",
    filter_updates=False,
)

# Outside of the window free text fails; a message of the contact opens it for this number.
late = wa.send_message(ANA, "too late")
updates(lambda: settled(late.id), "the failure")
assert failure(late.id) == 131047
written = control("POST", "inbound", {"from": ANA, "phoneNumberId": NUMBER, "text": "Hello", "name": "Ana"})["id"]
updates(lambda: any(isinstance(one, types.Message) for one in seen), "the message of a contact")
message = next(one for one in seen if isinstance(one, types.Message))
assert (message.id, message.text, message.from_user.name) == (written, "Hello", "Ana")
assert message.from_user.bsuid.startswith("KE.") and message.from_user.wa_id == ANA[1:]
assert message.mark_as_read()

# Each kind; the number with and without a plus sign.
image = wa.upload_media(b"\x89PNG\r\n\x1a\n123", mime_type="image/png", filename="a.png")
image_id = getattr(image, "id", image)
assert wa.get_media_url(image_id).mime_type == "image/png"
sent = [
    wa.send_message(ANA, "Hi *you*", tracker="tracker-1"),
    wa.send_message(ANA[1:], "without a plus sign", reply_to_message_id=written),
    wa.send_message(ANA, "Choose", buttons=[types.Button("Yes", "yes"), types.Button("No", "no")]),
    wa.send_image(ANA, image_id, caption="Look", mime_type="image/png"),
    wa.send_document(ANA, "https://acme.example/a.pdf", filename="a.pdf", mime_type="application/pdf"),
    wa.send_video(ANA, "https://acme.example/a.mp4", mime_type="video/mp4"),
    wa.send_audio(ANA, "https://acme.example/a.mp3", mime_type="audio/mpeg"),
    wa.send_sticker(ANA, "https://acme.example/a.webp", mime_type="image/webp"),
    wa.send_location(ANA, latitude=-1.28, longitude=36.8, name="Shop", address="Nairobi"),
    wa.send_contact(ANA, types.Contact(name=types.Contact.Name(formatted_name="Bea", first_name="Bea"))),
    wa.send_reaction(ANA, "\N{THUMBS UP SIGN}", written),
]
updates(lambda: all(settled(one.id) for one in sent), "the statuses")
first = statuses(sent[0].id)
assert sorted(one.status for one in first) == ["delivered", "read", "sent"], first
assert all(one.tracker == "tracker-1" and one.from_user.bsuid == message.from_user.bsuid for one in first)
assert any(one.pricing for one in first)
refused(131009, lambda: wa.send_image(ANA, "123456789", mime_type="image/png"))

# Numbers that WhatsApp writes in another form.
control("POST", "inbound", {"from": BRAZIL, "phoneNumberId": NUMBER, "text": "Oi"})
brazil = wa.send_message(BRAZIL, "Oi")
assert brazil.input == BRAZIL
updates(lambda: settled(brazil.id), "the statuses of a Brazilian number")
assert statuses(brazil.id)[0].from_user.wa_id == "553187654321"

# Templates.
offer = {"name": "offer", "language": "en_US", "parameters": ["1", "2"], "header": "image"}
rules = control("PUT", "rules", dict(control_rules := {
    "acceptsPlainNumbers": True, "rewritesNumbers": True, "namesContacts": True, "closesWindows": True,
    "checksMedia": True, "marketingPerDay": 2, "templates": [offer],
}))


def template(*texts, name="offer", header=True):
    params = [HeaderImage.params(image=image_id)] if header else []
    if texts:
        params.append(BodyText.params(*texts))
    return wa.send_template(ANA, name, TemplateLanguage.ENGLISH_US, params)


fine = template("Ana", "10 KES")
assert fine.status == "accepted"
updates(lambda: settled(fine.id), "the statuses of a template")
refused(132001, lambda: template("Ana", "10", name="nosuch"))
refused(132000, lambda: template("Ana"))
refused(132012, lambda: template("Ana", "10", header=False))
refused(132018, lambda: template("Ana", "a\nb"))

# A template that is held back, and then paused.
control("PUT", "rules", dict(control_rules, templates=[dict(offer, status="HELD")]))
held = template("Ana", "10")
assert held.status == "held_for_quality_assessment", held
control("PUT", "rules", dict(control_rules, templates=[dict(offer, status="PAUSED")]))
updates(lambda: settled(held.id), "the failure of a held message")
assert failure(held.id) == 132015
refused(132015, lambda: template("Ana", "10"))
control("PUT", "rules", dict(control_rules, templates=[offer]))
updates(lambda: any(type(one).__name__ == "TemplateStatusUpdate" and one.new_status == "APPROVED" for one in seen), "approval")

# The cap of a person, and a person who stopped marketing.
capped = template("Ana", "10")
updates(lambda: settled(capped.id), "the failure of a capped message")
assert failure(capped.id) == 131049
control("POST", "preference", {"from": ANA, "phoneNumberId": NUMBER, "value": "stop"})
stopped = template("Ana", "10")
updates(lambda: settled(stopped.id), "the failure after a stop")
assert failure(stopped.id) == 131050
updates(lambda: any(type(one).__name__ == "UserMarketingPreferences" for one in seen), "the preference")

# What contacts write, and another event.
for content in [
    {"type": "button", "button": {"text": "STOP", "payload": "stop"}, "context": {"id": fine.id, "from": NUMBER}},
    {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}}},
    {"type": "image", "image": {"id": "1", "mime_type": "image/png", "sha256": "x"}},
]:
    count = len(seen)
    control("POST", "inbound", {"from": ANA, "phoneNumberId": NUMBER, "message": content})
    updates(lambda: len(seen) > count, content["type"])
count = len(seen)
control("POST", "event", {"field": "template_category_update", "value": {
    "message_template_id": 1, "message_template_name": "offer", "message_template_language": "en-US",
    "previous_category": "UTILITY", "new_category": "MARKETING",
}})
updates(lambda: len(seen) > count, "a category")
print(f"parsed {len(seen)} webhooks")
