"""What the service answers; fields that this client does not know are left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Status = Literal["pending", "verified", "failed", "expired", "canceled"]
Delivery = Literal["queued", "accepted", "delivered", "undelivered", "unknown"]
Outcome = Literal["accepted", "rejected", "unavailable", "unknown"]
Reason = Literal["incorrect", "expired", "exhausted", "already_verified", "canceled"]
Result = Literal["confirmed", "used", "expired", "invalid"]
Channel = Literal["sms", "voice", "email", "whatsapp", "viber", "totp"]


@dataclass(frozen=True, slots=True)
class Try:
    """One provider that was asked to carry a message."""

    channel: Channel
    provider: str
    outcome: Outcome
    at: datetime


@dataclass(frozen=True, slots=True)
class Send:
    """One send of a code.

    Args:
        number: from 1 on.
        provider: who took it, else who was asked last; `none` and `test` are nobody.
        delivery: what providers reported of it; None while they reported nothing.
        tries: all that were asked, oldest first.
    """

    number: int
    channel: Channel
    provider: str
    outcome: Outcome
    at: datetime
    delivery: Delivery | None
    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """One attempt to prove one destination; see docs/openapi.yaml for each field.

    Args:
        to: E.164 or the address in lower case; None once deleted.
        channel: of the last send.
        channels: those to fall back on; empty without.
        suspicions: why it looked like SMS pumping, where the guard lets such starts through.
        test: of a test destination; nothing was sent.
        page_url: the page on which the code is typed; of a start that asked for one.
        result: whether this lookup confirms what its page handed out; None where none was given.
    """

    id: str
    to: str | None
    channel: Channel
    status: Status
    delivery: Delivery
    country: str | None
    code_length: int
    created_at: datetime
    valid_until: datetime
    attempts: int
    max_attempts: int
    max_sends: int
    resend_after: int | None
    locale: str | None
    purpose: str | None
    reference: str | None
    metadata: Mapping[str, str]
    sends: tuple[Send, ...]
    channels: tuple[Channel, ...] = ()
    suspicions: tuple[str, ...] = ()
    test: bool = False
    page_url: str | None = None
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a guess. Only `valid` says whether the person holds the destination.

    Args:
        reason: why it is not valid; None when it is.
        attempts_left: guesses that may still be made.
    """

    id: str
    valid: bool
    status: Status
    reason: Reason | None
    attempts: int
    attempts_left: int
    channel: Channel
    reference: str | None
    purpose: str | None
    test: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Verifications of one destination, newest first.

    Args:
        cursor: for the next page; None after the last.
    """

    verifications: tuple[Verification, ...]
    cursor: str | None


def read_verification(said: Mapping[str, Any]) -> Verification:
    """A verification from its JSON.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return Verification(
        **_known(Verification, said)
        | {
            "created_at": _time(said["created_at"]),
            "valid_until": _time(said["valid_until"]),
            "metadata": dict(said["metadata"]),
            "sends": tuple(map(_send, said["sends"])),
            "channels": tuple(said.get("channels", ())),
            "suspicions": tuple(said.get("suspicions", ())),
            "result": said["page"]["result"] if "page" in said else None,
        }
    )


def read_verdict(said: Mapping[str, Any]) -> Verdict:
    """A verdict from its JSON; anything but `true` is not valid.

    Raises:
        KeyError, TypeError: it is none.
    """
    return Verdict(**_known(Verdict, said) | {"valid": said["valid"] is True})


def read_page(said: Mapping[str, Any]) -> Page:
    """A page from its JSON.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    found = tuple(map(read_verification, said["verifications"]))
    return Page(found, said.get("cursor"))


def _send(said: Mapping[str, Any]) -> Send:
    tries = tuple(Try(**_known(Try, one) | {"at": _time(one["at"])}) for one in said["tries"])
    return Send(**_known(Send, said) | {"at": _time(said["at"]), "tries": tries})


def _known(kind: Any, said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said[name] for name in kind.__dataclass_fields__ if name in said}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
