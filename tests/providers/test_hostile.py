"""Ten thousand answers that no vendor should give, to every provider that speaks HTTP.

Whatever comes back, a call gives an id, a verdict or a ProviderError, in time, keeps no secret in
what it says, and has asked for a message once.
"""

import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from verification.domain.verification import Channel, Reason
from verification.errors import ProviderError
from verification.operations.ports import Messenger, Verifier
from verification.providers import (
    messagebird,
    messagebird_verify,
    messente,
    messente_verify,
    verigator,
    webhook,
)

from tests.providers.hostile import Asked, Close, RawServer, Talk, http
from tests.providers.orders import CODE, make_order
from tests.providers.test_webhook import NEW

CALLS = 10_000  # in all
PLENTY, SHORT = 15_000, 2_600  # milliseconds the function has left
ONE_IN = 800  # this many calls, one gets an answer without an end
SECRET = "hunter2-hunter2"
NUMBER = "31612345678"
SECRETS = (CODE, NUMBER, SECRET, NEW.removeprefix("whsec_"))
LONGEST_REF = 256  # characters

type Provider = Messenger | Verifier


@dataclass(frozen=True)
class Target:
    """A provider and what it knows of its vendor.

    Args:
        make: makes one that asks this address.
        answers: bodies that it understands, to be spoilt.
        is_message: whether a request sends a message.
        ref: what its start() might have returned.
        secret: what the vendor knows and might say back.
    """

    name: str
    make: Callable[[str], Provider]
    answers: tuple[str, ...]
    is_message: Callable[[Asked], bool]
    ref: str = ""
    secret: str = SECRET


def posted_to(path: str) -> Callable[[Asked], bool]:
    return lambda asked: asked.method == "POST" and re.search(path, asked.target) is not None


BIRD_ERRORS = (
    '{"errors": [{"code": 9, "description": "no (correct) recipients found",'
    ' "parameter": "recipient"}]}',
    '{"errors": [{"code": 10, "description": "The token has already been processed",'
    ' "parameter": null}, {"code": 2, "description": "x", "parameter": "access_key"}]}',
    '{"errors": [{"code": 20, "description": "not found", "parameter": null}]}',
)
VERIFY_OBJECT = (
    '{"id": "15498233759288aaf929661v21936686", "recipient": 31612345678, "status": "%s",'
    ' "messages": {"href": "/messages/1"}, "validUntilDatetime": "2026-05-03T14:26:57+00:00"}'
)
TARGETS = [
    Target(
        "messente",
        lambda url: messente.MessenteMessenger(
            messente.Settings.model_validate(
                {"username": "user", "password": SECRET, "base_url": url}
            )
        ),
        (
            '{"messages": [{"message_id": "m1", "channel": "sms", "sender": "Shop"}],'
            ' "to": "+31612345678", "omnimessage_id": "632c6f6d"}',
            '{"errors": [{"title": "Invalid data", "detail": "x", "code": "105",'
            ' "source": "payload[sms][sender]"}]}',
            '{"errors": [{"title": "Not found", "code": "101", "source": null}]}',
        ),
        posted_to("/omnimessage"),
    ),
    Target(
        "messente-verify",
        lambda url: messente_verify.MessenteVerifier(
            messente_verify.Settings.model_validate(
                {"username": "user", "password": SECRET, "base_urls": [f"{url}/1", f"{url}/2"]}
            )
        ),
        ("OK f6a6d8e", "VERIFIED", "INVALID", "EXPIRED", "THROTTLED", "ERROR 102", "FAILED 209"),
        posted_to("/verify/start"),
        "f6a6d8e",
    ),
    Target(
        "messagebird",
        lambda url: messagebird.MessageBirdMessenger(
            messagebird.Settings.model_validate({"access_key": SECRET, "base_url": url})
        ),
        (
            '{"id": "e8077d803532c0b5937c639b60216938", "href": "/messages/e8", "type": "sms",'
            ' "recipients": {"totalSentCount": 1, "items": [{"recipient": 31612345678,'
            ' "status": "sent"}]}}',
            *BIRD_ERRORS,
        ),
        posted_to("messages"),
    ),
    Target(
        "messagebird-verify",
        lambda url: messagebird_verify.MessageBirdVerifier(
            messagebird_verify.Settings.model_validate({"access_key": SECRET, "base_url": url})
        ),
        (*(VERIFY_OBJECT % status for status in ("sent", "verified", "failed")), *BIRD_ERRORS),
        posted_to("/verify"),
        "15498233759288aaf929661v21936686",
    ),
    Target(
        "verigator",
        lambda url: verigator.VerigatorVerifier(
            verigator.Settings.model_validate(
                {"username": "user", "password": SECRET, "service_id": "s1", "base_url": url}
            )
        ),
        (
            '{"id": "38fb335c", "id_in_service": "x", "method": "totp", "ctime": "2017-09-15"}',
            '{"id": "38fb335c", "method": "sms", "verified": true}',
            '{"verified": false, "status": {"throttled": false, "expired": true}}',
            '{"total": 1, "users": [{"id": "38fb335c", "id_in_service": "x"}]}',
            '{"message": "no"}',
        ),
        posted_to("/auth$"),
        "sms:38fb335c",
    ),
    Target(
        "webhook",
        lambda url: webhook.WebhookMessenger(
            webhook.Settings.model_validate({"url": url, "secrets": [NEW]})
        ),
        ('{"id": "m1"}', '{"code": "blocked", "message": "no"}'),
        posted_to(""),
        secret=CODE,  # it never gets the secret itself
    ),
]

# Answers

STATUSES = (
    *("200 OK", "201 Created", "202 Accepted", "204 No Content", "206 Part"),
    *("100 Continue", "101 Switching", "199 x", "302 Found", "304 Not Modified", "307 Over there"),
    *("400 Bad", "401 Who", "402 Pay", "403 No", "404 Not found", "405 Not so", "409 Again"),
    *("410 Gone", "413 Large", "415 What", "418 Tea", "422 Wrong", "429 Slow down", "451 Law"),
    *("500 Oops", "502 Gateway", "503 Busy", "504 Late", "599 x", "600 x", "999 x", "000 x", "20"),
)
HEADERS = (
    *("Content-Encoding: gzip", "Content-Encoding: br", "Transfer-Encoding: chunked"),
    *("Content-Length: 5", "Content-Length: -1", "Content-Length: 999999", "Content-Length: x"),
    *("Location: /", "Location: http://[", "Retry-After: 0", "Set-Cookie: a=b", "Set-Cookie: ="),
    *("Connection: close", "Content-Type: \xff", "A: b\r\n c", ": b", "\x00", "Trailer: x"),
)
WORDS = ("", "verified", "sms", "sent", "\ud800", "a\nb", "ä", "x" * 300, CODE, NUMBER)


def noise(random: Random, target: Target, asked: Asked) -> bytes:
    return random.randbytes(random.randrange(2_000))


def framed(random: Random, body: bytes) -> bytes:
    """An answer with this body; its head may be wrong."""
    kind = random.randrange(8)
    status = random.choice([*STATUSES, *["200 OK"] * len(STATUSES)])
    if kind == 0:
        head = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    if kind == 1:
        return f"HTTP/1.0 {status}\r\n\r\n".encode() + body
    if kind == 2:
        return http(body, status, random.choice(HEADERS))
    return http(body, status)


def random_body(random: Random, target: Target, asked: Asked) -> bytes:
    return framed(random, noise(random, target, asked))


def as_it_should_be(random: Random, target: Target, asked: Asked) -> bytes:
    return framed(random, random.choice(target.answers).encode())


def spoilt(random: Random, target: Target, asked: Asked) -> bytes:
    """A right answer with some bytes cut, changed, doubled or put in."""
    answer = bytearray(as_it_should_be(random, target, asked))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(answer) + 1)
        some = random.randrange(1, 20)
        match random.randrange(4):
            case 0:
                del answer[at : at + some]
            case 1:
                answer[at : at + 1] = random.randbytes(1)
            case 2:
                answer[at:at] = answer[max(0, at - some) : at]
            case _:
                answer[at:at] = random.randbytes(random.randrange(4))
    return bytes(answer)


def wrong_types(random: Random, target: Target, asked: Asked) -> bytes:
    """JSON with the vendor's names, and anything for their values."""
    names = re.findall(r'"(\w+)":', "".join(target.answers)) or ["id"]

    def value(depth: int) -> Any:
        kinds: list[Callable[[], Any]] = [
            lambda: None,
            lambda: random.choice([True, False]),
            lambda: random.choice([0, 1, -1, 2, 9, 20, 99, 1e308, float("nan"), 10**30]),
            lambda: random.choice([*WORDS, target.secret]),
            lambda: [value(depth + 1) for _ in range(random.randrange(3))],
            lambda: {random.choice(names): value(depth + 1) for _ in range(random.randrange(5))},
        ]
        return random.choice(kinds if depth < 4 else kinds[:4])()

    body = {random.choice(names): value(1) for _ in range(random.randrange(6))}
    return framed(random, json.dumps(random.choice([body, body, value(0)])).encode())


def page(random: Random, target: Target, asked: Asked) -> bytes:
    """A page for people, as gateways and consoles have it: it shows what was asked for."""
    shown = f"{asked.method} {asked.target}\n{asked.headers}\n".encode() + asked.body
    return framed(random, b"<!DOCTYPE html><html><h1>Error</h1><pre>%s</pre></html>" % shown)


def echo(random: Random, target: Target, asked: Asked) -> bytes:
    """What we asked for, said back in place of all that is said."""
    body = asked.body.decode(errors="replace")
    said = random.choice([body, asked.target, CODE, NUMBER, target.secret])
    if not target.answers[0].startswith("{"):
        return framed(random, f"{random.choice(['', 'OK ', 'ERROR ', 'FAILED '])}{said}".encode())
    answer = re.sub(r'"[^"]*"(?!:)', lambda _: json.dumps(said), random.choice(target.answers))
    return framed(random, answer.encode())


KINDS = (noise, random_body, as_it_should_be, spoilt, spoilt, wrong_types, wrong_types, page, echo)


class Vendor:
    """Answers by chance, and closes; or never ends, when told so.

    Attributes:
        said: each request of the current call, with what was answered.
    """

    def __init__(self, target: Target, random: Random) -> None:
        self._target, self._random = target, random
        self.said: list[tuple[Asked, bytes]] = []
        self.is_endless = False

    def __call__(self, talk: Talk, asked: Asked) -> None:
        random = self._random
        answer = random.choice(KINDS)(random, self._target, asked)
        if not self._target.is_message(asked) and random.randrange(2):
            answer = http(self._target.answers[0])  # so that messages are asked for after it
        self.said.append((asked, answer))
        if self.is_endless and random.randrange(2):
            talk.drip(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1_000)
        elif self.is_endless:
            talk.say(answer[: random.randrange(30)])  # less than a head
            talk.wait()
        talk.say(answer)
        raise Close


# Calls


def call(provider: Provider, target: Target, random: Random, left: int) -> object:
    """Do one thing that the provider can do; as much is left after it as recording it takes."""
    end = time.monotonic() + left / 1000

    def remaining() -> int:
        return int((end - time.monotonic()) * 1000)

    order = make_order(
        channel=random.choice([c for c in Channel if c in provider.channels]),  # type: ignore[union-attr]
        remaining=remaining,
    )
    try:
        if isinstance(provider, Messenger):
            return provider.send(order)
        match random.randrange(10):
            case 0:
                provider.cancel(target.ref, remaining)
                return None
            case 1 | 2 | 3 | 4:
                repeated = random.choice([True, False])
                return provider.check(
                    target.ref, order.to, CODE, repeated=repeated, remaining=remaining
                )
            case _:
                return provider.start(order)
    except ProviderError as error:
        return error
    finally:
        assert remaining() > 0, "the call went on past its deadline"


def check_result(result: object, said: list[tuple[Asked, bytes]]) -> None:
    if isinstance(result, str):
        assert 0 < len(result) <= LONGEST_REF
        assert result.isprintable()
    elif isinstance(result, ProviderError):
        assert re.fullmatch(r"[ -~]{1,64}", result.vendor_code)
        for secret in SECRETS:
            assert secret not in f"{result} {result!r}"
    elif result is None:
        # A cancel that went well, or a guess that is right: not without the vendor's saying so.
        is_cancel = all(asked.method == "DELETE" for asked, _ in said)
        assert is_cancel or b"verified" in said[-1][1].lower()
    else:
        assert isinstance(result, Reason)


def check_messages(target: Target, said: list[tuple[Asked, bytes]]) -> None:
    """At most one; a second where the first surely sent nothing, or will not be sent again."""
    messages = [(asked, answer) for asked, answer in said if target.is_message(asked)]
    if target.name == "webhook":
        assert len(messages) <= 2
        assert len({asked.headers["webhook-id"] for asked, _ in messages}) <= 1
        return
    for _, answer in messages[:-1]:
        assert target.name == "messente-verify"
        assert re.match(rb"HTTP/1\.\S* (429|503)", answer) or b"FAILED 209" in answer
    assert len({asked.target for asked, _ in messages}) == len(messages)  # never the same host


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_ten_thousand_hostile_answers(
    target: Target,
    record_property: Callable[[str, object], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    random = Random(target.name)
    calls = -(-CALLS // len(TARGETS))
    kinds: dict[str, int] = {}
    vendor = Vendor(target, Random(f"{target.name} vendor"))
    with RawServer(vendor) as server:
        provider = target.make(server.url)
        assert provider.name == target.name
        for number in range(calls):
            vendor.said = []
            vendor.is_endless = number % ONE_IN == ONE_IN - 1
            try:
                left = SHORT if vendor.is_endless else PLENTY
                result = call(provider, target, random, left)
                check_result(result, vendor.said)
                check_messages(target, vendor.said)
            except Exception as fault:
                fault.add_note(f"call {number} of {target.name}, answered {vendor.said!r}")
                raise
            for _ in vendor.said:  # so that the next call is not made on a closing connection
                assert server.closed.acquire(timeout=5)
            kinds[type(result).__name__] = kinds.get(type(result).__name__, 0) + 1
    for kind, count in kinds.items():
        record_property(kind, count)
    print(f"{target.name}: {calls} calls: {kinds}")
    assert sum(kinds.values()) == calls
    # Else the answers were not as manifold as they should be.
    assert {"str", "ProviderSilent", "ProviderRefused", "ProviderUnavailable"} <= set(kinds)
    for secret in SECRETS:
        assert secret not in caplog.text
