"""POST /v1/verifications/{id}/verify."""

from ...domain.codes import MAX_CODE_LENGTH, MIN_CODE_LENGTH, normalise_guess
from ...errors import FieldFault, InvalidFields
from ...operations.verify import VerifyCommand
from ..events import Call
from ..fields import COUNTRY, MAX_DESTINATION, Fields, read_fields, text


class VerifyFields(Fields):
    """The body of a guess. Spaces and hyphens in the code do not count."""

    code: str = text(64)
    to: str | None = text(MAX_DESTINATION, optional=True)
    country: str | None = text(2, COUNTRY, optional=True)
    purpose: str | None = text(64, optional=True)


def read_verify(call: Call) -> VerifyCommand:
    """A guess, from its fields.

    Raises:
        InvalidFields: some are wrong; nothing is counted.
    """
    fields = read_fields(VerifyFields, call.fields)
    code = normalise_guess(fields.code)
    if code is None:
        bounds = f"should be {MIN_CODE_LENGTH} to {MAX_CODE_LENGTH} digits"
        raise InvalidFields(faults=[FieldFault("code", bounds)])
    to = None
    if fields.to:
        # Imported late: number plans are large, and few guesses name the destination.
        from ..destinations import parse_destination

        to = parse_destination(fields.to, fields.country).value
    return VerifyCommand(
        client_id=call.client.id,
        id=call.verification_id,
        code=code,
        to=to,
        purpose=fields.purpose,
        idempotency_key=call.idempotency_key,
    )
