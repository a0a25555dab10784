"""Webhooks: where a client hears of events over HTTP, signed (Standard Webhooks 1.0.0).

    webhook-id: the event's id     webhook-timestamp: seconds     webhook-signature: v1,… [v1,…]

A webhook's secret is derived from the identity key, never stored: who reads the table cannot sign.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..valueclass import valueclass
from .codes import keyed_hash
from .events import EventType

MAX_URL = 500  # characters
MAX_WEBHOOKS = 5  # of one client
GIVE_UP_SECONDS = 86_400  # after the first try
SECRET_PREFIX = "whsec_"  # noqa: S105 what every such secret begins with

_FIRST_DELAY, _FACTOR, _LONGEST_DELAY = 5, 3, 7_200  # seconds
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}([.]{_LABEL})*[.]?|[0-9a-f:.]+")
_VISIBLE = re.compile(r"[!-~]+")  # ASCII
_LEAST_PORT = 1_024  # but for HTTPS's own: below are services that are no web servers


@valueclass
class Webhook:
    """Where a client hears of events.

    Args:
        types: which it wants; none: all.
        generation: of its secret; it grows by one with each rotation.
        overlap_until: epoch milliseconds; until then the secret before signs, too.
        disabled: it said that it is gone, or an operator did.
    """

    id: str
    client_id: str
    url: str
    types: tuple[EventType, ...] = ()
    generation: int = 1
    overlap_until: int = 0
    disabled: bool = False

    def wants(self, type_: str) -> bool:
        return not self.disabled and (not self.types or type_ in self.types)

    def keys(self, identity_key: bytes, now: int) -> list[bytes]:
        """What it signs with, newest first, at a time in epoch milliseconds."""
        generations = [self.generation]
        if self.generation > 1 and now < self.overlap_until:
            generations.append(self.generation - 1)
        return [self.key(identity_key, generation) for generation in generations]

    def key(self, identity_key: bytes, generation: int) -> bytes:
        """The 32 bytes of one of its secrets."""
        return keyed_hash(identity_key, "webhook", self.client_id, self.id, generation)


@valueclass
class Posting:
    """An event on its way to a webhook.

    Args:
        event: as the bus has it, see `api.told`.
        tries: made so far.
        began: the first one's time, in epoch milliseconds; 0 before it.
        due: not to be tried again before, in epoch milliseconds.
    """

    client_id: str
    webhook_id: str
    event: Mapping[str, Any]
    tries: int = 0
    began: int = 0
    due: int = 0


def secret_of(key: bytes) -> str:
    """A key as whoever checks signatures puts it into a library of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """A signature: HMAC-SHA-256 of id, time and body (Standard Webhooks, "Signature scheme").

    Args:
        timestamp: epoch seconds.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def delay(tries: int) -> int:
    """Seconds to wait after so many tries that failed: 5, 15, 45 … at most two hours."""
    return min(_LONGEST_DELAY, int(_FIRST_DELAY * _FACTOR ** min(tries - 1, 10)))


def check_url(url: str) -> str:
    """A webhook's URL; where its host is has to be checked, too: see `domain.networks`.

    Raises:
        ValueError: it is none that we post to; the message says why.
    """
    if len(url) > MAX_URL or not _VISIBLE.fullmatch(url) or set("\\#") & set(url):
        raise ValueError(f"write a URL of at most {MAX_URL} characters, without a fragment")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("write a URL with a host, and a port of 1 to 65535") from None
    if parts.scheme not in ("https", "http"):
        raise ValueError("write a URL that begins with https://")
    if "@" in parts.netloc or not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError("write a URL with a host, and without a user name and password")
    if port is not None and port != 443 and port < _LEAST_PORT:
        raise ValueError(f"write a URL with the port 443, or one from {_LEAST_PORT} on")
    return url
