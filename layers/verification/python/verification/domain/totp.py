"""Codes of authenticator apps (RFC 6238): whose seed is which, and when a code counts."""

import hmac
from collections.abc import Callable

from .codes import keyed_hash
from .services import User

DIGITS = 6
STEP = 30  # seconds that a code is shown for (RFC 6238 §5.2)
DRIFT = 1  # steps that a clock may be off, either way (RFC 6238 §6)

_SEED_BYTES = 20  # as long as what SHA-1 gives (RFC 4226 §4, R6)

CodeAt = Callable[[bytes, int], str]
"""The code that an app with a seed shows in a step."""


def derive_seed(identity_key: bytes, user: User, nonce: bytes) -> bytes:
    """The seed of a user's app: derived when it is needed, and stored nowhere.

    Args:
        nonce: 16 random bytes; every enrolment has its own, and so its own seed.
    """
    fields = (user.client_id, user.service_id, user.id, nonce)
    return keyed_hash(identity_key, "totp", *fields)[:_SEED_BYTES]


def matching_step(code_at: CodeAt, seed: bytes, code: str, now: int) -> int | None:
    """The step that a code belongs to; None when it is none of those around now.

    All are compared, in equal time. Where two have the same code the later one counts: the other
    may be spent.

    Args:
        code: digits.
        now: epoch milliseconds.
    """
    current = now // 1000 // STEP
    steps = range(current - DRIFT, current + DRIFT + 1)
    found = [step for step in steps if hmac.compare_digest(code_at(seed, step), code)]
    return max(found, default=None)
