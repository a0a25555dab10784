"""GET /v1/verifications and GET /v1/verifications/{id}."""

from pydantic import Field

from ...valueclass import valueclass
from ..events import Call
from ..fields import COUNTRY, MAX_DESTINATION, QueryFields, read_fields, text

MAX_PAGE = 50


class LookupFields(QueryFields):
    """How one verification is shown."""

    masked: bool = False
    result: str | None = text(64, optional=True)


class ListFields(QueryFields):
    """Which verifications are listed, and how they are shown."""

    to: str = text(MAX_DESTINATION)
    country: str | None = text(2, COUNTRY, optional=True)
    limit: int = Field(20, ge=1, le=MAX_PAGE)
    cursor: str | None = text(64, optional=True)
    masked: bool = False


@valueclass
class ListCommand:
    """A list, checked and normalised."""

    to: str
    limit: int
    cursor: str | None
    masked: bool


def read_lookup(call: Call) -> LookupFields:
    """How one verification is to be shown, and the result of its page that is to be used.

    Raises:
        InvalidFields: a parameter is wrong or unknown.
    """
    return read_fields(LookupFields, call.fields)


def read_list(call: Call) -> ListCommand:
    """A list, from its parameters.

    Raises:
        InvalidFields: some are wrong.
    """
    fields = read_fields(ListFields, call.fields)
    to = read_destination(fields.to, fields.country)
    return ListCommand(to, fields.limit, fields.cursor, fields.masked)


def read_destination(to: str, country: str | None) -> str:
    """A destination from a query, where a + that was not escaped reads as a space.

    Raises:
        InvalidFields: it is none.
    """
    # Imported late: number plans are large, and lookups by id need none.
    from ..destinations import parse_destination

    return parse_destination(f"+{to[1:]}" if to.startswith(" ") else to, country).value
