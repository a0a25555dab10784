"""DELETE /v1/devices."""

from ..events import Call
from ..fields import COUNTRY, MAX_DESTINATION, QueryFields, read_fields, text
from .lookup import read_destination


class DevicesFields(QueryFields):
    """Whose devices."""

    to: str = text(MAX_DESTINATION)
    country: str | None = text(2, COUNTRY, optional=True)


def read_revoke(call: Call) -> str:
    """The destination for which no device is to be trusted any more.

    Raises:
        InvalidFields: it is missing or wrong, or a parameter unknown.
    """
    fields = read_fields(DevicesFields, call.fields)
    return read_destination(fields.to, fields.country)
