"""An operator at a terminal, and the AWS that the commands talk to there: in memory."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from verification.cli.__main__ import main
from verification.storage.directory import read_client

from .secrets import FakeSecretsManager

NOW = 1_800_000_000_000  # 2027-01-15T08:00:00.000Z
IDENTITY_KEY = "the identity key, 32 bytes at least"

type Item = dict[str, Any]


class Terminal:
    """Runs commands in this process, and reads what they print."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def runs(self, *argv: str) -> Any:
        """What a command prints; it must succeed."""
        self._capsys.readouterr()  # what functions logged
        assert main([*argv, "--json"]) == 0
        printed = self._capsys.readouterr()
        assert printed.err == ""
        return json.loads(printed.out)

    def prints(self, *argv: str, failed: bool = False) -> str:
        """What people see of a command."""
        self._capsys.readouterr()
        assert main(list(argv)) == int(failed)
        printed = self._capsys.readouterr()
        assert printed.err == ""
        return printed.out

    def fails(self, *argv: str, sentences: int = 1) -> str:
        """What a command says when it cannot; one sentence or so many, nothing else."""
        self._capsys.readouterr()
        assert main(list(argv)) == 1
        printed = self._capsys.readouterr()
        assert printed.out == "" and printed.err.count("\n") == sentences
        return printed.err.strip()

    def refused(self, *argv: str) -> str:
        """What is wrong with a command line; its last line, below how it is used."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(list(argv))
        assert stopped.value.code == 2
        printed = self._capsys.readouterr()
        assert printed.out == ""
        return printed.err.splitlines()[-1].partition(" error: ")[2]


class Operator(Terminal):
    """Somebody at a terminal; parts of AWS are public, to be set and looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(capsys)
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
        self.clients: dict[str, Any] = clients
        monkeypatch.setattr(boto3, "client", lambda service, config: clients[service])
        monkeypatch.setattr("time.time_ns", lambda: self.now * 1_000_000)

    def creates(self, name: str, *options: str) -> tuple[str, str]:
        made = self.runs("clients", "create", name, *options)
        assert set(made) == {"client_id", "client_secret"}
        return made["client_id"], made["client_secret"]

    def item(self, client_id: str) -> Item:
        return self.dynamodb.items[f"C#{client_id}", "C"]

    def secrets(self, client_id: str) -> list[tuple[bytes, int | None]]:
        found = read_client(self.item(client_id), "").secrets
        return [(secret.hash, secret.valid_until) for secret in found]


class FakeDynamoDb:
    """One table of items, and what the commands ask of DynamoDB."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.table_names: set[str] = set()
        self.writes = 0
        self.changed_meanwhile = False
        self.failing: BaseException | None = None

    def put(self, *items: Item) -> None:
        """Let items be there."""
        self.items |= {key_of(item): item for item in items}

    def put_item(self, TableName: str, Item: Item, ConditionExpression: str = "") -> None:  # noqa: N803
        self._begin(TableName)
        assert ConditionExpression in ("", "attribute_not_exists(pk)")
        assert not ConditionExpression or key_of(Item) not in self.items
        self.writes += 1
        self.items[key_of(Item)] = Item

    def get_item(self, TableName: str, Key: Item, ConsistentRead: bool = False) -> Any:  # noqa: N803
        self._begin(TableName)
        found = self.items.get(key_of(Key))
        return {"Item": copy.deepcopy(found)} if found else {}

    def batch_get_item(self, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803
        ((name, asked),) = RequestItems.items()
        self._begin(name)
        found = [self.items[key_of(key)] for key in asked["Keys"] if key_of(key) in self.items]
        return {"Responses": {name: found}}

    def update_item(self, TableName: str, Key: Item, **asked: Any) -> None:  # noqa: N803
        self._begin(TableName)
        item = self.items.get(key_of(Key), {})
        names = asked.get("ExpressionAttributeNames", {})
        values = asked.get("ExpressionAttributeValues", {})
        conditions = filter(None, asked.get("ConditionExpression", "").split(" AND "))
        if self.changed_meanwhile or not all(_holds(c, item, names, values) for c in conditions):
            code = {"Error": {"Code": "ConditionalCheckFailedException"}}
            raise ClientError(code, "UpdateItem")  # type: ignore[arg-type]  # the rest is not used
        self.writes += 1
        item = self.items.setdefault(key_of(Key), dict(Key))
        put, _, gone = asked["UpdateExpression"].partition("REMOVE ")
        for change in filter(None, put.removeprefix("SET ").strip().split(", ")):
            name, _, value = change.partition(" = ")
            item[names.get(name, name)] = values[value]
        for name in filter(None, gone.split(", ")):
            item.pop(names.get(name, name), None)

    def delete_item(self, TableName: str, Key: Item) -> None:  # noqa: N803
        self._begin(TableName)
        self.writes += 1
        del self.items[key_of(Key)]

    def query(self, TableName: str, **asked: Any) -> Any:  # noqa: N803
        self._begin(TableName)
        wanted = asked["ExpressionAttributeValues"][":pk"]["S"]
        found = [item for (pk, _), item in sorted(self.items.items()) if pk == wanted]
        return {"Items": found if asked.get("ScanIndexForward", True) else found[::-1]}

    def get_paginator(self, name: str) -> "FakeDynamoDb":
        assert name == "scan"
        return self

    def paginate(self, TableName: str, ConsistentRead: bool) -> Iterator[Any]:  # noqa: N803
        self._begin(TableName)
        assert ConsistentRead
        for item in self.items.values():
            yield {"Items": [item]}

    def _begin(self, table_name: str) -> None:
        self.table_names.add(table_name)
        if self.failing:
            raise self.failing


def key_of(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _holds(condition: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    if exists := re.fullmatch(r"attribute_(not_)?exists\((\S+)\)", condition):
        return (names.get(exists[2], exists[2]) in item) is not bool(exists[1])
    name, _, value = condition.partition(" = ")
    return bool(item.get(names.get(name, name)) == values[value])


class FakeSecrets:
    """The secrets of a stack, by their ids."""

    def __init__(self, **secrets: FakeSecretsManager) -> None:
        self._secrets = secrets

    def get_secret_value(self, SecretId: str) -> Any:  # noqa: N803 botocore's name
        return self._secrets[SecretId].get_secret_value(SecretId)

    def put_secret_value(self, SecretId: str, SecretString: str) -> None:  # noqa: N803
        self._secrets[SecretId].put_secret_value(SecretId, SecretString)


class FakeCloudFormation:
    """One stack with its outputs and parameters; and `bare`, which is none of ours."""

    def __init__(self) -> None:
        self.parameters = {"Routes": "sms=sns"}

    def describe_stacks(self, StackName: str) -> Any:  # noqa: N803 botocore's name
        if StackName == "bare":
            return {"Stacks": [{}]}
        outputs = {
            "DirectoryTableName": "directory",
            "CodeKeysSecretArn": "code-keys",
            "DeleteFunctionArn": "delete",
            "IdentityKeySecretArn": "identity",
            "LookupFunctionArn": "lookup",
            "ProvidersSecretArn": "providers",
            "SessionsTableName": "sessions",
            "StartFunctionArn": "start",
            "VerifyFunctionArn": "verify",
            "WebhooksDeadLetterQueueUrl": "dead-letters",
            "WebhooksQueueUrl": "webhooks",
        }
        return {"Stacks": [describe(outputs, self.parameters)]}


def outputs_of(environ: Mapping[str, str]) -> dict[str, str]:
    """The outputs of a stack whose functions have this environment."""
    return {
        "DirectoryTableName": environ["DIRECTORY_TABLE"],
        "IdentityKeySecretArn": environ["IDENTITY_KEY_SECRET"],
        "ProvidersSecretArn": environ["PROVIDERS_SECRET"],
        "SessionsTableName": environ["SESSIONS_TABLE"],
    }


def describe(outputs: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, Any]:
    """A stack, as CloudFormation describes it."""
    return {
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
    }
