"""An identity provider: OpenID Connect over HTTPS, with RSA keys that rotate and codes that are bound by PKCE."""

import base64
import datetime
import hashlib
import ipaddress
import json
import secrets
import ssl
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from stage import FOLDER, encode

CLIENT = "campaigns-ui"
ACCOUNTS = {
    "jane": {"tenantId": "acme", "campaigns": "operate contacts"},
    "ravi": {"tenantId": "acme"},
    "nora": {},
    "paul": {"tenantId": "acme", "campaigns": "profile"},
}


def certificate(folder):
    """Writes a certificate of this machine that is its own issuer, and returns the files of it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "provider.pem", folder / "provider-key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files


class Provider:
    def __init__(self, return_address):
        """Takes the one address to which people may be sent back."""
        self.return_address = return_address
        self.origin = return_address.removesuffix("/ui")
        self.lifetime = 3600
        # What a test makes it do wrong: the nonce and the state of its answers.
        self.nonce, self.state = None, None
        self.codes, self.refusals, self.sign_outs = {}, [], 0
        self.keys = {}
        self.rotate()
        self.certificate, key = certificate(FOLDER)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.issuer = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def rotate(self):
        """Signs with a new key from now on, and no longer publishes the one before."""
        self.keys = {secrets.token_hex(4): rsa.generate_private_key(65537, 2048)}

    def description(self):
        return {
            "issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", "token_endpoint": f"{self.issuer}/token",
            "authorization_endpoint": f"{self.issuer}/authorize", "end_session_endpoint": f"{self.issuer}/logout",
            "code_challenge_methods_supported": ["S256"], "response_types_supported": ["code"],
        }

    def key_set(self):
        def number(value):
            return encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()

        numbers = {kid: key.public_key().public_numbers() for kid, key in self.keys.items()}
        return {"keys": [
            {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(key.n), "e": number(key.e)}
            for kid, key in numbers.items()
        ]}

    def token(self, account, nonce, **changes):
        """Returns an ID token."""
        now = int(time.time())
        claims = {
            "iss": self.issuer, "aud": CLIENT, "azp": CLIENT, "sub": f"{account}@acme.example", "iat": now,
            "exp": now + self.lifetime, "nonce": nonce, **ACCOUNTS[account], **changes,
        }
        kid, key = next(reversed(self.keys.items()))
        text = encode({"alg": "RS256", "typ": "JWT", "kid": kid}) + b"." + encode(claims)
        return (text + b"." + encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256()))).decode()

    def problem_of(self, query):
        """Returns what is wrong with a request for a sign-in."""
        wanted = {
            "response_type": "code", "client_id": CLIENT, "redirect_uri": self.return_address,
            "code_challenge_method": "S256",
        }
        wrong = [name for name, value in wanted.items() if query.get(name) != value]
        wrong += [name for name in ["state", "nonce"] if len(query.get(name, "")) < 43]
        wrong += ["code_challenge"] if len(query.get("code_challenge", "")) != 43 else []
        wrong += ["scope"] if "openid" not in query.get("scope", "").split() else []
        return ", ".join(wrong)

    def code(self, account, query):
        code = secrets.token_urlsafe(16)
        self.codes[code] = (account, query["nonce"], query["code_challenge"])
        return code

    def exchange(self, form):
        """Returns the status and the answer to a code."""
        account, nonce, challenge = self.codes.pop(form.get("code"), (None, None, None))
        digest = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        fits = (
            account and digest.rstrip(b"=").decode() == challenge and form.get("client_id") == CLIENT
            and form.get("redirect_uri") == self.return_address and form.get("grant_type") == "authorization_code"
        )
        if not fits:
            self.refusals.append(form)
            return 400, {"error": "invalid_grant", "error_description": "The code is not valid."}
        return 200, {"token_type": "Bearer", "access_token": "opaque", "id_token": self.token(account, self.nonce or nonce)}


def handler(provider):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(parts.query))
            if parts.path == "/.well-known/openid-configuration":
                return self.say(200, provider.description())
            if parts.path == "/keys":
                return self.say(200, provider.key_set(), {"Cache-Control": "max-age=600"})
            if parts.path == "/authorize":
                problem = provider.problem_of(query)
                if problem:
                    return self.page(f"<h1>Wrong request: {problem}</h1>")
                links = [
                    f'<p><a href="/accept?account={account}&{parts.query.replace("&", "&amp;")}">{account}</a></p>'
                    for account in [*ACCOUNTS, "cancel"]
                ]
                return self.page("<h1>Who are you?</h1>" + "".join(links))
            if parts.path == "/accept":
                if query["account"] == "cancel":
                    answer = {"error": "access_denied", "error_description": "Jane changed her mind."}
                else:
                    answer = {"code": provider.code(query["account"], query), "iss": provider.issuer}
                answer["state"] = provider.state or query["state"]
                return self.redirect(f"{provider.return_address}?{urllib.parse.urlencode(answer)}")
            if parts.path == "/logout" and query.get("post_logout_redirect_uri") == provider.return_address:
                provider.sign_outs += 1
                return self.redirect(provider.return_address)
            # Browsers ask for an icon by themselves.
            return self.send(204, b"", {}) if parts.path == "/favicon.ico" else self.say(404, {})

        def do_POST(self):
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path != "/token" or "Cookie" in self.headers:
                return self.say(404, {})
            status, answer = provider.exchange(dict(urllib.parse.parse_qsl(form)))
            return self.say(status, answer, {"Access-Control-Allow-Origin": provider.origin})

        def say(self, status, answer, headers={}):
            self.send(status, json.dumps(answer).encode(), {"Content-Type": "application/json", **headers})

        def page(self, text):
            self.send(200, f"<!doctype html><title>Provider</title>{text}".encode(), {"Content-Type": "text/html"})

        def redirect(self, address):
            self.send(302, b"", {"Location": address})

        def send(self, status, body, headers):
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
