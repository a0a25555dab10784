"""POST /v1/verifications."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from ...domain.destination import Destination
from ...domain.messages import MAX_CHARACTERS, MAX_HOST, MAX_SUBJECT
from ...domain.policy import (
    AUTOMATIC_SENDS,
    CODE_LENGTH,
    MAX_ATTEMPTS,
    MAX_SENDS,
    RESEND_AFTER,
    VALIDITY,
)
from ...domain.verification import DETAIL_NAMES, Channel, Details
from ...errors import FieldFault, InvalidFields
from ...operations.start import StartCommand
from ..addresses import read_address
from ..destinations import parse_destination
from ..events import Call
from ..fields import COUNTRY, LOCALE, MAX_DESTINATION, Fields, number, one_line, read_fields, text
from ..senders import check_sender

_Key = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(one_line)]
_Value = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(one_line)]


_ChannelName = Annotated[Channel, Field(strict=False)]


class StartFields(Fields):
    """The body of a start; see docs/openapi.yaml for what each means."""

    to: str = text(MAX_DESTINATION)
    country: str | None = text(2, COUNTRY, optional=True)
    channel: _ChannelName | None = None
    channels: list[_ChannelName] | None = Field(None, min_length=2, max_length=len(Channel))
    code_length: int = number(CODE_LENGTH)
    validity: int = number(VALIDITY)
    max_attempts: int = number(MAX_ATTEMPTS)
    max_sends: int = number(MAX_SENDS)
    resend_after: int | None = number(RESEND_AFTER)
    template: str | None = text(MAX_CHARACTERS, optional=True)
    locale: str | None = text(35, LOCALE, optional=True)
    sender: str | None = text(MAX_DESTINATION, optional=True)
    subject: str | None = text(MAX_SUBJECT, optional=True)
    webotp_domain: str | None = text(MAX_HOST, optional=True)
    android_hash: str | None = text(11, optional=True)
    purpose: str | None = text(64, optional=True)
    reference: str | None = text(128, optional=True)
    metadata: dict[_Key, _Value] | None = Field(None, max_length=10)
    ip: str | None = text(45, optional=True)
    user_agent: str | None = text(512, optional=True)
    page: dict[str, Any] | None = None  # as PageFields

    @field_validator("ip")
    @classmethod
    def _check_ip(cls, address: str | None) -> str | None:
        ip = address and read_address(address)
        if address and ip is None:
            raise ValueError("should be an IPv4 or IPv6 address without a zone")
        return ip


def read_start(call: Call, url: str = "") -> StartCommand:
    """A start, from its fields.

    Args:
        url: where pages are found, with no slash at the end; empty: nobody knows.

    Raises:
        InvalidFields: some are wrong, by themselves or together.
    """
    fields = read_fields(StartFields, call.fields)
    to = parse_destination(fields.to, fields.country)
    channel, *fallback = _channels(fields, to)
    if fields.resend_after and fields.resend_after >= fields.validity:
        raise _fault("resend_after", f"should be less than validity, {fields.validity}")
    if (fields.resend_after or fallback) and fields.max_sends < 2:
        raise _fault("max_sends", "should be 2 or more with resend_after or channels")
    if fields.sender:
        check_sender(fields.sender, channel)
    details = {
        name: value for name in DETAIL_NAMES if (value := getattr(fields, name, None)) is not None
    }
    if fields.page is not None:
        # Imported late: most verifications have no page.
        from .page import read_page

        details |= read_page(fields.page, to, url, details)
    return StartCommand(
        client=call.client,
        to=to,
        channel=channel,
        code_length=fields.code_length,
        validity=fields.validity,
        max_attempts=fields.max_attempts,
        max_sends=fields.max_sends,
        request=_canonical(call.fields),
        resend_after=fields.resend_after,
        automatic_sends=len(fallback) or (AUTOMATIC_SENDS if fields.resend_after else 0),
        fallback=tuple(fallback),
        details=Details(**details) if details else None,
        sender=fields.sender,
        locale=fields.locale,
        purpose=fields.purpose,
        reference=fields.reference,
        idempotency_key=call.idempotency_key,
    )


def _channels(fields: StartFields, to: Destination) -> list[Channel]:
    """The channel to begin with, then those to fall back on."""
    if fields.channels is None:
        name, wanted = "channel", [fields.channel or to.channels[0]]
    elif fields.channel is not None:
        raise _fault("channels", "takes the place of channel: give one of the two")
    else:
        name, wanted = "channels", fields.channels
    if len(set(wanted)) < len(wanted):
        raise _fault(name, "should name each channel once")
    if not set(wanted) <= set(to.channels):
        raise _fault(name, f"should be {' or '.join(to.channels)} for this destination")
    return wanted


def _canonical(fields: Any) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def _fault(field: str, message: str) -> InvalidFields:
    return InvalidFields(faults=[FieldFault(field, message)])
