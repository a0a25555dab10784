"""New credentials while the process lives: a verifier that refuses us is asked once more."""

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from verification.catalogue import Catalogue
from verification.domain.verification import Reason
from verification.errors import ProviderRefused
from verification.operations.ports import Verifier
from verification.settings import Settings
from verification.storage.secrets import StoredProviderSettings
from werkzeug import Request, Response

from tests.fakes.clock import SettableClock
from tests.fakes.secrets import FakeSecretsManager
from tests.fakes.telemetry import RecordingTelemetry

from .orders import PLENTY, make_order

NAME = "messagebird-verify"
REF = "4e213b01155d1e35a9d9571v00162985"


class Vendor:
    """A vendor that takes one access key, and a stack whose secret holds one.

    Attributes:
        asked: the access keys that came, in order.
    """

    def __init__(self, httpserver: HTTPServer) -> None:
        self.right = "new-key"
        self.asked: list[str] = []
        self._url = httpserver.url_for("")
        httpserver.expect_request("/verify").respond_with_handler(self._answer)
        httpserver.expect_request(f"/verify/{REF}").respond_with_handler(self._answer)
        self.clock = SettableClock()
        self.manager = FakeSecretsManager(self.secret("old-key"), "providers")
        self.catalogue = Catalogue(
            Settings({"ROUTES": f"sms={NAME}"}),
            StoredProviderSettings(self.manager, "providers", self.clock),
            lambda: None,
            RecordingTelemetry(),
            self.clock,
        )

    def secret(self, key: str) -> dict[str, Any]:
        return {NAME: {"access_key": key, "base_url": self._url}}

    def rotate(self) -> None:
        """Write the new key into the secret, a minute after it was read."""
        self.manager.text = json.dumps(self.secret("new-key"))
        self.clock.advance(60)

    def _answer(self, request: Request) -> Response:
        key = request.headers["Authorization"].removeprefix("AccessKey ")
        self.asked.append(key)
        if key != self.right:
            return Response(json.dumps({"errors": [{"code": 2}]}), 401)
        status = "sent" if request.path == "/verify" else "verified"
        return Response(json.dumps({"id": REF, "status": status}))


@pytest.fixture
def vendor(httpserver: HTTPServer) -> Vendor:
    return Vendor(httpserver)


def start(verifier: Verifier) -> str:
    return verifier.start(make_order())


def check(verifier: Verifier) -> Reason | None:
    return verifier.check(REF, "+31612345678", "123456", repeated=False, remaining=lambda: PLENTY)


def cancel(verifier: Verifier) -> None:
    verifier.cancel(REF, lambda: PLENTY)


each_call = pytest.mark.parametrize("call", [start, check, cancel])


@each_call
def test_a_verifier_that_refuses_us_is_asked_once_more_with_new_credentials(
    vendor: Vendor, call: Any
) -> None:
    verifier = vendor.catalogue.verifier(NAME)
    vendor.rotate()
    assert call(verifier) == (REF if call is start else None)
    assert vendor.asked == ["old-key", "new-key"]
    call(verifier)
    assert vendor.asked[2:] == ["new-key"]


@each_call
def test_with_the_same_credentials_it_is_not_asked_again(vendor: Vendor, call: Any) -> None:
    vendor.clock.advance(60)
    with pytest.raises(ProviderRefused):
        call(vendor.catalogue.verifier(NAME))
    assert vendor.asked == ["old-key"]


@each_call
def test_new_credentials_that_are_refused_too_are_the_end_of_it(vendor: Vendor, call: Any) -> None:
    verifier = vendor.catalogue.verifier(NAME)
    vendor.right = "a third"
    vendor.rotate()
    with pytest.raises(ProviderRefused):
        call(verifier)
    assert vendor.asked == ["old-key", "new-key"]
