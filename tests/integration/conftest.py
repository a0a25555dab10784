"""A stack's parts in this process, on real engines, with tables made from `template.yaml`."""

import functools
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from botocore.session import get_session
from verification import aws
from verification.cli import shared
from verification.storage.directory import ClientRecord, write_client
from verification.wiring import Stack

from tests.fakes.operator import Terminal, describe, outputs_of
from tests.integration.commands import CLIENT
from tests.integration.vendor import Vendor
from tests.template.loading import load_template

REGION = "eu-west-1"
_TABLE_PARTS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@dataclass(frozen=True)
class Place:
    """Where a test's parts live: the environment that a function would have."""

    environ: dict[str, str]

    def stack(self, **settings: str) -> Stack:
        """The real parts, wired as in a function; with some settings in place of the usual."""
        return Stack(self.environ | settings)

    @property
    def sessions(self) -> str:
        return self.environ["SESSIONS_TABLE"]

    @property
    def dynamodb(self) -> Any:
        return aws.make_client("dynamodb", attempts=1, read=30)

    def texts_to(self, number: str) -> list[str]:
        """The text messages that left for a number, oldest first."""
        url = f"{self.environ['AWS_ENDPOINT_URL']}/_ministack/sns/sms-messages"
        inbox = requests.get(url, params={"phoneNumber": number}, timeout=10).json()
        return [message["Message"] for message in inbox["sms_messages"].get(number, [])]


def create_table(client: Any, logical_id: str, name: str) -> None:
    """Create a table as the template describes it."""
    properties = load_template()["Resources"][logical_id]["Properties"]
    parts = {part: properties[part] for part in _TABLE_PARTS if part in properties}
    client.create_table(TableName=name, **parts)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})


def settings_at(vendor: Vendor) -> dict[str, Any]:
    """The settings of `messente-verify` that lead to the local vendor."""
    return {"username": "user", "password": "password", "base_urls": [vendor.url]}


@pytest.fixture(params=["dynamodb_local", "emulator"])
def engine(request: pytest.FixtureRequest) -> str:
    """The endpoint of a DynamoDB: Amazon's own, then the emulator's."""
    endpoint: str = request.getfixturevalue(request.param)
    return endpoint


@pytest.fixture(scope="session")
def vendor() -> Iterator[Vendor]:
    """A vendor that makes and checks codes of its own, for numbers of Estonia."""
    vendor = Vendor()
    yield vendor
    vendor.stop()


@pytest.fixture(scope="session")
def prepare(emulator: str, vendor: Vendor) -> Callable[[str], dict[str, str]]:
    """Make tables at a DynamoDB, and secrets and a queue in the emulator; once for each DynamoDB.

    Tests share them and keep apart by destinations and tokens of their own.
    """

    @functools.cache
    def make(dynamodb_url: str) -> dict[str, str]:
        name = f"t{uuid.uuid4().hex[:12]}"
        environ = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": emulator,
            "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url,
            "BRAND": "Verify",
            "CODE_KEYS_SECRET": f"{name}-codes",
            "DIRECTORY_TABLE": f"{name}-directory",
            "EMAIL_SENDER": "verify@example.org",
            "GUARD_MODE": "monitor",
            "IDENTITY_KEY_SECRET": f"{name}-identity",
            "LIMITS": (
                "destination_sends=5/10m 10/24h; destination_guesses=50/24h; "
                "destination_short_code_guesses=20/24h"
            ),
            "POWERTOOLS_METRICS_NAMESPACE": "ServerlessVerify",
            "POWERTOOLS_SERVICE_NAME": "verification",
            "PROVIDERS_SECRET": f"{name}-providers",
            "RETENTION_HOURS": "24",
            "ROUTES": "sms=sns; sms:+372=messente-verify; voice=sandbox; email=ses",
            "SANDBOX_ENABLED": "true",
            "SESSIONS_TABLE": f"{name}-sessions",
        }

        def client(service: str, url: str = emulator) -> Any:
            return get_session().create_client(
                service,
                REGION,
                endpoint_url=url,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )

        dynamodb = client("dynamodb", dynamodb_url)
        create_table(dynamodb, "SessionsTable", environ["SESSIONS_TABLE"])
        create_table(dynamodb, "DirectoryTable", environ["DIRECTORY_TABLE"])
        client_item = write_client(ClientRecord(CLIENT, ()), "Tests", 0)
        dynamodb.put_item(TableName=environ["DIRECTORY_TABLE"], Item=client_item)
        for secret, values in (
            ("CODE_KEYS_SECRET", {"newest": "a", "a": "a-code-key-" * 6}),
            ("IDENTITY_KEY_SECRET", {"key": "an-identity-key-" * 4}),
            ("PROVIDERS_SECRET", {"messente-verify": settings_at(vendor)}),
        ):
            text = json.dumps(values)
            client("secretsmanager").create_secret(Name=environ[secret], SecretString=text)
        queue = client("sqs").create_queue(QueueName=name)
        return environ | {"RESEND_QUEUE_URL": queue["QueueUrl"]}

    return make


@pytest.fixture
def make_place(
    prepare: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Place]]:
    """Go to a place with its tables at one DynamoDB, and all else in the emulator."""

    def make(dynamodb_url: str) -> Place:
        place = Place(prepare(dynamodb_url))
        for variable, value in place.environ.items():
            monkeypatch.setenv(variable, value)
        aws.make_session.cache_clear()  # the next clients read the environment anew
        return place

    yield make
    aws.make_session.cache_clear()


@pytest.fixture
def place(make_place: Callable[[str], Place], engine: str) -> Place:
    """A place with its tables on each engine in turn."""
    return make_place(engine)


@pytest.fixture
def real_place(make_place: Callable[[str], Place], dynamodb_local: str) -> Place:
    """A place with its tables on Amazon's engine alone."""
    return make_place(dynamodb_local)


@pytest.fixture
def parameters() -> dict[str, str]:
    """Those of the stack, to be changed by a test."""
    return {"Routes": "sms=sns; voice=sandbox; email=ses", "RetentionHours": "24"}


@pytest.fixture
def terminal(
    place: Place,
    parameters: Mapping[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    """An operator of the place's stack."""
    outputs = outputs_of(place.environ)
    monkeypatch.setattr(shared, "stack", lambda arguments: describe(outputs, parameters))
    return Terminal(capsys)
