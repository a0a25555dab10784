"""A verification and a send to begin with; a test says only what it is about."""

from typing import Any

from verification.domain.verification import (
    Channel,
    Outcome,
    Send,
    Status,
    Try,
    Verification,
    outcome_of,
)

NOW = 1_800_000_000_000  # epoch milliseconds


def make_verification(now: int = NOW, **changes: Any) -> Verification:
    """A pending verification by SMS, started just now at the native defaults."""
    values: dict[str, Any] = {
        "token": "q" * 26,
        "kid": "a",
        "client_id": "shop",
        "status": Status.PENDING,
        "channel": Channel.SMS,
        "created_at": now,
        "valid_until": now + 300_000,
        "expires_at": now // 1000 + 3900,
        "code_length": 6,
        "max_attempts": 5,
        "max_sends": 5,
        "sends": 1,
        "sent_at": now,
        "lease_until": now + 9000,
        "brand": "Shop",
    }
    return Verification(**values | changes)


def make_try(outcome: Outcome = Outcome.ACCEPTED, **changes: Any) -> Try:
    """SNS asked to send an SMS just now."""
    values: dict[str, Any] = {"provider": "sns", "channel": Channel.SMS, "at": NOW}
    return Try(outcome=outcome, **values | changes)


def make_send(*tries: Try, number: int = 1, claimed: int = NOW) -> Send:
    """The first send, which SNS took just now, or as these tries say."""
    tries = tries or (make_try(),)
    return Send(number, claimed, outcome_of(tries), tries)
