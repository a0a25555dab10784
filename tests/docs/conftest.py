"""The documents are read from this machine: no socket opens, but for a server of the test's own."""

import os
import runpy
from typing import Any

import pytest
from pytest_socket import disable_socket, socket_allow_hosts
from verification import wiring
from verification.domain.codes import code_mac, hash_destination
from verification.domain.destination import Destination
from verification.domain.policy import Client, Profile
from verification.domain.services import Auth, Service, User
from verification.domain.verification import Channel
from verification.errors import Unauthorized
from verification.operations.devices import Visitor
from verification.operations.totp import Enrol

from tests.docs.sources import (
    CODE,
    COOKIE,
    EMAIL_ID,
    ID,
    IP,
    ROOT,
    SERVICE,
    TO,
    USER,
    VOICE_ID,
    Context,
    Run,
)
from tests.fakes.clock import plenty
from tests.fakes.keys import identity_key
from tests.fakes.samples import make_verification
from tests.fakes.services import InMemoryServices
from tests.fakes.stack import FakeStack
from tests.template.initialise import variables


def pytest_runtest_setup(item: pytest.Function) -> None:
    if "httpserver" in item.fixturenames:
        socket_allow_hosts(["127.0.0.1"])
    else:
        disable_socket()  # pytest-socket itself takes it back after each test


class Clients:
    """One client, with the id and secret that events and examples carry."""

    known = Client("shop-k3q7m2xa", Profile("Shop"), test=True, direct_invoke=True)

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
        environment = variables(f"{_NAMES.get(function, function.title())}Function", TestCode=CODE)
        for name in ("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"):
            monkeypatch.setenv(name, environment[name])
        stack = FakeStack()
        monkeypatch.setattr(wiring, "clock", stack.clock)
        wired = _wire(stack, environment)
        with monkeypatch.context() as patched:
            patched.setattr(wiring, "Stack", lambda: wired)
            app = runpy.run_path(str(ROOT / f"functions/{function}/app.py"))
        return app["handler"](event, Context())

    return run


_NAMES = {"messagebird": "MessageBird"}  # in the template, where not as the folder's


def _wire(stack: FakeStack, environment: dict[str, str]) -> wiring.Stack:
    """The real wiring, with the parts that reach out replaced."""
    _remember(stack)
    services = _services(stack)
    wired = wiring.Stack(environment)
    vars(wired).update(
        _directory=Clients(),
        _verifications=stack.verifications,
        _code_keys=stack.code_keys,
        _identity_key=identity_key,
        _watches=stack.watches,
        _sender=stack.sender,
        _charging=stack.charging,
        _tallies=stack.tallies,
        _tally=lambda: stack.tally,
        _catalogue=stack.providers,
        _services=services,
        _apps=services,
        trusted_devices=lambda: stack.trusted_devices,
        # The app of these users always shows the same code.
        enrol=lambda: Enrol(
            services, services, identity_key, lambda seed, step: CODE, stack.clock, os.urandom
        ),
    )
    return wired


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
        stack.verifications.create(verification, None, [], plenty)
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
