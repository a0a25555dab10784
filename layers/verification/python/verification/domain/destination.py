"""Destinations: whom a verification is about, and those that only exist in tests."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime

from ..valueclass import valueclass
from .codes import MAX_CODE_LENGTH, MIN_CODE_LENGTH
from .reserved import is_reserved
from .verification import Channel

_PHONE_CHANNELS = (
    Channel.SMS,
    Channel.VOICE,
    Channel.WHATSAPP,
    Channel.VIBER,
    Channel.TOTP,
)
_CODE = re.compile(rf"[0-9]{{{MIN_CODE_LENGTH},{MAX_CODE_LENGTH}}}")


@valueclass
class Destination:
    """A phone number in E.164 or an e-mail address, in the one spelling we know it by.

    Args:
        country: ISO 3166-1 alpha-2 of a number; None for e-mail and for numbers of no country.
    """

    value: str
    country: str | None = None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels that reach it, the default first."""
        return (Channel.EMAIL,) if "@" in self.value else _PHONE_CHANNELS


@valueclass
class TestDestination:
    """A fixed code for a destination that nobody can have.

    Args:
        until: epoch milliseconds; from then on it is a destination like any other.
    """

    __test__ = False  # pytest: not a test class

    code: str
    until: int


class TestDestinationError(ValueError):
    """A test destination cannot be read, or could be somebody's."""

    __test__ = False


def parse_test_destinations(text: str) -> Mapping[str, TestDestination]:
    """Read test destinations: `+12025550100=123456@2027-01-31; ann@example.com=…`.

    Args:
        text: one or several parted by `;`, each with its code and its last day (UTC).

    Raises:
        TestDestinationError: wrong form, a code of zeros only, or a destination outside the
            ranges that are reserved for fiction and documentation.
    """
    found = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in text.split(";"))), 1):
        destination, _, rest = entry.rpartition("=")
        destination = destination.lower()  # the one spelling that starts are looked up by
        code, _, last_day = rest.partition("@")
        where = f"test destination {number}"  # not its text: it holds a code
        if not is_reserved(destination):
            raise TestDestinationError(f"{where} is not in a range reserved for fiction")
        if not _CODE.fullmatch(code) or not code.strip("0"):
            raise TestDestinationError(f"{where} needs a code of 4 to 16 digits, not all zeros")
        try:
            day = date.fromisoformat(last_day)
        except ValueError:
            raise TestDestinationError(f"{where} needs a last day such as 2027-01-31") from None
        ends = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + 86_400
        found[destination] = TestDestination(code, int(ends * 1000))
    return found
