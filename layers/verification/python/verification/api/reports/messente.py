"""Messente's delivery reports: JSON, posted on every change of a message's status.

`err` says more of a failure: 1 delivery failure, 2 expired, 3 invalid number, 4 crediting the
account, 5 number format, 6 too many identical messages, 7 sender not allowed, 8 blocked by the
operator, 9 unroutable, 10 seen, 999 temporary. We keep it beside the status, as in `REJECTD 8`.

Nobody but Messente knows the token in the address, so the signature that it adds
(`X-Messente-Signature`, with the API password as the key) is not needed.
"""

from collections.abc import Mapping

from ...domain.report import Report, vendor_id
from ...domain.verification import Delivery
from .bodies import read_object

STATUSES: Mapping[str, Delivery | None] = {
    "ACK": None,  # the operator has it
    "ACCEPTD": None,  # it waits there
    "UNKNOWN": None,  # nor does the operator know
    "DELIVRD": Delivery.DELIVERED,
    "SEEN": Delivery.DELIVERED,
    "UNDELIV": Delivery.UNDELIVERED,
    "FAILED": Delivery.UNDELIVERED,
    "REJECTD": Delivery.UNDELIVERED,
    "EXPIRED": Delivery.UNDELIVERED,
    "NACK": Delivery.UNDELIVERED,
    "DELETED": Delivery.UNDELIVERED,
}


def read(token: str, query: Mapping[str, str], body: bytes) -> Report | None:
    """Read a delivery report.

    Args:
        token: the last part of the path it came by.
        query: `last` names the channel after which Messente tries no other.
        body: as it came.

    Returns:
        None for what is no report, or none of an end: the message may still arrive.
    """
    fields = read_object(body)
    status = fields.get("status")
    delivery = STATUSES.get(status) if isinstance(status, str) else None
    last = query.get("last")
    if delivery == Delivery.UNDELIVERED and last and fields.get("channel") != last:
        delivery = None
    if delivery is None:
        return None
    return Report(
        provider="messente",
        delivery=delivery,
        token=token,
        message_id=vendor_id(fields.get("omnimessage_id")),
        vendor_code=_vendor_code(str(status), fields.get("err")),
    )


def _vendor_code(status: str, err: object) -> str:
    said = isinstance(err, int) and 0 < err <= 999 and not isinstance(err, bool)
    return f"{status} {err}" if said else status
