"""POST /v1/verifications/{id}/resend."""

from typing import Annotated

from pydantic import Field

from ...domain.verification import Channel
from ..events import Call
from ..fields import Fields, read_fields


class ResendFields(Fields):
    """The body of a re-send; may be empty."""

    channel: Annotated[Channel, Field(strict=False)] | None = None


def read_resend(call: Call) -> Channel | None:
    """The channel to send on; None for the one before.

    Raises:
        InvalidFields: not a channel, or an unknown field.
    """
    return read_fields(ResendFields, call.fields).channel
