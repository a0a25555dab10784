"""Secrets in Secrets Manager: remembered, rotated, and never quoted."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from verification.errors import ConfigurationError, TemporarilyUnavailable
from verification.storage.secrets import (
    StoredCodeKeys,
    StoredIdentityKey,
    StoredProviderSettings,
)

from tests.fakes.clock import SettableClock
from tests.fakes.secrets import FakeSecretsManager

OLD, NEW = "old" * 16, "new" * 16
DOWN = ConnectTimeoutError(endpoint_url="x")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue")
REFUSED = ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def manager() -> FakeSecretsManager:
    return FakeSecretsManager({"newest": "a", "a": OLD})


@pytest.fixture
def keys(manager: FakeSecretsManager, clock: SettableClock) -> StoredCodeKeys:
    return StoredCodeKeys(manager, "code-keys", clock)


def rotate(manager: FakeSecretsManager) -> None:
    manager.text = json.dumps({"newest": "b", "a": OLD, "b": NEW})


def test_nothing_is_read_before_a_key_is_needed(
    keys: StoredCodeKeys, manager: FakeSecretsManager
) -> None:
    assert manager.reads == 0
    assert keys.newest() == ("a", OLD.encode())
    assert keys.get("a") == OLD.encode()
    assert manager.reads == 1


def test_after_a_rotation_the_old_key_still_verifies(
    keys: StoredCodeKeys, manager: FakeSecretsManager, clock: SettableClock
) -> None:
    assert keys.newest() == ("a", OLD.encode())
    rotate(manager)
    clock.advance(299.999)
    assert keys.newest()[0] == "a"
    clock.advance(0.001)
    assert keys.newest() == ("b", NEW.encode())
    assert keys.get("a") == OLD.encode()
    assert manager.reads == 2


def test_a_dropped_key_is_forgotten_after_the_longest_age(
    keys: StoredCodeKeys, manager: FakeSecretsManager, clock: SettableClock
) -> None:
    keys.newest()
    manager.text = json.dumps({"newest": "b", "b": NEW})
    clock.advance(300)
    assert keys.get("a") is None


def test_an_unknown_key_id_is_looked_for_at_most_once_a_minute(
    keys: StoredCodeKeys, manager: FakeSecretsManager, clock: SettableClock
) -> None:
    keys.newest()
    rotate(manager)
    clock.advance(59.999)
    assert [keys.get("b") for _ in range(3)] == [None, None, None]
    assert manager.reads == 1
    clock.advance(0.001)
    assert keys.get("b") == NEW.encode()
    assert manager.reads == 2
    assert [keys.get("z") for _ in range(3)] == [None, None, None]
    assert manager.reads == 2


@pytest.mark.parametrize("error", [DOWN, THROTTLED])
def test_known_keys_stay_good_while_secrets_manager_is_down(
    keys: StoredCodeKeys, manager: FakeSecretsManager, clock: SettableClock, error: Exception
) -> None:
    keys.newest()
    manager.failing = error
    clock.advance(300)
    assert keys.newest() == ("a", OLD.encode())
    assert keys.get("a") == OLD.encode()
    assert manager.reads == 2
    clock.advance(60)
    assert keys.get("a") == OLD.encode()
    assert manager.reads == 3
    manager.failing = None
    rotate(manager)
    clock.advance(60)
    assert keys.newest() == ("b", NEW.encode())


def test_an_unknown_key_id_is_looked_for_once_a_minute_also_while_it_is_down(
    keys: StoredCodeKeys, manager: FakeSecretsManager, clock: SettableClock
) -> None:
    keys.newest()
    manager.failing = DOWN
    clock.advance(60)
    assert [keys.get("z") for _ in range(5)] == [None] * 5
    assert manager.reads == 2


@pytest.mark.parametrize("error", [DOWN, THROTTLED])
def test_without_any_key_it_is_temporarily_unavailable(
    keys: StoredCodeKeys, manager: FakeSecretsManager, error: Exception
) -> None:
    manager.failing = error
    for read in (keys.newest, lambda: keys.get("a")):
        with pytest.raises(TemporarilyUnavailable):
            read()
    manager.failing = None
    assert keys.newest()[0] == "a"


def test_a_refusal_is_a_fault_of_ours(keys: StoredCodeKeys, manager: FakeSecretsManager) -> None:
    manager.failing = REFUSED
    with pytest.raises(ClientError):
        keys.newest()


@pytest.mark.parametrize(
    "text",
    [
        "not json " + OLD,
        json.dumps(OLD),
        json.dumps([OLD]),
        json.dumps({}),
        json.dumps({"newest": "a"}),
        json.dumps({"a": OLD}),
        json.dumps({"newest": "b", "a": OLD}),
        json.dumps({"newest": None, "a": OLD}),
        json.dumps({"newest": ["a"], "a": OLD}),
        json.dumps({"newest": "a", "a": OLD[:31]}),
        json.dumps({"newest": "a", "a": [OLD]}),
        json.dumps({"newest": "aa", "aa": OLD}),
        json.dumps({"newest": "A", "A": OLD}),
        json.dumps({"newest": "a", "a": OLD, "B": OLD}),
        json.dumps({"newest": OLD, OLD: "a"}),
    ],
)
def test_a_malformed_secret_is_named_and_its_keys_are_not(
    keys: StoredCodeKeys, manager: FakeSecretsManager, text: str
) -> None:
    manager.text = text
    with pytest.raises(ConfigurationError) as stopped:
        keys.newest()
    assert "code-keys" in str(stopped.value)
    assert OLD[:31] not in str(stopped.value)
    assert stopped.value.__context__ is None  # nothing that quotes it either


def test_the_identity_key_is_read_once() -> None:
    manager = FakeSecretsManager({"key": OLD})
    key = StoredIdentityKey(manager, "code-keys")
    assert manager.reads == 0
    assert [key(), key()] == [OLD.encode()] * 2
    assert manager.reads == 1


@pytest.mark.parametrize("value", [{}, {"key": OLD[:31]}, {"key": 1}, OLD])
def test_a_malformed_identity_key_is_named_and_not_quoted(value: Any) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        StoredIdentityKey(FakeSecretsManager(value), "code-keys")()
    assert "code-keys" in str(stopped.value)
    assert OLD[:31] not in str(stopped.value)


def test_an_identity_key_out_of_reach_is_asked_for_again() -> None:
    manager = FakeSecretsManager({"key": OLD})
    manager.failing = DOWN
    key = StoredIdentityKey(manager, "code-keys")
    with pytest.raises(TemporarilyUnavailable):
        key()
    manager.failing = None
    assert key() == OLD.encode()


PASSWORD = "the-password-of-messente"
OWN = {"messente": {"password": PASSWORD}, "webhook-acme": {"url": "https://acme.example"}}


class Providers:
    """The providers' settings, and the secret they are in."""

    def __init__(self, value: Any = OWN) -> None:
        self.manager = FakeSecretsManager(value, "providers")
        self.clock = SettableClock()
        self.settings = StoredProviderSettings(self.manager, "providers", self.clock)


def test_settings_of_providers_are_read_when_the_first_is_needed_and_kept_for_a_while() -> None:
    providers = Providers()
    assert providers.manager.reads == 0
    found = [providers.settings.get(name) for name in ("messente", "webhook-acme", "aws-sms")]
    assert found == [OWN["messente"], OWN["webhook-acme"], None]
    providers.clock.advance(299.999)
    providers.settings.get("messente")
    assert providers.manager.reads == 1
    providers.clock.advance(0.001)
    providers.manager.failing = DOWN  # what is known goes on working
    assert providers.settings.get("messente") == OWN["messente"]
    assert providers.manager.reads == 2


@pytest.mark.parametrize(("waited", "reads"), [(0, 1), (59.999, 1), (60, 2)])
def test_settings_of_providers_are_looked_at_again_at_most_once_a_minute(
    waited: float, reads: int
) -> None:
    providers = Providers()
    providers.settings.get("messente")
    providers.manager.text = json.dumps({"messente": {"password": "new"}})
    providers.clock.advance(waited)
    for _ in range(3):
        providers.settings.look_again()
        password = providers.settings.get("messente")["password"]
        assert password == ("new" if reads == 2 else PASSWORD)
    assert providers.manager.reads == reads


@pytest.mark.parametrize("error", [DOWN, THROTTLED])
def test_settings_of_providers_out_of_reach_are_asked_for_again(error: Exception) -> None:
    providers = Providers()
    providers.manager.failing = error
    with pytest.raises(TemporarilyUnavailable):
        providers.settings.get("messente")
    providers.manager.failing = None
    assert providers.settings.get("messente") == OWN["messente"]


@pytest.mark.parametrize("value", [PASSWORD, [OWN], None, 7])
def test_a_malformed_secret_of_providers_is_named_and_not_quoted(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="^The secret providers must be a JSON object.$"):
        Providers(value).settings.get("messente")
