"""Vendors on this machine: real HTTP servers that do what the vendors' documents say.

Each listens on a port of its own, in threads of the test process, and keeps what it was asked and
what it took. A test may put it into a mood; afterwards all are well again.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PASSWORD = "vendors-let-us-in-by-this"
PATIENCE = 30  # seconds until who waits for an answer that does not come is let go

type Reply = tuple[int, bytes | str | dict[str, Any]]
"""A status, and a body: text as it is, an object as JSON."""


class Mood(Enum):
    """What a vendor does when it is asked."""

    WELL = auto()
    FAILING = auto()  # status 500
    RAVING = auto()  # a good status, and a body without any sense
    SILENT = auto()  # takes the request, and never answers


@dataclass(frozen=True)
class Asked:
    """A request, as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message  # whatever the spelling of their names
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Taken:
    """A message that a vendor took.

    Args:
        report_url: where its reports are to go, if anywhere.
    """

    id: str
    to: str
    text: str
    report_url: str | None = None


class Vendor:
    """A vendor's API; listens from the start.

    Attributes:
        mood: how it is.
        asked: what it was asked, whatever its mood; oldest first.
        taken: the messages it took.
        password: what it wants to be shown.
    """

    def __init__(self) -> None:
        self.mood = Mood.WELL
        self.password = PASSWORD
        self.asked: list[Asked] = []
        self.taken: list[Taken] = []
        self._lock = threading.Lock()  # who is asked by many decides one after the other
        self._woken = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.open()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Listen, where it has always listened."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def close(self) -> None:
        """Stop listening: whoever comes finds no port."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def recover(self) -> None:
        """Be as in the beginning, but for what is remembered."""
        self.mood, self.password = Mood.WELL, PASSWORD
        self._woken.set()
        self._woken = threading.Event()
        if not self._server:
            self.open()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Not there for a while."""
        self.close()
        yield
        self.open()

    def texts_to(self, number: str) -> list[str]:
        """The messages it took for a number, oldest first."""
        return [one.text for one in self.messages_to(number)]

    def messages_to(self, number: str) -> list[Taken]:
        return [one for one in self.taken if one.to.removeprefix("+") == number.removeprefix("+")]

    def answer(self, asked: Asked) -> Reply:
        """What it says when it is well."""
        raise NotImplementedError

    def take(self, to: str, text: str, report_url: str | None = None) -> str:
        """Take a message; its id."""
        message_id = secrets.token_hex(16)
        self.taken.append(Taken(message_id, to, text, report_url))
        return message_id

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def _handle(self) -> None:
                target = urlsplit(self.path)
                query = dict(parse_qsl(target.query, keep_blank_values=True))
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = Asked(self.command, target.path, query, self.headers, body)
                reply = vendor._reply(asked)
                if reply is not None:
                    with suppress(ConnectionError):  # nobody waits for it any more
                        self._say(*reply)

            do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the library's names

            def _say(self, status: int, body: bytes | str | dict[str, Any]) -> None:
                as_json = isinstance(body, dict)
                text = json.dumps(body) if isinstance(body, dict) else body
                content = text.encode() if isinstance(text, str) else text
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if as_json else "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass  # a test that fails shows what was asked

        return Handler

    def _reply(self, asked: Asked) -> Reply | None:
        with self._lock:
            self.asked.append(asked)
            mood, woken = self.mood, self._woken
            if mood == Mood.WELL:
                return self.answer(asked)
        if mood == Mood.SILENT:
            woken.wait(PATIENCE)
            return None
        if mood == Mood.FAILING:
            return 500, "<html><h1>Internal Server Error</h1></html>"
        return 200, b"\x00\xff{]<html>"


class Messente(Vendor):
    """Messente's Omnichannel API."""

    def answer(self, asked: Asked) -> Reply:
        if (asked.method, asked.path) != ("POST", "/v1/omnimessage"):
            return 404, _messente_error("101", "Not found")
        shown = base64.b64encode(f"user:{self.password}".encode()).decode()
        if asked.headers["Authorization"] != f"Basic {shown}":
            return 401, _messente_error("103", "Unauthorized")
        request = asked.json
        [message] = request["messages"]
        message_id = self.take(request["to"], message["text"], request.get("dlr_url"))
        sent = {"message_id": secrets.token_hex(16), "channel": "sms", "sender": "Messente"}
        return 201, {"messages": [sent], "to": request["to"], "omnimessage_id": message_id}

    def report(self, message: Taken, status: str, err: int = 0) -> bytes:
        """What it posts about a message."""
        fields = {
            "status": status,
            "channel": "sms",
            "message_id": secrets.token_hex(16),
            "omnimessage_id": message.id,
            "to": message.to,
            "sender": "Messente",
            "err": err,
            "error": None,
            "timestamp": "2026-11-22T08:09:42.389630",
        }
        return json.dumps(fields).encode()


def _messente_error(code: str, title: str) -> dict[str, Any]:
    return {"errors": [{"title": title, "detail": title, "code": code, "source": None}]}


@dataclass
class Session:
    """A code that a vendor has made."""

    pin: str
    ends_at: float
    max_attempts: int
    to: str = ""
    attempts: int = 0
    verified: bool = False


def _make_pin(length: int) -> str:
    return str(secrets.choice(range(10 ** (length - 1), 10**length)))


class MessenteVerify(Vendor):
    """Messente's Number Verification: text, with status 200 whatever it says.

    A right PIN is VERIFIED as often as it is asked about; nothing is said against that.
    """

    ENOUGH = 10  # guesses; then it takes them for guesses

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        super().__init__()

    @property
    def checked(self) -> list[str]:
        """The PINs it was asked about."""
        return [asked.query["pin"] for asked in self.asked if asked.path == "/verify/pin/"]

    def answer(self, asked: Asked) -> Reply:
        query = asked.query
        if (query.get("username"), query.get("password")) != ("user", self.password):
            return 200, "ERROR 101"
        if asked.path == "/verify/start/":
            return 200, self._start(query)
        if asked.path == "/verify/pin/":
            return 200, self._check(query)
        return 404, "no such address"

    def _start(self, query: Mapping[str, str]) -> str:
        if "<PIN>" not in query["template"]:
            return "ERROR 109"
        pin = _make_pin(int(query.get("pin_length", 4)))
        message_id = self.take(query["to"], query["template"].replace("<PIN>", pin))
        ends_at = time.time() + int(query.get("validity", 300))
        self.sessions[message_id] = Session(pin, ends_at, self.ENOUGH)
        return f"OK {message_id}"

    def _check(self, query: Mapping[str, str]) -> str:
        session = self.sessions.get(query["verification_id"])
        if not session:
            return "ERROR 110"
        session.attempts += 1
        if session.attempts > session.max_attempts:
            return "THROTTLED"
        if session.ends_at <= time.time():
            return "EXPIRED"
        return "VERIFIED" if query["pin"] == session.pin else "INVALID"


class MessageBird(Vendor):
    """MessageBird's REST API: messages and Verify objects."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        super().__init__()

    @property
    def checked(self) -> list[str]:
        """The tokens it was asked about."""
        return [asked.query["token"] for asked in self.asked if "token" in asked.query]

    def answer(self, asked: Asked) -> Reply:
        if asked.headers["Authorization"] != f"AccessKey {self.password}":
            return 401, _bird_error(2, "Request not allowed (incorrect access_key)", "access_key")
        _, collection, *rest = asked.path.split("/")
        if (asked.method, collection, rest) == ("POST", "messages", []):
            return 201, self._message(asked.json)
        if collection == "verify":
            if not rest:
                return 201, self._create(asked.json)
            [ref] = rest
            if ref not in self.sessions:
                return 404, _bird_error(20, "Verify object could not be found")
            if asked.method == "DELETE":
                del self.sessions[ref]
                return 204, ""
            return self._read(ref, asked.query.get("token"))
        return 404, _bird_error(98, "Not found")

    def _message(self, request: Mapping[str, Any]) -> dict[str, Any]:
        [to] = request["recipients"]
        # Without a reference there are no reports.
        report_url = request.get("reportUrl") if request.get("reference") else None
        message_id = self.take(to, request["body"], report_url)
        recipient = {"recipient": int(to), "status": "sent"}
        return {"id": message_id, "recipients": {"totalSentCount": 1, "items": [recipient]}}

    def _create(self, request: Mapping[str, Any]) -> dict[str, Any]:
        assert str(request.get("reference", "x")).isalnum()
        pin = _make_pin(request.get("tokenLength", 6))
        text = request.get("template", "Your code is: %token").replace("%token", pin)
        ref = self.take(request["recipient"], text, request.get("reportUrl"))
        ends_at = time.time() + request.get("timeout", 30)
        most = request.get("maxAttempts", 1)
        self.sessions[ref] = Session(pin, ends_at, most, request["recipient"])
        return self._object(ref)

    def _read(self, ref: str, token: str | None) -> Reply:
        session = self.sessions[ref]
        if not token:
            return 200, self._object(ref)
        if session.verified or session.attempts >= session.max_attempts:
            return 422, _bird_error(10, "The token has already been processed")
        if session.ends_at <= time.time():
            return 422, _bird_error(10, "The token has expired")
        session.attempts += 1
        if token != session.pin:
            return 422, _bird_error(10, "The token is invalid.")
        session.verified = True
        return 200, self._object(ref)

    def _object(self, ref: str) -> dict[str, Any]:
        session = self.sessions[ref]
        status = "failed" if session.attempts >= session.max_attempts else "sent"
        if session.ends_at <= time.time():
            status = "expired"
        return {
            "id": ref,
            "href": f"{self.url}/verify/{ref}",
            "recipient": int(session.to),
            "reference": None,
            "messages": {"href": f"{self.url}/messages/{ref}"},
            "status": "verified" if session.verified else status,
        }


def _bird_error(code: int, description: str, parameter: str | None = None) -> dict[str, Any]:
    return {"errors": [{"code": code, "description": description, "parameter": parameter}]}


class EndUserMessaging(Vendor):
    """AWS End User Messaging, which the emulator has not: SMS, and codes that it makes itself.

    Nobody's signature is checked here.

    Attributes:
        contexts: what went with each message, to go with the events on it too.
    """

    def __init__(self) -> None:
        self.contexts: dict[str, dict[str, str]] = {}
        self.sessions: dict[str, Session] = {}
        super().__init__()

    def answer(self, asked: Asked) -> Reply:
        request, target = asked.json, asked.headers.get("X-Amz-Target", "")
        if target == "PinpointSMSVoiceV2.SendTextMessage":
            message_id = self.take(request["DestinationPhoneNumber"], request["MessageBody"])
            self.contexts[message_id] = request["Context"]
            return 200, {"MessageId": message_id}
        if asked.path == "/v1/notify-code-verifications/send":
            return 200, self._send_code(request)
        if asked.path == "/v1/notify-code-verifications/validate":
            session = self.sessions.get(request["referenceId"])
            is_valid = session is not None and session.pin == request["code"]
            return 200, {"status": "VALID" if is_valid else "INVALID"}
        return 400, {"__type": "ValidationException", "message": "no such operation"}

    def _send_code(self, request: Mapping[str, Any]) -> dict[str, str]:
        code = request["overrideCodeConfigurationParameters"]
        pin = _make_pin(code["codeLength"])
        template = request["overrideChannelParameters"]["text"]["inlineTemplateBody"]
        message_id = self.take(request["destinationIdentity"], template.replace("{{code}}", pin))
        self.contexts[message_id] = request["context"]
        ends_at = time.time() + 60 * code["validityPeriodMinutes"]
        self.sessions[request["referenceId"]] = Session(pin, ends_at, code["maxAttempts"])
        return {"verificationId": secrets.token_hex(16), "messageId": message_id}


_WEBHOOK_KEY = b"0123456789abcdef0123456789abcdef"
WEBHOOK_SECRET = f"whsec_{base64.b64encode(_WEBHOOK_KEY).decode()}"


class Webhook(Vendor):
    """A carrier that somebody wrote after Standard Webhooks, and after our docs/providers.md."""

    def answer(self, asked: Asked) -> Reply:
        message_id, sent_at = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
        signed = f"{message_id}.{sent_at}.".encode() + asked.body
        right = base64.b64encode(hmac.digest(_WEBHOOK_KEY, signed, hashlib.sha256)).decode()
        if asked.headers["webhook-signature"] != f"v1,{right}":
            return 401, {"code": "wrong_signature"}
        data = asked.json["data"]
        return 200, {"id": self.take(data["to"], data["text"], data.get("report_url"))}


@dataclass
class Vendors:
    """All of them."""

    messente: Messente = field(default_factory=Messente)
    messente_verify: MessenteVerify = field(default_factory=MessenteVerify)
    messagebird: MessageBird = field(default_factory=MessageBird)
    end_user_messaging: EndUserMessaging = field(default_factory=EndUserMessaging)
    webhook: Webhook = field(default_factory=Webhook)

    @property
    def each(self) -> list[Vendor]:
        return list(vars(self).values())

    @property
    def settings(self) -> dict[str, Any]:
        """The providers' settings with which all of them are used."""
        account = {"username": "user", "password": PASSWORD}
        bird = {"access_key": PASSWORD, "base_url": self.messagebird.url}
        verify_urls = [self.messente_verify.url]
        return {
            "messente": account | {"base_url": f"{self.messente.url}/v1"},
            "messente-verify": account | {"base_urls": verify_urls},
            "messagebird": bird,
            "messagebird-verify": bird,
            "aws-notify": {"origination_identity": "Shop"},
            "webhook": {"url": f"{self.webhook.url}/send", "secrets": [WEBHOOK_SECRET]},
        }

    @property
    def environment(self) -> dict[str, str]:
        """Where functions find those services of AWS that the emulator has not."""
        services = ("PINPOINT_SMS_VOICE_V2", "ENDUSERMESSAGING")
        return {f"AWS_ENDPOINT_URL_{name}": self.end_user_messaging.url for name in services}

    def recover(self) -> None:
        for vendor in self.each:
            vendor.recover()

    def close(self) -> None:
        for vendor in self.each:
            vendor.recover()  # lets go of who still waits
            vendor.close()


# Mobile numbers of the places that have routes of their own; see tests/conftest.py.
_NUMBERS = {
    "DK": ("+4520", 6),
    "EE": ("+37251", 6),
    "FI": ("+35850", 7),
    "LT": ("+3706", 7),
    "LV": ("+3712", 7),
    "SE": ("+4670", 7),
}


def a_number_in(country: str) -> str:
    """A mobile number that no other test uses."""
    prefix, digits = _NUMBERS[country]
    return f"{prefix}{secrets.randbelow(10**digits):0{digits}}"
