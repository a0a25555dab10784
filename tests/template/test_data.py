"""Tables and secrets: encrypted, paid by use, and kept or deleted as they should be."""

import json
from typing import Any

import pytest
from verification.storage import table
from verification.storage.secrets import (
    MIN_KEY_LENGTH,
    StoredCodeKeys,
    StoredIdentityKey,
    StoredProviderSettings,
)

from .loading import STACK, of_type

TABLES = of_type("AWS::DynamoDB::Table")
SECRETS = of_type("AWS::SecretsManager::Secret")
GENERATED = ["CodeKeysSecret", "IdentityKeySecret"]
RESOURCES = STACK["Resources"]


class Created:
    """Secrets Manager with one secret, as CloudFormation would create it."""

    def __init__(self, secret: str) -> None:
        how = SECRETS[secret].get("GenerateSecretString")
        if how:
            values = json.loads(how["SecretStringTemplate"])
            values[how["GenerateStringKey"]] = "x" * how["PasswordLength"]
            self._text = json.dumps(values)
        else:
            self._text = SECRETS[secret]["SecretString"]

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 boto's spelling
        return {"SecretString": self._text}


def test_there_are_two_tables_and_three_secrets() -> None:
    assert set(TABLES) == {"SessionsTable", "DirectoryTable"}
    assert set(SECRETS) == {*GENERATED, "ProvidersSecret"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_paid_by_use_and_encrypted(name: str) -> None:
    assert TABLES[name]["BillingMode"] == "PAY_PER_REQUEST"
    assert "ProvisionedThroughput" not in TABLES[name]
    assert TABLES[name]["SSESpecification"] == {"SSEEnabled": True}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_keys_that_the_code_writes(name: str) -> None:
    assert TABLES[name]["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert set(table.verification_key("token")) == set(table.client_key("id")) == {"pk", "sk"}


def test_sessions_end_by_themselves_and_outlive_no_stack() -> None:
    assert TABLES["SessionsTable"]["TimeToLiveSpecification"] == {
        "AttributeName": "expires_at",
        "Enabled": True,
    }
    assert RESOURCES["SessionsTable"]["DeletionPolicy"] == "Delete"
    assert RESOURCES["SessionsTable"]["UpdateReplacePolicy"] == "Delete"


def test_sessions_are_found_by_destination_and_the_index_holds_keys_alone() -> None:
    assert TABLES["SessionsTable"]["GlobalSecondaryIndexes"] == [
        {
            "IndexName": table.INDEX,
            "KeySchema": [
                {"AttributeName": "destination_hash", "KeyType": "HASH"},
                {"AttributeName": "client_time", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ]
    types = {a["AttributeName"]: a["AttributeType"] for a in _attributes("SessionsTable")}
    assert types == {"pk": "S", "sk": "S", "destination_hash": "B", "client_time": "S"}


def test_the_stream_brings_what_was_and_what_is_of_sessions_alone() -> None:
    """What a delete erases is credited from the item before; see operations/tally.py."""
    streams = {name: table.get("StreamSpecification") for name, table in TABLES.items()}
    assert streams == {
        "SessionsTable": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
        "DirectoryTable": None,
    }


def test_clients_are_not_lost() -> None:
    directory = TABLES["DirectoryTable"]
    assert directory["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert directory["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert STACK["Parameters"]["DeletionProtection"]["Default"] == "true"
    assert "TimeToLiveSpecification" not in directory


@pytest.mark.parametrize("name", ["DirectoryTable", *SECRETS])
def test_what_cannot_be_made_again_outlives_the_stack(name: str) -> None:
    assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", GENERATED)
def test_a_key_is_generated_and_stands_nowhere(name: str) -> None:
    assert "SecretString" not in SECRETS[name]
    generate = SECRETS[name]["GenerateSecretString"]
    assert generate["PasswordLength"] == 64 >= MIN_KEY_LENGTH
    # 62 letters and digits, each at random: 64 of them are 381 bits.
    assert generate["ExcludePunctuation"] is True
    assert not {"ExcludeUppercase", "ExcludeLowercase", "ExcludeNumbers"} & generate.keys()


def test_the_created_secrets_have_the_form_that_the_code_reads() -> None:
    code_keys = StoredCodeKeys(Created("CodeKeysSecret"), "id", lambda: 0)
    assert code_keys.newest() == ("a", b"x" * 64)
    assert StoredIdentityKey(Created("IdentityKeySecret"), "id")() == b"x" * 64


def test_the_secret_of_the_providers_begins_with_none() -> None:
    """A constant: CloudFormation writes it again only when the template has another one."""
    assert SECRETS["ProvidersSecret"]["SecretString"] == "{}"
    settings = StoredProviderSettings(Created("ProvidersSecret"), "id", lambda: 0)
    assert settings.get("messente") is None


def _attributes(name: str) -> list[dict[str, str]]:
    attributes: list[dict[str, str]] = TABLES[name]["AttributeDefinitions"]
    return attributes
