"""What providers say of a message after they took it: delivery reports."""

from dataclasses import dataclass

from .verification import Delivery


@dataclass(frozen=True, slots=True)
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
