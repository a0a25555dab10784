"""Services, users and verdicts as Verigator's answers have them."""

from typing import Any

from ....domain.services import Service, User
from ....domain.verification import Channel, Reason, Verdict
from ...native.views import time

_RESULTS = {
    Reason.INCORRECT: "INVALID",
    Reason.EXPIRED: "EXPIRED",
    Reason.ALREADY_VERIFIED: "EXPIRED",
    Reason.EXHAUSTED: "THROTTLED",
}


def show_service(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "fqdn": service.fqdn,
        "name": service.name,
        "ctime": time(service.created_at),
    }


def show_user(user: User) -> dict[str, Any]:
    """A user, without the number: the vendor's document has none either."""
    return {
        "id": user.id,
        "id_in_service": user.id_in_service,
        "ctime": time(user.created_at),
    }


def show_verdict(method: Channel, verdict: Verdict) -> dict[str, Any]:
    """The answer to a guess; its `status` is what the clients' own notes have."""
    shown: dict[str, Any] = {"method": method, "verified": verdict.valid}
    if verdict.reason:
        result = _RESULTS[verdict.reason]
        flags = {name.lower(): name == result for name in ("THROTTLED", "EXPIRED", "INVALID")}
        shown["status"] = {**flags, "result": result}
    return shown
