"""GET or POST /verify/start."""

from pydantic import Field

from ....domain.destination import Destination
from ....domain.policy import Bound
from ....domain.verification import Channel, Details
from ....operations.devices import Visitor
from ....operations.start import StartCommand, Started
from ...destinations import parse_destination
from ...events import Call
from ...fields import MAX_DESTINATION, number, text
from ...senders import check_sender
from ..templates import read_template
from .fields import NO_PIN, Digits, VisitorFields, fault, read_parameters

TEMPLATE = "Your Verification PIN code is <PIN>"
PIN_LENGTH = Bound(4, 4, 16)  # digits
MAX_TRIES = Bound(2, 1, 10)  # sends in all; the document names no highest
RETRY_DELAY = Bound(30, 1, 1_800)  # seconds; our queue looks 20 s after the first send, then 31 s
VALIDITY = Bound(300, 1, 1_800)  # seconds
MAX_ATTEMPTS = 5  # before THROTTLED; the document says "too many"

_PLACEHOLDER = "<PIN>"
_MAX_BROWSER = 512  # characters that are kept


class StartFields(VisitorFields):
    """The parameters of a start."""

    to: str = text(MAX_DESTINATION)
    template: str = TEMPLATE
    pin_length: Digits = number(PIN_LENGTH)
    sender: str | None = Field(None, alias="from")
    max_tries: Digits = number(MAX_TRIES)
    retry_delay: Digits = number(RETRY_DELAY)
    validity: Digits = number(VALIDITY)


def read_start(call: Call) -> tuple[StartCommand, Visitor]:
    """A start, and what the client says of its user.

    Raises:
        InvalidFields, InvalidRequest: a parameter is missing or wrong.
    """
    fields = read_parameters(StartFields, call)
    to = _destination(fields.to)
    if _PLACEHOLDER not in fields.template:
        raise fault(NO_PIN, "is missing")
    visitor, retries = fields.visitor, fields.max_tries - 1
    command = StartCommand(
        client=call.client,
        to=to,
        channel=Channel.SMS,
        code_length=fields.pin_length,
        validity=fields.validity,
        max_attempts=MAX_ATTEMPTS,
        max_sends=fields.max_tries,
        request=b"",  # without an Idempotency-Key nothing is compared with it
        resend_after=fields.retry_delay if retries else None,
        automatic_sends=retries,
        details=Details(
            ip=visitor.ip,
            user_agent=fields.browser and fields.browser[:_MAX_BROWSER],
            template=read_template(fields.template, _PLACEHOLDER),
        ),
        sender=fields.sender and _sender(fields.sender),
    )
    return command, visitor


def _destination(to: str) -> Destination:
    """A number with its country code; its + may be left out, or read as a space in a query."""
    destination = parse_destination(f"+{to.strip().removeprefix('+')}")
    if Channel.SMS not in destination.channels:
        raise fault("to", "should be a phone number")
    return destination


def _sender(sender: str) -> str:
    """A sender as the core knows it: here numbers may come without +."""
    bare = sender.strip().removeprefix("+")
    named = f"+{bare}" if bare.isascii() and bare.isdigit() else sender
    check_sender(named, Channel.SMS)
    return named


def show_started(started: Started | None) -> str:
    """The answer; None is for a device that is trusted."""
    return f"OK {started.record.verification.id}" if started else "VERIFIED"
