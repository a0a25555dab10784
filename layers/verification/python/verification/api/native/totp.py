"""/v1/services/{service}/users/{user}/totp: the authenticator apps of Verigator's users."""

import base64
import io
from collections.abc import Mapping
from typing import Any

from ...domain.codes import normalise_guess
from ...domain.policy import Scope
from ...domain.totp import DIGITS
from ...errors import FieldFault, InvalidFields
from ...operations.totp import Enrol, Enrolment
from ..events import Answer, Call
from ..fields import Fields, read_fields, text
from ..handler import Respond

MAX_ACCOUNT = 64  # characters; with more, the URI may not fit any QR code


class EnrolFields(Fields):
    """The body of an enrolment: empty."""


class ConfirmFields(Fields):
    """The body of a confirmation. Spaces and hyphens in the code do not count."""

    code: str = text(64)


def read_confirmation(call: Call) -> str:
    """The first code of an app.

    Raises:
        InvalidFields: it cannot be one.
    """
    code = normalise_guess(read_fields(ConfirmFields, call.fields).code)
    if code is None or len(code) != DIGITS:
        raise InvalidFields(faults=[FieldFault("code", f"should be {DIGITS} digits")])
    return code


def show_enrolment(enrolment: Enrolment) -> dict[str, Any]:
    """What an app takes: a URI (Google's "Key Uri Format"), also as a picture of a QR code."""
    # Imported late: guesses and starts need neither.
    import pyotp
    import segno

    totp = pyotp.TOTP(base64.b32encode(enrolment.seed).decode())
    account = enrolment.user.id_in_service[:MAX_ACCOUNT]
    url = totp.provisioning_uri(name=account, issuer_name=enrolment.service.name)
    picture = io.BytesIO()
    segno.make_qr(url).save(picture, kind="svg", xmldecl=False, nl=False, scale=4, light="#fff")
    return {"otpauth_url": url, "qr_svg": picture.getvalue().decode()}


class Totp:
    """What answers each request.

    Attributes:
        routes: by method and resource.
    """

    def __init__(self, enrol: Enrol) -> None:
        self._enrol = enrol
        totp = "/v1/services/{service}/users/{user}/totp"
        self.routes: Mapping[str, Respond] = {
            f"POST {totp}": self._start,
            f"POST {totp}/confirm": self._confirm,
            f"DELETE {totp}": self._remove,
        }

    def _start(self, call: Call) -> Answer:
        call.require(Scope.START)
        read_fields(EnrolFields, call.fields)
        return Answer(201, show_enrolment(self._enrol.enrol(call.client.id, *_user(call))))

    def _confirm(self, call: Call) -> Answer:
        call.require(Scope.START)
        self._enrol.confirm(call.client.id, *_user(call), read_confirmation(call))
        return Answer(200, {"confirmed": True})

    def _remove(self, call: Call) -> Answer:
        call.require(Scope.DELETE)
        self._enrol.remove(call.client.id, *_user(call))
        return Answer(204)


def _user(call: Call) -> tuple[str, str]:
    return call.path.get("service", ""), call.path.get("user", "")
