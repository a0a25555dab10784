"""The operator's commands: secrets shown once, stored hashed, rotated, revoked."""

import base64
import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from verification import cli
from verification.domain.codes import hash_destination
from verification.domain.verification import Outcome
from verification.errors import ProviderRefused, TemporarilyUnavailable
from verification.storage import table
from verification.storage.directory import read_client
from verification.wiring import Stack

from tests.fakes.calls import SHOP
from tests.fakes.keys import identity_key
from tests.fakes.providers import FakeVerifier
from tests.fakes.samples import make_send, make_try, make_verification
from tests.fakes.secrets import FakeSecretsManager
from tests.fakes.stack import FakeStack
from tests.fakes.verigator import FakeVerigator
from tests.unit.logs import make_telemetry

DAY = 86_400_000
NOW = 1_800_000_000_000
IDENTITY_KEY = "the identity key, 32 bytes at least"


class FakeDynamoDb:
    """One table of items, and what the commands ask of DynamoDB."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.table_names: set[str] = set()
        self.changed_meanwhile = False
        self.failing: Exception | None = None

    def put_item(self, TableName: str, Item: dict[str, Any], ConditionExpression: str) -> None:  # noqa: N803
        self._begin(TableName)
        assert ConditionExpression == "attribute_not_exists(pk)"
        assert _key(Item) not in self.items
        self.items[_key(Item)] = Item

    def get_item(self, TableName: str, Key: dict[str, Any], ConsistentRead: bool) -> Any:  # noqa: N803
        self._begin(TableName)
        assert ConsistentRead
        found = self.items.get(_key(Key))
        return {"Item": copy.deepcopy(found)} if found else {}

    def update_item(self, TableName: str, Key: dict[str, Any], **asked: Any) -> None:  # noqa: N803
        self._begin(TableName)
        item, values = self.items.get(_key(Key), {}), asked["ExpressionAttributeValues"]
        holds = {
            "secrets = :seen": item.get("secrets") == values.get(":seen"),
            "attribute_exists(pk)": bool(item),
        }
        if self.changed_meanwhile or not holds[asked["ConditionExpression"]]:
            code = {"Error": {"Code": "ConditionalCheckFailedException"}}
            raise ClientError(code, "UpdateItem")  # type: ignore[arg-type]  # the rest is not used
        for change in asked["UpdateExpression"].removeprefix("SET ").split(", "):
            name, _, value = change.partition(" = ")
            item[name] = values[value]

    def delete_item(self, TableName: str, Key: dict[str, Any]) -> None:  # noqa: N803
        self._begin(TableName)
        del self.items[_key(Key)]

    def query(self, TableName: str, **asked: Any) -> Any:  # noqa: N803
        self._begin(TableName)
        wanted = asked["ExpressionAttributeValues"][":pk"]["S"]
        found = [item for (pk, _), item in sorted(self.items.items()) if pk == wanted]
        return {"Items": found if asked.get("ScanIndexForward", True) else found[::-1]}

    def get_paginator(self, name: str) -> "FakeDynamoDb":
        assert name == "scan"
        return self

    def paginate(self, TableName: str) -> Iterator[Any]:  # noqa: N803
        self._begin(TableName)
        for item in self.items.values():
            yield {"Items": [item]}

    def _begin(self, table_name: str) -> None:
        self.table_names.add(table_name)
        if self.failing:
            raise self.failing


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


class FakeSecrets:
    """The secrets of a stack, by their ids."""

    def __init__(self, **secrets: FakeSecretsManager) -> None:
        self._secrets = secrets

    def get_secret_value(self, SecretId: str) -> Any:  # noqa: N803 botocore's name
        return self._secrets[SecretId].get_secret_value(SecretId)

    def put_secret_value(self, SecretId: str, SecretString: str) -> None:  # noqa: N803
        self._secrets[SecretId].put_secret_value(SecretId, SecretString)


class FakeCloudFormation:
    """One stack with its outputs."""

    def __init__(self) -> None:
        self.routes = "sms=sns"

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 botocore's name
        if StackName == "bare":
            return {"Stacks": [{}]}
        outputs = {
            "DirectoryTableName": "directory",
            "IdentityKeySecretArn": "identity",
            "ProvidersSecretArn": "providers",
            "SessionsTableName": "sessions",
        }
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
        routes = {"ParameterKey": "Routes", "ParameterValue": self.routes}
        return {"Stacks": [{"Outputs": listed, "Parameters": [routes]}]}


class Operator:
    """Somebody at a terminal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.dynamodb = FakeDynamoDb()
        self.secret = FakeSecretsManager({}, "providers")
        self.identity = FakeSecretsManager({"key": IDENTITY_KEY}, "identity")
        self.stacks = FakeCloudFormation()
        self.now = NOW
        clients = {
            "dynamodb": self.dynamodb,
            "cloudformation": self.stacks,
            "secretsmanager": FakeSecrets(providers=self.secret, identity=self.identity),
        }
        monkeypatch.setattr(boto3, "client", clients.__getitem__)
        monkeypatch.setattr("time.time_ns", lambda: self.now * 1_000_000)
        self._capsys = capsys

    def runs(self, *argv: str) -> Any:
        """What a command prints; it must succeed."""
        assert cli.main(list(argv)) == 0
        printed = self._capsys.readouterr()
        assert printed.err == ""
        return json.loads(printed.out)

    def fails(self, *argv: str, sentences: int = 1) -> str:
        """What a command says when it cannot; one sentence or so many, nothing else."""
        assert cli.main(list(argv)) == 1
        printed = self._capsys.readouterr()
        assert printed.out == "" and printed.err.count("\n") == sentences
        return printed.err.strip()

    def creates(self, name: str, *options: str) -> tuple[str, str]:
        made = self.runs("create", name, *options)
        assert set(made) == {"client_id", "client_secret"}
        return made["client_id"], made["client_secret"]

    def item(self, client_id: str) -> dict[str, Any]:
        return self.dynamodb.items[f"C#{client_id}", "C"]

    def secrets(self, client_id: str) -> list[tuple[bytes, int | None]]:
        found = read_client(self.item(client_id), "").secrets
        return [(secret.hash, secret.valid_until) for secret in found]


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(monkeypatch, capsys)


def sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def test_a_secret_is_256_bits_shown_once_and_stored_hashed(operator: Operator) -> None:
    made = [operator.creates("Demo app") for _ in range(2)]
    (one, secret), (other, _) = made
    assert one != other and made[0][1] != made[1][1]
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32
    assert operator.secrets(one) == [(sha256(secret), None)]
    assert secret not in repr(operator.dynamodb.items)
    assert operator.dynamodb.table_names == {"directory"}


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("Demo app", "demo-app-"),
        ("  Caf\u00e9 & Bar!  ", "caf-bar-"),
        ("\u6771\u4eac", "client-"),
        ("x" * 100, "x" * 32 + "-"),
    ],
)
def test_a_client_id_is_made_of_its_name_and_fits_the_bearer(
    operator: Operator, name: str, begins: str
) -> None:
    client_id, _ = operator.creates(name)
    assert client_id.startswith(begins)
    assert set(client_id) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert len(client_id) <= 64
    assert operator.item(client_id)["name"] == {"S": name}


def test_a_client_has_what_it_is_given(operator: Operator) -> None:
    plain, _ = operator.creates("plain")
    options = ("--test", "--direct-invoke", "--brand", "My Shop", "--locale", "de")
    full, _ = operator.creates("full", *options)
    client = read_client(operator.item(plain), "Verify").client
    assert (client.test, client.direct_invoke) == (False, False)
    assert (client.profile.brand, client.profile.locale) == ("Verify", None)
    client = read_client(operator.item(full), "Verify").client
    assert (client.test, client.direct_invoke) == (True, True)
    assert (client.profile.brand, client.profile.locale) == ("My Shop", "de")


def test_a_list_shows_no_secret_and_not_even_its_hash(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo", "--test")
    operator.dynamodb.items["X#1", "X"] = {"pk": {"S": "X#1"}, "sk": {"S": "X"}}
    assert operator.runs("list") == [
        {
            "client_id": client_id,
            "name": "Demo",
            "test": True,
            "direct_invoke": False,
            "networks": [],
            "senders": [],
            "revoked": False,
            "secrets": 1,
        }
    ]


def test_a_rotation_lets_the_old_secret_work_for_a_while(operator: Operator) -> None:
    client_id, old = operator.creates("Demo")
    rotated = operator.runs("rotate", client_id)
    new = rotated["client_secret"]
    assert rotated["old_secrets_work_for_seconds"] == 86_400
    assert operator.secrets(client_id) == [(sha256(new), None), (sha256(old), NOW + DAY)]
    assert new not in repr(operator.dynamodb.items)


def test_a_second_rotation_prolongs_no_older_secret(operator: Operator) -> None:
    client_id, first = operator.creates("Demo")
    second = operator.runs("rotate", client_id, "--overlap", "1h")["client_secret"]
    third = operator.runs("rotate", client_id)["client_secret"]
    assert operator.secrets(client_id) == [
        (sha256(third), None),
        (sha256(second), NOW + DAY),
        (sha256(first), NOW + 3_600_000),
    ]
    operator.now += 2 * DAY
    fourth = operator.runs("rotate", client_id, "--overlap", "0s")["client_secret"]
    assert operator.secrets(client_id) == [(sha256(fourth), None)]


def test_a_revoked_client_has_no_secret_and_gets_none(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo")
    assert operator.runs("revoke", client_id) == {"client_id": client_id, "revoked": True}
    assert operator.secrets(client_id) == []
    assert operator.item(client_id)["disabled"] == {"BOOL": True}
    assert operator.runs("revoke", client_id)["revoked"] is True
    assert "is revoked; create a new one." in operator.fails("rotate", client_id)
    assert operator.secrets(client_id) == []


def test_the_sandbox_is_read_newest_first(operator: Operator) -> None:
    for time, text in (("1", "old"), ("2", "new")):
        item = {"pk": {"S": "S#+31612345678"}, "sk": {"S": time}}
        operator.dynamodb.items["S#+31612345678", time] = item | {
            "channel": {"S": "sms"},
            "text": {"S": text},
        }
    assert operator.runs("sandbox", "--to", "+31612345678") == [
        {"channel": "sms", "text": "new"},
        {"channel": "sms", "text": "old"},
    ]
    assert operator.dynamodb.table_names == {"sessions"}
    assert operator.runs("sandbox", "--to", "+31687654321", "--table", "mine") == []
    assert operator.dynamodb.table_names == {"sessions", "mine"}


LISTS = ("--network", "192.0.2.0/24", "--sender", "Shop", "--sender", "+3197010")


def held_to(operator: Operator, client_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    client = read_client(operator.item(client_id), "").client
    return client.networks, client.senders


def test_a_client_is_held_to_networks_and_senders_from_the_beginning(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo", *LISTS, "--network", "2001:db8::/32")
    networks, senders = ["192.0.2.0/24", "2001:db8::/32"], ["Shop", "+3197010"]
    assert held_to(operator, client_id) == (tuple(networks), tuple(senders))
    (listed,) = operator.runs("list")
    assert (listed["networks"], listed["senders"]) == (networks, senders)


def test_a_client_can_be_held_to_other_networks_and_senders_later(operator: Operator) -> None:
    client_id, secret = operator.creates("Demo", *LISTS)
    allowed = operator.runs("allow", client_id, "--network", "198.51.100.7", "--network", "::1")
    networks = ("198.51.100.7/32", "::1/128")
    assert allowed == {"client_id": client_id, "networks": list(networks)}
    assert held_to(operator, client_id) == (networks, ("Shop", "+3197010"))
    operator.runs("allow", client_id, "--any-network", "--sender", "shop@example.com")
    assert held_to(operator, client_id) == ((), ("shop@example.com",))
    operator.runs("allow", client_id, "--any-sender")
    assert held_to(operator, client_id) == ((), ())
    assert operator.secrets(client_id) == [(sha256(secret), None)]


def test_a_client_that_is_not_there_is_not_made_by_allowing_it(operator: Operator) -> None:
    assert operator.fails("allow", "nobody", "--any-sender") == "There is no client nobody."
    assert operator.dynamodb.items == {}


def test_allowing_nothing_is_no_change(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo", *LISTS)
    assert "--any-network" in operator.fails("allow", client_id)
    assert held_to(operator, client_id) == (("192.0.2.0/24",), ("Shop", "+3197010"))


def test_another_error_of_aws_is_no_missing_client(operator: Operator) -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateItem")
    operator.dynamodb.failing = error
    assert operator.fails("allow", "x", "--any-sender") == str(error)


def test_the_devices_of_one_client_and_number_are_revoked(operator: Operator) -> None:
    number, key = "+31612345678", IDENTITY_KEY.encode()
    client_id, _ = operator.creates("Demo")
    kept = [("C#" + client_id, "C")]
    for owner, to in ((client_id, number), (client_id, "+31687654321"), ("other", number)):
        item = table.device_key(owner, hash_destination(key, to), b"a device")
        operator.dynamodb.items[_key(item)] = item
        kept.append(_key(item))
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
    operator.runs("revoke", client_id)
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
        operator.dynamodb.items[_key(item)] = item
        user = table.user_key(name, "a user") | {"client_id": {"S": owner}}
        operator.dynamodb.items[_key(user)] = user
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
        monkeypatch.setattr(cli, "Stack", self._wire)

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
    assert cli.main(["services", "delete", SHOP.id, service]) == 0
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


ID = f"a{'q' * 26}"


def test_all_tries_of_a_verification_are_shown_and_no_destination(operator: Operator) -> None:
    verification = make_verification(NOW, to="+31612345678", verifier="messente-verify")
    no = make_try(Outcome.REJECTED, provider="messente", vendor_code="FAILED 9", refused=True)
    taken = make_try(provider="messente-verify", message_id="v-1", delegated=True)
    item = table.write_verification(verification)
    beside = table.details_key(verification.token) | {
        "send_1": table.write_send(make_send(no, taken))
    }
    for each in (item, beside):
        operator.dynamodb.items[_key(each)] = each
    shown = operator.runs("show", ID)
    tries = [send.pop("tries") for send in shown["sends"]]
    assert shown == {
        "id": ID,
        "to": "+316*****678",
        "client_id": "shop",
        "status": "pending",
        "delivery": "accepted",
        "verifier": "messente-verify",
        "sends": [{"number": 1, "outcome": "accepted"}],
    }
    assert [
        (one["provider"], one["outcome"], one["vendor_code"], one["message_id"], one["refused"])
        for send in tries
        for one in send
    ] == [
        ("messente", "rejected", "FAILED 9", None, True),
        ("messente-verify", "accepted", None, "v-1", False),
    ]
    assert operator.dynamodb.table_names == {"sessions"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x", "x is not an id of a verification."),
        (ID, f"There is no verification {ID}, or no longer."),
    ],
)
def test_a_verification_that_is_not_there_is_named(
    operator: Operator, name: str, says: str
) -> None:
    assert operator.fails("show", name) == says


PASSWORD = "the-password-of-ours"
OWN = {"messente": {"username": "ours", "password": PASSWORD}, "aws-sms": {}}


def test_the_providers_settings_are_checked_where_they_are_or_in_a_file(
    operator: Operator, tmp_path: Path
) -> None:
    operator.secret.text = json.dumps(OWN)
    assert operator.runs("providers", "check") == {"ok": ["aws-sms", "messente"]}
    file = tmp_path / "providers.json"
    file.write_text("{}")
    assert operator.runs("providers", "check", "--file", str(file)) == {"ok": []}
    assert operator.secret.reads == 1


def test_the_providers_that_routes_name_need_settings_too(
    operator: Operator, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text('{"aws-sms": {}}')
    operator.secret.text = "{}"
    operator.stacks.routes = "sms=aws-sms,messagebird,sns; email=ses"
    for command in (("check",), ("put", str(empty))):
        said = operator.fails("providers", *command)
        assert said == "messagebird.access_key: Field required"
    assert operator.secret.text == "{}"


def test_right_settings_of_providers_are_put_as_they_are(
    operator: Operator, tmp_path: Path
) -> None:
    file = tmp_path / "providers.json"
    file.write_text(json.dumps(OWN, indent=3))
    printed = operator.runs("providers", "put", str(file))
    assert printed == {"put": ["aws-sms", "messente"], "secret": "providers"}
    assert operator.secret.text == file.read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json " + PASSWORD, ["The providers' settings must be a JSON object by provider."]),
        (f'["{PASSWORD}"]', ["The providers' settings must be a JSON object by provider."]),
        (
            json.dumps({"messente": {"user": PASSWORD}, "fax": {"password": PASSWORD}}),
            [
                "messente.username: Field required",
                "messente.password: Field required",
                "messente.user: Extra inputs are not permitted",
                "fax: there is no provider of this name that has settings",
            ],
        ),
    ],
)
def test_wrong_settings_of_providers_are_named_not_quoted_and_not_put(
    operator: Operator, tmp_path: Path, text: str, says: list[str]
) -> None:
    file = tmp_path / "providers.json"
    file.write_text(text)
    for command in (("check", "--file", str(file)), ("put", str(file))):
        said = operator.fails("providers", *command, sentences=len(says))
        assert said.splitlines() == says
    assert operator.secret.text == "{}"


def test_a_file_that_is_not_there_is_one_sentence(operator: Operator) -> None:
    assert "nowhere.json" in operator.fails("providers", "put", "nowhere.json")


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_a_client_that_is_not_there_is_named(operator: Operator, command: str) -> None:
    assert operator.fails(command, "nobody") == "There is no client nobody."


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_of_two_changes_at_once_one_is_told_to_try_again(operator: Operator, command: str) -> None:
    client_id, secret = operator.creates("Demo")
    operator.dynamodb.changed_meanwhile = True
    assert "try again" in operator.fails(command, client_id)
    assert operator.secrets(client_id) == [(sha256(secret), None)]


def test_a_stack_of_others_is_named(operator: Operator) -> None:
    assert operator.fails("list", "--stack", "bare") == "The stack bare is not one of ours."


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://x"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan"),
    ],
)
def test_an_error_of_aws_is_one_sentence(operator: Operator, error: Exception) -> None:
    operator.dynamodb.failing = error
    assert operator.fails("list") == str(error)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["create"],
        ["destroy", "x"],
        ["create", "x", "--brand", ""],
        ["create", "x", "--brand", "  "],
        ["create", "x", "--brand", "x" * 21],
        ["create", "x", "--brand", "a\nb"],
        ["rotate", "x", "--overlap", "1"],
        ["rotate", "x", "--overlap", "1w"],
        ["rotate", "x", "--overlap", "-1h"],
        ["create", "x", "--network", "192.0.2.1/24"],
        ["create", "x", "--network", "example.com"],
        ["create", "x", "--sender", "My Shop"],
        ["create", "x", "--sender", "12345"],
        ["create", "x", "--sender", "a\n@example.com"],
        ["create", "x", "--any-network"],
        ["allow"],
        ["allow", "x", "--network", "192.0.2.0/24", "--any-network"],
        ["allow", "x", "--sender", "Shop", "--any-sender"],
        ["devices"],
        ["devices", "revoke", "x"],
        ["devices", "revoke", "x", "--to", "0612345678"],
        ["devices", "revoke", "--to", "+31612345678"],
        ["services"],
        ["services", "list"],
        ["services", "delete", "x"],
        ["sandbox"],
        ["show"],
        ["providers"],
        ["providers", "put"],
    ],
)
def test_a_wrong_command_line_is_refused_and_changes_nothing(
    operator: Operator, argv: list[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(argv)
    assert stopped.value.code == 2
    assert operator.dynamodb.table_names == set()
