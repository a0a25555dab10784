"""How a verification looks to its client."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...domain.verification import Record, Send, Try, Verdict, Verification
from ...telemetry import mask

if TYPE_CHECKING:
    from ...operations.start import Started


def time(milliseconds: int) -> str:
    """RFC 3339, in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show(record: Record, now: int, *, masked: bool = False) -> dict[str, Any]:
    """A verification with its sends.

    Args:
        now: epoch milliseconds.
        masked: show only the ends of the destination.
    """
    verification, details = record.verification, record.details
    to = verification.to and (mask(verification.to) if masked else verification.to)
    shown: dict[str, Any] = {
        "id": str(verification.id),
        "to": to,
        "channel": verification.channel,
        "status": verification.status_at(now),
        "delivery": record.delivery_at(now),
        "country": verification.country,
        "code_length": verification.code_length,
        "created_at": time(verification.created_at),
        "valid_until": time(verification.valid_until),
        "attempts": verification.attempts,
        "max_attempts": verification.max_attempts,
        "max_sends": verification.max_sends,
        "resend_after": verification.resend_after,
        "locale": verification.locale,
        "purpose": verification.purpose,
        "reference": verification.reference,
        "metadata": dict(details.metadata or {}),
        "sends": [_send(send) for send in record.sends],
    }
    if verification.channels:
        shown["channels"] = list(verification.fallback)
    if verification.suspicions:
        shown["suspicions"] = verification.suspicions.split(",")
    return shown | _test(verification)


def show_started(started: "Started", now: int, url: str) -> dict[str, Any]:
    """The answer to a start.

    Args:
        now: epoch milliseconds.
        url: where pages are found, with no slash at the end.
    """
    page = {"page_url": f"{url}/v1/pages/{started.page}"} if started.page else {}
    return show(started.record, now) | page


def _send(send: Send) -> dict[str, Any]:
    """A send, by the provider that counts, with all that were asked.

    What vendors call their errors stays in the table and the log: callers would come to rely
    on it, and change provider with us.
    """
    return {
        "number": send.number,
        **_try(send.taken),
        "outcome": send.outcome,
        "delivery": send.delivery,
        "tries": [_try(one) for one in send.tries],
    }


def _try(one: Try) -> dict[str, Any]:
    return {
        "channel": one.channel,
        "provider": one.provider,
        "outcome": one.outcome,
        "at": time(one.at),
    }


def show_verdict(verification: Verification, verdict: Verdict, now: int) -> dict[str, Any]:
    """The answer to a guess."""
    shown = {
        "id": str(verification.id),
        "valid": verdict.valid,
        "status": verification.status_at(now),
        "reason": verdict.reason,
        "attempts": verification.attempts,
        "attempts_left": verification.attempts_left,
        "channel": verification.channel,
        "reference": verification.reference,
        "purpose": verification.purpose,
    }
    return shown | _test(verification)


def _test(verification: Verification) -> dict[str, Any]:
    return {"test": True} if verification.test else {}
