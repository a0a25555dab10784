"""Clients: secrets shown once, stored hashed, rotated, revoked; what clients are held to."""

import base64
import hashlib

import pytest
from botocore.exceptions import ClientError
from verification.domain.policy import Scope
from verification.storage import table
from verification.storage.directory import read_client, use_name

from tests.fakes.operator import NOW, Operator

DAY = 86_400_000


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
    assert operator.runs("clients", "list") == [
        {
            "client_id": client_id,
            "name": "Demo",
            "test": True,
            "direct_invoke": False,
            "networks": [],
            "senders": [],
            "scopes": ["start", "verify", "lookup", "delete", "admin"],
            "revoked": False,
            "secrets": [{"last_used": None, "works_until": None}],
        }
    ]


def test_a_list_says_when_each_secret_was_last_used_and_how_long_it_works(
    operator: Operator,
) -> None:
    client_id, old = operator.creates("Demo")
    new = operator.runs("clients", "rotate", client_id, "--overlap", "1h")["client_secret"]
    operator.creates("Other")
    uses = table.use_key(client_id) | {use_name(sha256(old)): {"N": str(NOW - DAY)}}
    operator.dynamodb.put(uses)
    demo, other = operator.runs("clients", "list")
    assert demo["secrets"] == [
        {"last_used": None, "works_until": None},
        {"last_used": "2027-01-14T08:00:00.000Z", "works_until": "2027-01-15T09:00:00.000Z"},
    ]
    assert other["secrets"] == [{"last_used": None, "works_until": None}]
    operator.dynamodb.put(uses | {use_name(sha256(new)): {"N": str(NOW)}})
    assert (
        operator.runs("clients", "list")[0]["secrets"][0]["last_used"] == "2027-01-15T08:00:00.000Z"
    )


def test_a_client_that_cannot_be_read_is_named_and_can_be_revoked(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo")
    operator.item(client_id)["limits"] = {"S": "client_starts=many"}
    for argv in (
        ("clients", "list"),
        ("clients", "profile", client_id),
        ("clients", "rotate", client_id),
        ("budgets",),
    ):
        said = operator.fails(*argv)
        assert said.startswith(f"The client {client_id} cannot be read: client_starts: 'many'")
    assert operator.runs("clients", "revoke", client_id)["revoked"] is True
    assert operator.item(client_id)["secrets"] == {"L": []}


def test_a_rotation_lets_the_old_secret_work_for_a_while(operator: Operator) -> None:
    client_id, old = operator.creates("Demo")
    rotated = operator.runs("clients", "rotate", client_id)
    new = rotated["client_secret"]
    assert rotated["old_secrets_work_for_seconds"] == 86_400
    assert operator.secrets(client_id) == [(sha256(new), None), (sha256(old), NOW + DAY)]
    assert new not in repr(operator.dynamodb.items)


def test_a_second_rotation_prolongs_no_older_secret(operator: Operator) -> None:
    client_id, first = operator.creates("Demo")
    second = operator.runs("clients", "rotate", client_id, "--overlap", "1h")["client_secret"]
    third = operator.runs("clients", "rotate", client_id)["client_secret"]
    assert operator.secrets(client_id) == [
        (sha256(third), None),
        (sha256(second), NOW + DAY),
        (sha256(first), NOW + 3_600_000),
    ]
    operator.now += 2 * DAY
    fourth = operator.runs("clients", "rotate", client_id, "--overlap", "0s")["client_secret"]
    assert operator.secrets(client_id) == [(sha256(fourth), None)]


def test_a_revoked_client_has_no_secret_and_gets_none(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo")
    assert operator.runs("clients", "revoke", client_id) == {
        "client_id": client_id,
        "revoked": True,
    }
    assert operator.secrets(client_id) == []
    assert operator.item(client_id)["disabled"] == {"BOOL": True}
    assert operator.runs("clients", "revoke", client_id)["revoked"] is True
    assert "is revoked; create a new one." in operator.fails("clients", "rotate", client_id)
    assert operator.secrets(client_id) == []


LISTS = ("--network", "192.0.2.0/24", "--sender", "Shop", "--sender", "+3197010")


def held_to(operator: Operator, client_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    client = read_client(operator.item(client_id), "").client
    return client.networks, client.senders


def test_a_client_is_held_to_networks_and_senders_from_the_beginning(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo", *LISTS, "--network", "2001:db8::/32")
    networks, senders = ["192.0.2.0/24", "2001:db8::/32"], ["Shop", "+3197010"]
    assert held_to(operator, client_id) == (tuple(networks), tuple(senders))
    (listed,) = operator.runs("clients", "list")
    assert (listed["networks"], listed["senders"]) == (networks, senders)


def test_a_client_can_be_held_to_other_networks_and_senders_later(operator: Operator) -> None:
    client_id, secret = operator.creates("Demo", *LISTS)
    allowed = operator.runs(
        "clients", "allow", client_id, "--network", "198.51.100.7", "--network", "::1"
    )
    networks = ("198.51.100.7/32", "::1/128")
    assert allowed == {"client_id": client_id, "networks": list(networks)}
    assert held_to(operator, client_id) == (networks, ("Shop", "+3197010"))
    operator.runs("clients", "allow", client_id, "--any-network", "--sender", "shop@example.com")
    assert held_to(operator, client_id) == ((), ("shop@example.com",))
    operator.runs("clients", "allow", client_id, "--any-sender")
    assert held_to(operator, client_id) == ((), ())
    assert operator.secrets(client_id) == [(sha256(secret), None)]


def scopes(operator: Operator, client_id: str) -> tuple[str, ...]:
    return read_client(operator.item(client_id), "").client.scopes


def test_a_client_may_do_what_its_scopes_say(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo", "--scope", "verify", "--scope", "start")
    assert scopes(operator, client_id) == ("verify", "start")
    allowed = operator.runs("clients", "allow", client_id, "--scope", "lookup")
    assert allowed == {"client_id": client_id, "scopes": ["lookup"]}
    assert scopes(operator, client_id) == ("lookup",)
    assert operator.runs("clients", "list")[0]["scopes"] == ["lookup"]
    operator.runs("clients", "allow", client_id, "--any-sender")
    assert scopes(operator, client_id) == ("lookup",)
    allowed = operator.runs("clients", "allow", client_id, "--all-scopes")
    assert allowed == {"client_id": client_id, "scopes": [*Scope]}
    assert scopes(operator, client_id) == tuple(Scope)


def test_a_client_that_is_not_there_is_not_made_by_allowing_it(operator: Operator) -> None:
    assert (
        operator.fails("clients", "allow", "nobody", "--any-sender") == "There is no client nobody."
    )
    assert operator.dynamodb.items == {}


def test_allowing_nothing_is_no_change(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo", *LISTS)
    assert "--any-network" in operator.fails("clients", "allow", client_id)
    assert held_to(operator, client_id) == (("192.0.2.0/24",), ("Shop", "+3197010"))


def test_another_error_of_aws_is_no_missing_client(operator: Operator) -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "UpdateItem")
    operator.dynamodb.failing = error
    assert operator.fails("clients", "allow", "x", "--any-sender") == str(error)


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_a_client_that_is_not_there_is_named(operator: Operator, command: str) -> None:
    assert operator.fails("clients", command, "nobody") == "There is no client nobody."


@pytest.mark.parametrize("command", ["rotate", "revoke"])
def test_of_two_changes_at_once_one_is_told_to_try_again(operator: Operator, command: str) -> None:
    client_id, secret = operator.creates("Demo")
    operator.dynamodb.changed_meanwhile = True
    assert "try again" in operator.fails("clients", command, client_id)
    assert operator.secrets(client_id) == [(sha256(secret), None)]
