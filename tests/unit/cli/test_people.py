"""Devices and services of people; users who have to go."""

import json
import uuid
from collections.abc import Mapping

import pytest
from botocore.exceptions import EndpointConnectionError
from verification.cli import people
from verification.cli.__main__ import main
from verification.cli.shared import CommandError
from verification.domain.codes import hash_destination
from verification.domain.destination import Destination
from verification.domain.services import Auth, Service, User
from verification.domain.verification import Channel
from verification.errors import ProviderRefused, TemporarilyUnavailable
from verification.operations.ports import Remaining
from verification.storage import table
from verification.wiring import Stack

from tests.fakes.calls import SHOP
from tests.fakes.clock import plenty
from tests.fakes.keys import identity_key
from tests.fakes.operator import IDENTITY_KEY, NOW, Operator, key_of
from tests.fakes.providers import FakeVerifier
from tests.fakes.services import InMemoryServices
from tests.fakes.stack import FakeStack
from tests.fakes.verigator import FakeVerigator
from tests.unit.logs import make_telemetry


def test_the_devices_of_one_client_and_number_are_revoked(operator: Operator) -> None:
    number, key = "+31612345678", IDENTITY_KEY.encode()
    client_id, _ = operator.creates("Demo")
    kept = [("C#" + client_id, "C")]
    for owner, to in ((client_id, number), (client_id, "+31687654321"), ("other", number)):
        item = table.device_key(owner, hash_destination(key, to), b"a device")
        operator.dynamodb.items[key_of(item)] = item
        kept.append(key_of(item))
    argv = ("devices", "revoke", client_id, "--to")
    assert operator.runs(*argv, number) == {"revoked": 1}
    assert operator.runs(*argv, "+31 6 12345678") == {"revoked": 0}
    assert list(operator.dynamodb.items) == [kept[0], *kept[2:]]
    assert operator.dynamodb.table_names == {"directory", "sessions"}


@pytest.mark.parametrize(
    "argv", [("devices", "revoke", "demo", "--to", "+31612345678"), ("services", "list", "demo")]
)
def test_what_a_client_has_that_is_not_there_is_a_typing_error(
    operator: Operator, argv: tuple[str, ...]
) -> None:
    assert operator.fails(*argv) == "There is no client demo."


def test_the_services_of_one_client_are_listed_also_after_it_was_revoked(
    operator: Operator,
) -> None:
    client_id, _ = operator.creates("Demo")
    operator.runs("clients", "revoke", client_id)
    for name, owner, more in (
        ("a", client_id, {}),
        ("b", "other", {}),
        ("c", client_id, {"closed": {"BOOL": True}}),
    ):
        item = table.service_key(name) | {
            "client_id": {"S": owner},
            "fqdn": {"S": f"{name}.example"},
            "name": {"S": name.upper()},
            "created_at": {"N": "1"},
            **more,
        }
        operator.dynamodb.items[key_of(item)] = item
        user = table.user_key(name, "a user") | {"client_id": {"S": owner}}
        operator.dynamodb.items[key_of(user)] = user
    assert operator.runs("services", "list", client_id) == [
        {"id": "a", "fqdn": "a.example", "name": "A", "deleted_in_part": False},
        {"id": "c", "fqdn": "c.example", "name": "C", "deleted_in_part": True},
    ]
    assert operator.dynamodb.table_names == {"directory"}


class Services:
    """A stack with services, as it is wired for the operator: with memory in place of AWS."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.verifier = FakeVerifier()
        self._capsys = capsys
        self.verigator = FakeVerigator(
            make_telemetry(monkeypatch), FakeStack(providers=[self.verifier])
        )
        self.settings: Mapping[str, str] = {}
        monkeypatch.setattr(people, "Stack", self._wire)

    def _wire(self, settings: Mapping[str, str]) -> Stack:
        self.settings = settings
        stack, fakes = Stack(settings), self.verigator.stack
        vars(stack).update(
            _services=self.verigator.services,
            _verifications=fakes.verifications,
            _identity_key=identity_key,
            _catalogue=fakes.providers,
        )
        return stack

    def verified(self) -> str:
        """A service with a user who is being verified; its id."""
        path = self.verigator.user(self.verigator.service())
        self.verigator.started(path)
        self._capsys.readouterr()  # what functions logged
        return path[0]

    def numbers(self) -> list[str]:
        """Whom the verifications that are there are of."""
        kept = self.verigator.stack.verifications._items.values()
        return [one.to for one in kept if one.to]


@pytest.fixture
def services(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], operator: Operator
) -> Services:
    return Services(monkeypatch, capsys)


def test_a_service_is_deleted_with_its_users_and_their_numbers(
    operator: Operator, services: Services
) -> None:
    service = services.verified()
    assert operator.runs("services", "delete", SHOP.id, service) == {"deleted": service}
    assert services.verigator.services.users(service, 10) == []
    assert services.numbers() == []
    assert services.verifier.canceled  # vendors are told
    assert services.settings == {
        "DIRECTORY_TABLE": "directory",
        "SESSIONS_TABLE": "sessions",
        "IDENTITY_KEY_SECRET": "identity",
        "PROVIDERS_SECRET": "providers",
    }
    again = operator.fails("services", "delete", SHOP.id, service)
    assert again == f"The client shop has no service {service}."


@pytest.mark.parametrize("service", ["", "x", "00000000-0000-4000-8000-000000000000"])
def test_a_service_that_is_not_the_clients_is_named_and_not_deleted(
    operator: Operator, services: Services, service: str
) -> None:
    own = services.verified()
    for client, named in ((SHOP.id, service), ("other", own)):
        said = operator.fails("services", "delete", client, named)
        assert said == f"The client {client} has no service {named}."
    assert services.numbers()


def test_a_service_that_was_deleted_in_part_is_named_and_the_next_goes_on(
    operator: Operator, services: Services
) -> None:
    service = services.verified()
    services.verigator.services.failing["delete_users"] = TemporarilyUnavailable()
    said = operator.fails("services", "delete", SHOP.id, service, sentences=2).splitlines()
    assert said == [
        f"service_not_deleted_yet service_id={service}",
        "AWS does not answer just now; try again.",
    ]
    services.verigator.services.failing.clear()
    assert operator.runs("services", "delete", SHOP.id, service) == {"deleted": service}


def test_a_vendor_that_cannot_be_told_is_named_and_keeps_nothing_here(
    operator: Operator, services: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    service = services.verified()
    services.verifier.check_failing = ProviderRefused("verifier", "settings_wrong")
    assert main(["services", "delete", SHOP.id, service, "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "verifier was not told of a deletion: settings_wrong\n"
    assert json.loads(printed.out) == {"deleted": service}
    assert services.numbers() == []


def test_a_secret_that_cannot_be_read_is_one_sentence(operator: Operator) -> None:
    argv = ("devices", "revoke", operator.creates("Demo")[0], "--to", "+31612345678")
    operator.identity.text = "{}"
    assert "identity must hold a text" in operator.fails(*argv)
    operator.identity.failing = EndpointConnectionError(endpoint_url="http://x")
    assert operator.fails(*argv) == "AWS does not answer just now; try again."


def test_a_user_who_is_verified_again_and_again_is_not_half_erased() -> None:
    service = Service(str(uuid.uuid4()), SHOP.id, "shop.example", "Shop", NOW)
    user = User(str(uuid.uuid4()), service.id, SHOP.id, "ann", Destination("+31612345678"), NOW)
    services = Restless()
    services.create_service(service, plenty)
    services.create_user(user, plenty)
    key = table.user_key(service.id, user.id)
    with pytest.raises(CommandError, match="try again"):
        list(people._delete_users(services, [key]))
    assert services.user(service.id, user.id)
    services.rests = True
    (deleted,) = people._delete_users(services, [key])
    assert deleted.auth and not services.user(service.id, user.id)
    assert list(people._delete_users(services, [key])) == []


class Restless(InMemoryServices):
    """Services where a verification of the user is started before every deletion of theirs."""

    rests = False
    _started = 0

    def delete_user(self, user: User, remaining: Remaining) -> bool:
        if not self.rests:
            self._started += 1
            self.set_auth(user, Auth(f"a{self._started:026d}", Channel.SMS, NOW + self._started))
        return super().delete_user(user, remaining)
