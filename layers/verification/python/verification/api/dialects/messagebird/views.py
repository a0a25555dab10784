"""Verifications as MessageBird's objects: Verify, and the message that carries its code."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ....domain.gsm7 import encoding_of
from ....domain.messages import render
from ....domain.spoken import DEFAULT_LANGUAGE
from ....domain.verification import Channel, Delivery, Record, Status, Verification
from ....operations.sending import content_of
from ....valueclass import valueclass
from .requests import TOKEN

_STATUSES = {
    Status.PENDING: "sent",
    Status.VERIFIED: "verified",
    Status.FAILED: "failed",
    Status.EXPIRED: "expired",
    Status.CANCELED: "deleted",
}
_TYPES = {Channel.VOICE: "tts", Channel.EMAIL: "email"}


@valueclass
class Kind:
    """A kind of message.

    Args:
        path: below which its objects are found.
        missing: what is said of one that is not there.
        statuses: what its recipient's status is called.
    """

    path: str
    missing: str
    statuses: Mapping[Delivery, str]


# Not known to have arrived is sent, as far as anybody can say.
_SMS_STATUSES = {
    Delivery.QUEUED: "scheduled",
    Delivery.ACCEPTED: "sent",
    Delivery.UNKNOWN: "sent",
    Delivery.DELIVERED: "delivered",
    Delivery.UNDELIVERED: "delivery_failed",
}
_CALL_STATUSES = dict.fromkeys(Delivery, "calling") | {
    Delivery.DELIVERED: "answered",
    Delivery.UNDELIVERED: "failed",
}
_SMS = Kind("/messages", "message not found", _SMS_STATUSES)
_VOICE = Kind("/voicemessages", "message not found", _CALL_STATUSES)
_EMAIL = Kind("/verify/messages/email", "Entity not found", _SMS_STATUSES)
KINDS = (_SMS, _VOICE, _EMAIL)


def type_of(verification: Verification) -> str:
    """`sms`, `flash`, `tts` or `email`; channels that MessageBird has no word for are `sms`."""
    return _TYPES.get(verification.channel) or ("flash" if verification.flash else "sms")


def kind_of(verification: Verification) -> Kind:
    """The kind of message that its code travels in."""
    return {Channel.VOICE: _VOICE, Channel.EMAIL: _EMAIL}.get(verification.channel, _SMS)


def show_verify(verification: Verification, url: str, now: int) -> dict[str, Any]:
    """The Verify object.

    Args:
        url: where the caller found this API.
        now: epoch milliseconds.
    """
    name = str(verification.id)
    return {
        "id": name,
        "href": f"{url}/verify/{name}",
        "recipient": _recipient(verification),
        "originator": _originator(verification),
        "type": type_of(verification),
        "reference": verification.reference,
        "messages": {"id": name, "href": f"{url}{kind_of(verification).path}/{name}"},
        "status": _STATUSES[verification.status_at(now)],
        "createdDatetime": _time(verification.created_at),
        "validUntilDatetime": _time(verification.valid_until),
    }


def show_message(record: Record, url: str, now: int) -> dict[str, Any]:
    """The message of a verification, as the API of its kind shows it.

    What the vendor has settings for and we have not stands there with its default.
    """
    verification = record.verification
    kind, name = kind_of(verification), str(verification.id)
    if kind is _EMAIL:
        return {"id": name, "status": kind.statuses[record.delivery_at(now)]}
    text, is_flash = _text(record), verification.flash
    head = {"id": name, "href": f"{url}{kind.path}/{name}"}
    tail = {
        "scheduledDatetime": None,
        "createdDatetime": _time(verification.created_at),
        "recipients": _recipients(record, kind, now),
    }
    if kind is _VOICE:
        return {
            **head,
            "originator": _originator(verification),
            "body": text,
            "reference": verification.reference,
            "language": verification.locale or DEFAULT_LANGUAGE,
            "voice": verification.voice or "female",
            "repeat": 1,
            "ifMachine": "delay",
            "machineTimeout": 7000,
            **tail,
        }
    return {
        **head,
        "direction": "mt",
        "type": "flash" if is_flash else "sms",
        "originator": _originator(verification),
        "body": text,
        "reference": verification.reference,
        "validity": (verification.valid_until - verification.created_at) // 1000,
        "gateway": None,
        "typeDetails": {},
        "datacoding": "plain" if encoding_of(text or "") == "gsm7" else "unicode",
        "mclass": 0 if is_flash else 1,
        **tail,
    }


def _text(record: Record) -> str | None:
    """What was sent, but for the code; None once it was deleted."""
    verification = record.verification
    if verification.status == Status.CANCELED:
        return None
    content = replace(content_of(record, verification.created_at), placeholder=TOKEN)
    return render(verification.channel, "0" * verification.code_length, content).text


def _recipients(record: Record, kind: Kind, now: int) -> dict[str, Any]:
    delivery, verification = record.delivery_at(now), record.verification
    delivered, failed = delivery == Delivery.DELIVERED, delivery == Delivery.UNDELIVERED
    at = record.sends[-1].taken.at if record.sends else verification.created_at
    return {
        "totalCount": 1,
        "totalSentCount": int(delivery in (Delivery.ACCEPTED, Delivery.UNKNOWN)),
        "totalDeliveredCount": int(delivered),
        "totalDeliveryFailedCount": int(failed),
        "items": [
            {
                "recipient": _recipient(verification),
                "status": kind.statuses[delivery],
                "statusDatetime": _time(at),
            }
        ],
    }


def _recipient(verification: Verification) -> int | str | None:
    """A phone number as a number, an address as a text; None once it was deleted."""
    to = verification.to
    return int(to[1:]) if to and "@" not in to else to


def _originator(verification: Verification) -> int | str:
    sender = verification.sender or "Code"
    return int(sender[1:]) if sender.startswith("+") and "@" not in sender else sender


def _time(milliseconds: int) -> str:
    """RFC 3339, in UTC, to the second, as MessageBird writes it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
