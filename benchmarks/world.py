"""What the functions live in: DynamoDB Local, the emulator, a vendor, and the door to them all."""

import json
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verification.domain.policy import Client, Profile
from verification.storage.directory import ClientRecord, Secret, hash_secret, write_client

from benchmarks.builds import Artifact, runtime, unpack
from benchmarks.runtime import Function
from benchmarks.tls import make_authority
from benchmarks.wire import Door
from tests.e2e.vendors import PASSWORD, Messente
from tests.local import ROOT, dynamodb_local, emulator
from tests.local.deploy import BUILD
from tests.local.emulator import aws
from tests.local.processes import free_port
from tests.template.initialise import variables
from tests.template.loading import TEMPLATE

_TABLE_PARTS = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
_OURS, _CLIENT = "made-up", "shop-k3q7m2xa"  # of names; see tests.template.initialise
_NAIVE_TABLES = ("naive-clients", "naive-verifications")
SESSIONS_TABLE, DIRECTORY_TABLE = f"{_OURS}-SessionsTable", f"{_OURS}-DirectoryTable"


@dataclass(frozen=True)
class World:
    """Everything around the functions.

    Args:
        artifacts: by variant and function.
        runtime: the folder with awslambdaric.
        dynamodb: a boto3 client of DynamoDB Local, past the door.
        queue_url: of the re-send queue.
        trace_port: where the baseline's tracer sends its datagrams; nobody reads them.
        secret: of the one client, the same in all directories.
    """

    artifacts: Mapping[str, Mapping[str, Artifact]]
    runtime: Path
    door: Door
    vendor: Messente
    dynamodb: Any
    queue_url: str
    trace_port: int
    secret: str

    def function(
        self, variant: str, function: str, *, under: Sequence[str] = (), first: Any = None
    ) -> Function:
        """Begin a function; see Function."""
        artifact = self.artifacts[variant][function]
        environment = self._ours(function) if variant == "ours" else self._naive()
        return Function(artifact, self.runtime, environment, under=under, first=first)

    def _ours(self, function: str) -> dict[str, str]:
        """As the template sets it, all SMS by Messente, and AWS where it is here."""
        found = variables(f"{function.title()}Function", Routes="sms=messente")
        own = {"RESEND_QUEUE_URL": self.queue_url} if "RESEND_QUEUE_URL" in found else {}
        return found | own | {"AWS_ENDPOINT_URL": self.door.url} | self._everybodys()

    def _naive(self) -> dict[str, str]:
        clients, verifications = _NAIVE_TABLES
        return {
            "CLIENTS_TABLE": clients,
            "VERIFICATIONS_TABLE": verifications,
            "MESSENTE_URL": f"{self.door.url}/v1",
            "MESSENTE_USERNAME": "user",
            "MESSENTE_PASSWORD": PASSWORD,
            "POWERTOOLS_METRICS_NAMESPACE": "NaiveVerify",
            "POWERTOOLS_SERVICE_NAME": "verification",
            "AWS_ENDPOINT_URL": self.door.url,
        } | self._everybodys()

    def _everybodys(self) -> dict[str, str]:
        return {"AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{self.trace_port}"}

    def event(
        self,
        method: str,
        resource: str,
        body: Any = None,
        *,
        id_: str = "",
        secret: str | None = None,
    ) -> dict[str, Any]:
        """A request as API Gateway hands it over: events/start-http.json with other contents."""
        event: dict[str, Any] = json.loads((ROOT / "events/start-http.json").read_text())
        path = resource.replace("{id}", id_)
        headers = event["headers"] | {
            "Authorization": f"Bearer {_CLIENT}.{self.secret if secret is None else secret}"
        }
        del headers["Idempotency-Key"]
        event |= {
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "pathParameters": {"id": id_} if id_ else None,
            "body": None if body is None else json.dumps(body),
        }
        event["requestContext"] |= {
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/prod{path}",
        }
        return event

    def start_event(self, number: str) -> dict[str, Any]:
        return self.event("POST", "/v1/verifications", {"to": number})

    def verify_event(self, id_: str, code: str) -> dict[str, Any]:
        return self.event("POST", "/v1/verifications/{id}/verify", {"code": code}, id_=id_)

    def code_to(self, number: str) -> str:
        """The code in the last message to a number."""
        text = self.vendor.texts_to(number)[-1]
        [code] = [
            word for word in text.replace(".", " ").split() if word.isdigit() and len(word) > 3
        ]
        return code


def a_number() -> str:
    """A mobile number of the Netherlands that nobody else uses; its block of 10,000 is its own."""
    return f"+3161{secrets.randbelow(10**7):07d}"


@contextmanager
def make_world() -> Iterator[World]:
    """Everything started; and stopped, process by process, however it ends."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD.parent))
        stack.callback(shutil.rmtree, folder)
        certificate, context = make_authority(folder)
        artifacts = unpack(folder / "artifacts", certificate)
        ric = runtime(folder / "runtime")
        local = dynamodb_local.start(folder)
        stack.callback(local.process.stop)
        emulated = emulator.start(folder, free_port())
        stack.callback(emulated.process.stop)
        vendor = Messente()
        stack.callback(vendor.close)
        targets = {"dynamodb": local.url, "aws": emulated.url, "vendor": vendor.url}
        door = Door(context, targets)
        stack.callback(door.close)
        traces = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        traces.bind(("127.0.0.1", 0))
        dynamodb = aws(local.url, "dynamodb")
        stack.callback(dynamodb.close)
        secret = secrets.token_urlsafe(32)
        _make_tables(dynamodb, secret)
        with closing(aws(emulated.url, "secretsmanager")) as client:
            _make_secrets(client, door.url)
        with closing(aws(emulated.url, "sqs")) as client:
            queue = client.create_queue(QueueName="resend")
        path = queue["QueueUrl"].removeprefix(emulated.url)
        yield World(
            artifacts,
            ric,
            door,
            vendor,
            dynamodb,
            f"{door.url}{path}",
            traces.getsockname()[1],
            secret,
        )


def _make_tables(dynamodb: Any, secret: str) -> None:
    """Our tables, from the template, and the baseline's; the one client is in both."""
    for name in ("SessionsTable", "DirectoryTable"):
        properties = TEMPLATE["Resources"][name]["Properties"]
        parts = {part: properties[part] for part in _TABLE_PARTS if part in properties}
        dynamodb.create_table(TableName=f"{_OURS}-{name}", **parts)
    for table in _NAIVE_TABLES:
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    record = ClientRecord(Client(_CLIENT, Profile("Shop")), (Secret(hash_secret(secret)),))
    item: Any = write_client(record, "Shop", 0)
    dynamodb.put_item(TableName=DIRECTORY_TABLE, Item=item)
    hashed = hash_secret(secret).hex()
    client = {"id": {"S": _CLIENT}, "secret_hash": {"S": hashed}, "name": {"S": "Shop"}}
    dynamodb.put_item(TableName=_NAIVE_TABLES[0], Item=client)


def _make_secrets(client: Any, vendor_url: str) -> None:
    account = {"username": "user", "password": PASSWORD, "base_url": f"{vendor_url}/v1"}
    for name, values in (
        ("CodeKeysSecret", {"newest": "a", "a": secrets.token_urlsafe(64)}),
        ("IdentityKeySecret", {"key": secrets.token_urlsafe(64)}),
        ("ProvidersSecret", {"messente": account}),
    ):
        client.create_secret(Name=f"{_OURS}-{name}", SecretString=json.dumps(values))
