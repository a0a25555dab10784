"""MessageBird's delivery reports: GET, everything in the query; SMS and voice alike.

    id  reference  recipient  status  statusDatetime  [statusReason  statusErrorCode  …]

A POST is not documented; a form or a JSON object with the same names is taken too. Of a failure we
keep `statusErrorCode` beside the status, as in `delivery_failed 1` (unknown subscriber).
"""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from ...domain.report import Report, vendor_id
from ...domain.verification import Delivery
from .bodies import MAX_BODY_BYTES

_MAX_FIELDS = 100

STATUSES: Mapping[str, Delivery | None] = {
    # SMS
    "scheduled": None,
    "sent": None,
    "buffered": None,  # the phone is off, perhaps
    "delivered": Delivery.DELIVERED,
    "expired": Delivery.UNDELIVERED,
    "delivery_failed": Delivery.UNDELIVERED,
    # voice
    "calling": None,
    "answered": Delivery.DELIVERED,
    "failed": Delivery.UNDELIVERED,
    "busy": Delivery.UNDELIVERED,
    "machine": Delivery.UNDELIVERED,
}


def read(token: str, query: Mapping[str, str], body: bytes) -> Report | None:
    """Read a delivery report.

    Args:
        token: the last part of the path it came by.
        query: of a GET.
        body: of a POST; looked at when the query has no status.

    Returns:
        None for what is no report, or none of an end: the message may still arrive.
    """
    fields: Mapping[str, object] = query if "status" in query else _fields(body)
    status = fields.get("status")
    delivery = STATUSES.get(status) if isinstance(status, str) else None
    if delivery is None:
        return None
    return Report(
        provider="messagebird",
        delivery=delivery,
        token=token,
        message_id=vendor_id(fields.get("id")),
        vendor_code=_vendor_code(str(status), delivery, fields.get("statusErrorCode")),
    )


def _fields(body: bytes) -> Mapping[str, object]:
    if len(body) > MAX_BODY_BYTES:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):  # not JSON: a form, or anything at all
        return _form(body)
    return value if isinstance(value, dict) else {}


def _form(body: bytes) -> Mapping[str, object]:
    try:
        return dict(parse_qsl(body.decode(errors="replace"), max_num_fields=_MAX_FIELDS))
    except ValueError:  # more fields than that
        return {}


def _vendor_code(status: str, delivery: Delivery, error: object) -> str:
    said = isinstance(error, str | int) and re.fullmatch("[0-9]{1,4}", str(error))
    return f"{status} {error}" if said and delivery == Delivery.UNDELIVERED else status
