"""How an event looks to others; docs/events.md has the JSON schema."""

from typing import Any

from ..domain.events import VERSION, Event, EventType
from ..domain.verification import Send, Verification
from ..telemetry import mask
from .native.views import time

_DIGITS = 40  # of the longest number that DynamoDB's streams give


def show_event(event: Event) -> dict[str, Any]:
    """An event, without a code and without the whole destination."""
    shown: dict[str, Any] = {
        "version": VERSION,
        "id": event.id,
        "type": event.type,
        "time": time(event.at),
        "sequence": f"{event.written.number.zfill(_DIGITS)}{event.place:02}",
        "client_id": event.verification.client_id,
        "verification": _verification(event.verification),
    }
    if event.type in (EventType.VERIFIED, EventType.FAILED):
        shown["attempts"] = event.verification.attempts
    if event.send:
        shown["send"] = _send(event.send)
    return shown


def _verification(verification: Verification) -> dict[str, Any]:
    return {
        "id": str(verification.id),
        "channel": verification.channel,
        "destination": verification.to and mask(verification.to),
        "country": verification.country,
        "created_at": time(verification.created_at),
        "valid_until": time(verification.valid_until),
        "purpose": verification.purpose,
        "reference": verification.reference,
        "test": verification.test,
    }


def _send(send: Send) -> dict[str, Any]:
    taken = send.taken
    return {
        "number": send.number,
        "channel": taken.channel,
        "provider": taken.provider,
        "at": time(taken.at),
    }
