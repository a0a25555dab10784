"""What providers say of a message after they took it: delivery reports."""

from ..valueclass import valueclass
from .verification import Delivery

MAX_ID = 256  # characters


def vendor_id(value: object) -> str | None:
    """A vendor's id of a message as we keep it, 1 to 256 printable characters; None else."""
    fits = isinstance(value, str) and 0 < len(value) <= MAX_ID and value.isprintable()
    return str(value) if fits else None


@valueclass
class Report:
    """One delivery report, whichever way it came.

    Args:
        provider: the provider's name in `Routes`.
        delivery: delivered or undelivered; what is in between is no report.
        token: what our report address or the message's context carried, when something did.
        message_id: the vendor's id of the message, when it says so.
        vendor_code: the vendor's own word or number for it.
    """

    provider: str
    delivery: Delivery
    token: str | None = None
    message_id: str | None = None
    vendor_code: str | None = None
