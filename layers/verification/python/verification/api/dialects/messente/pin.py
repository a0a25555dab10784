"""GET or POST /verify/pin."""

from ....domain.codes import normalise_guess
from ....domain.verification import Reason, Verdict
from ....operations.devices import Visitor
from ....operations.verify import VerifyCommand
from ...events import Call
from .fields import NOT_A_CODE, VisitorFields, fault, read_parameters

_WORDS = {
    None: "VERIFIED",
    Reason.INCORRECT: "INVALID",
    Reason.EXHAUSTED: "THROTTLED",
    Reason.EXPIRED: "EXPIRED",
    Reason.ALREADY_VERIFIED: "EXPIRED",  # a PIN is good for one success
    Reason.CANCELED: "ERROR 110",
}


class PinFields(VisitorFields):
    """The parameters of a guess."""

    verification_id: str
    pin: str


def read_pin(call: Call) -> tuple[VerifyCommand, Visitor]:
    """A guess, and what the client says of its user.

    Raises:
        InvalidFields, InvalidRequest: a parameter is missing or wrong; nothing is counted.
    """
    fields = read_parameters(PinFields, call)
    code = normalise_guess(fields.pin)
    if code is None:
        raise fault(NOT_A_CODE, "is none")
    return VerifyCommand(call.client.id, fields.verification_id, code), fields.visitor


def show_verdict(verdict: Verdict) -> str:
    """The answer to a guess."""
    return _WORDS[verdict.reason]
