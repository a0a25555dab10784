"""The documents are read from this machine: no socket opens, but for a server of the test's own."""

from dataclasses import replace
from typing import Any

import pytest
from pytest_socket import disable_socket, socket_allow_hosts
from verification.domain.codes import code_mac, hash_destination
from verification.domain.destination import Destination
from verification.domain.policy import Client, Profile
from verification.domain.services import Auth, Service, User
from verification.domain.verification import Channel, Details
from verification.errors import Unauthorized
from verification.operations.devices import Visitor

from tests.docs.sources import (
    CODE,
    COOKIE,
    EMAIL_ID,
    ID,
    IP,
    RETURN_URL,
    SERVICE,
    TO,
    USER,
    VOICE_ID,
    Context,
    Run,
)
from tests.fakes.clock import plenty
from tests.fakes.functions import load
from tests.fakes.keys import identity_key
from tests.fakes.samples import make_verification
from tests.fakes.services import InMemoryServices
from tests.fakes.stack import FakeStack


def pytest_runtest_setup(item: pytest.Function) -> None:
    if "httpserver" in item.fixturenames:
        socket_allow_hosts(["127.0.0.1"])
    else:
        disable_socket()  # pytest-socket itself takes it back after each test


class Clients:
    """One client, with the id and secret that events and examples carry."""

    profile = Profile("Shop", return_urls=("https://shop.example.com/back",))
    known = Client("shop-k3q7m2xa", profile, test=True, direct_invoke=True)

    def authenticate(self, client_id: str, secret: str) -> Client:
        if secret != "not-a-real-secret-0000000000000000000000000":
            raise Unauthorized
        return self.named(client_id)

    def trusted(self, client_id: str) -> Client:
        return self.named(client_id)

    def named(self, client_id: str) -> Client:
        if client_id != self.known.id:
            raise Unauthorized
        return self.known


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs our functions with memory in place of AWS, where all is that events speak of.

    That is a client; verifications of a minute ago, with their code, and a device trusted for their
    number; a service and a user, who is being verified and has an app yet to be confirmed.
    """

    def run(function: str, event: Any) -> Any:
        stack = FakeStack()
        _remember(stack)
        handler = load(function, stack, Clients(), _services(stack), monkeypatch)
        return handler(event, Context())

    return run


def _remember(stack: FakeStack) -> None:
    client_id, hashed = Clients.known.id, hash_destination(identity_key(), TO)
    for one, channel in ((ID, Channel.SMS), (VOICE_ID, Channel.VOICE), (EMAIL_ID, Channel.EMAIL)):
        verification = make_verification(
            stack.clock.now - 60_000,
            token=one[1:],
            kid=one[0],
            client_id=client_id,
            channel=channel,
            to=TO,
            country="GB",
            purpose="login",
            destination_hash=hashed,
            nonce=bytes(16),
            code_mac=code_mac(stack.code_keys.keys[one[0]], one, CODE),
        )
        details = Details(return_url=RETURN_URL, page_call=True) if one == ID else None
        verification = replace(verification, detailed=details is not None)
        stack.verifications.create(verification, details, [], plenty)
    stack.countries[IP] = "GB"
    device = stack.trusted_devices.identify(client_id, TO, Visitor(cookie=COOKIE))
    assert device
    now = stack.clock.now
    stack.devices.trust(client_id, hashed, device, "GB", now, now // 1000 + 60)


def _services(stack: FakeStack) -> InMemoryServices:
    services, client_id, now = InMemoryServices(), Clients.known.id, stack.clock.now
    service = Service(SERVICE, client_id, "www.example.com", "CoffeeShop", now)
    services.create_service(service, plenty)
    auth, waiting = Auth(ID, Channel.SMS, now), bytes(16)
    destination = Destination(TO, "GB")
    services.create_user(
        User(USER, SERVICE, client_id, "john.doe", destination, now, auth, None, waiting), plenty
    )
    return services
