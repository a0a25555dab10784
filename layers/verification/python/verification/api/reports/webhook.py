"""Delivery reports of a carrier behind a webhook: what we ask whoever writes one to post.

    POST {report_url}        {"status": "delivered"}        {"status": "undelivered", "code": "…"}

The address holds the token that the send was given, and nobody else knows it.
"""

import re
from collections.abc import Mapping

from ...domain.report import Report
from ...domain.verification import Delivery
from .bodies import read_object

_DELIVERIES = {"delivered": Delivery.DELIVERED, "undelivered": Delivery.UNDELIVERED}
_VENDOR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def read(token: str, query: Mapping[str, str], body: bytes) -> Report | None:
    """Read a delivery report.

    Args:
        token: the last part of the path it came by.
        query: of no meaning.
        body: as it came. A `code` that does not fit 1 to 64 of A-Z a-z 0-9 _ . - is left out.

    Returns:
        None for what is no report.
    """
    fields = read_object(body)
    status, code = fields.get("status"), fields.get("code")
    delivery = _DELIVERIES.get(status) if isinstance(status, str) else None
    if delivery is None:
        return None
    fits = isinstance(code, str) and _VENDOR_CODE.fullmatch(code)
    return Report("webhook", delivery, token, vendor_code=code if fits else None)
