"""Short ways to say what the integration tests do."""

import random
import re
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from verification.domain.destination import Destination
from verification.domain.policy import Client, Profile
from verification.domain.verification import Channel
from verification.operations.start import StartCommand
from verification.operations.verify import VerifyCommand
from verification.wiring import Stack, clock

CLIENT = Client("shop-a2345678", Profile("Shop"))


def remaining() -> int:
    """Milliseconds a function would have left."""
    return 10_000


def a_number() -> str:
    """A Dutch mobile number that no other test uses."""
    return f"+3161{random.randrange(10_000_000):07d}"


def a_delegated_number() -> str:
    """An Estonian mobile number that no other test uses: a vendor makes and checks its codes."""
    return f"+3725{random.randrange(10_000_000):07d}"


def a_key() -> str:
    """An Idempotency-Key that no other test uses."""
    return secrets.token_hex(8)


def start_command(to: str, **changes: Any) -> StartCommand:
    """A start at the native defaults."""
    country = "EE" if to.startswith("+372") else "NL"
    values: dict[str, Any] = {
        "client": CLIENT,
        "to": Destination(to, None if "@" in to else country),
        "channel": Channel.EMAIL if "@" in to else Channel.SMS,
        "code_length": 6,
        "validity": 300,
        "max_attempts": 5,
        "max_sends": 5,
        "request": b"{}",
        "automatic_sends": len(changes.get("fallback", ())),  # as the native API has it
    }
    return StartCommand(**values | changes)


def guess_command(verification_id: str, code: str, **changes: Any) -> VerifyCommand:
    """A guess by the same client."""
    return VerifyCommand(CLIENT.id, verification_id, code, **changes)


def resend_at_once(stack: Stack, verification_id: str) -> Counter[str]:
    """Ask for 20 sends at the same moment, late enough for one; how often each answer came."""
    resend = replace(stack.resend(), clock=lambda: clock() + 60_000)

    def attempt(_: int) -> str:
        try:
            resend(CLIENT, verification_id, None, remaining)
        except Exception as error:
            return getattr(error, "code", repr(error))
        return "sent"

    with ThreadPoolExecutor(20) as pool:
        return Counter(pool.map(attempt, range(20)))


def code_in(message: str) -> str:
    """The code that begins a message."""
    found = re.match(r"\d{4,16}", message)
    assert found, message
    return found[0]


def wrong(code: str, n: int = 1) -> str:
    """The n-th code that is not this one."""
    return f"{(int(code) + n) % 10 ** len(code):0{len(code)}d}"
