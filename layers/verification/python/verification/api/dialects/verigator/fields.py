"""The fields of Verigator's requests, and their bounds."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ....domain.destination import Destination
from ....domain.verification import Channel
from ....errors import FieldFault, InvalidFields

MAX_URL = 2_000  # characters
MAX_HOST_NAME = 253  # characters (RFC 1035 §2.3.4, without the dot of the root)

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def _host_name(text: str) -> str:
    """The host name alone, in small letters: some clients send a URL, of which all else is dropped.

    Raises:
        ValueError: there is none, or it is too long, or somebody's credentials are in the URL.
    """
    host = (_host_of(text) if "://" in text else text).removesuffix(".")
    if len(host) > MAX_HOST_NAME or not _HOST_NAME.fullmatch(host):
        raise ValueError(f"should be a host name of at most {MAX_HOST_NAME} characters")
    return host.lower()


def _host_of(url: str) -> str:
    """The host name in a URL; empty when there is none that could be taken."""
    if re.search(r"[^\x21-\x7e]", url):  # urlsplit would drop some of these
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return "" if "@" in parts.netloc else parts.hostname or ""


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        raise ValueError("should be printable, and not blank")
    return text


def _as_text(token: Any) -> Any:
    is_number = isinstance(token, int | float) and not isinstance(token, bool)
    return str(token) if is_number else token


class _Fields(BaseModel):
    """Fields as JSON types. Clients send more than there is a use for."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ServiceFields(_Fields):
    """The body of a new service."""

    fqdn: Annotated[str, Field(min_length=1, max_length=MAX_URL), AfterValidator(_host_name)]
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]


class UserFields(_Fields):
    """The body of a new user."""

    id_in_service: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_printable)]
    phone_number: Annotated[str, Field(min_length=1, max_length=40)]


class StartFields(_Fields):
    """The body of a start."""

    method: Literal["sms", "totp"]


class GuessFields(_Fields):
    """The body of a guess; by the document it must have a method, but clients leave it out."""

    token: Annotated[str, Field(min_length=1), BeforeValidator(_as_text)]
    method: Literal["sms", "totp"] | None = None


def read_number(text: str) -> Destination:
    """A phone number in E.164, with or without its +.

    Raises:
        InvalidFields: it is none.
    """
    # Imported late: number plans are large, and most calls need none.
    from ...destinations import parse_destination

    try:
        number = parse_destination(f"+{text.strip().removeprefix('+')}")
    except InvalidFields:
        number = None
    if number is None or Channel.SMS not in number.channels:
        fault = FieldFault("phone_number", "should be a phone number in E.164, with country code")
        raise InvalidFields(faults=[fault])
    return number
