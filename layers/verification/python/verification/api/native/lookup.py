"""GET /v1/verifications and GET /v1/verifications/{id}."""

from dataclasses import dataclass

from pydantic import Field

from ..events import Call
from ..fields import COUNTRY, MAX_DESTINATION, QueryFields, read_fields, text

MAX_PAGE = 50


class LookupFields(QueryFields):
    """How one verification is shown."""

    masked: bool = False


class ListFields(QueryFields):
    """Which verifications are listed, and how they are shown."""

    to: str = text(MAX_DESTINATION)
    country: str | None = text(2, COUNTRY, optional=True)
    limit: int = Field(20, ge=1, le=MAX_PAGE)
    cursor: str | None = text(64, optional=True)
    masked: bool = False


@dataclass(frozen=True, slots=True)
class ListCommand:
    """A list, checked and normalised."""

    to: str
    limit: int
    cursor: str | None
    masked: bool


def read_lookup(call: Call) -> bool:
    """Whether one verification is to be shown masked.

    Raises:
        InvalidFields: a parameter is wrong or unknown.
    """
    return read_fields(LookupFields, call.fields).masked


def read_list(call: Call) -> ListCommand:
    """A list, from its parameters.

    Raises:
        InvalidFields: some are wrong.
    """
    # Imported late: number plans are large, and lookups by id need none.
    from ..destinations import parse_destination

    fields = read_fields(ListFields, call.fields)
    # A + that was not escaped in a query reads as a space.
    to = f"+{fields.to[1:]}" if fields.to.startswith(" ") else fields.to
    destination = parse_destination(to, fields.country)
    return ListCommand(destination.value, fields.limit, fields.cursor, fields.masked)
