"""A verification to begin with; a test says only what it is about."""

from typing import Any

from verification.domain.verification import Channel, Status, Verification

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
