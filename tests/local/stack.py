"""The deployed service: where it is, whose keys open it, and a small HTTP client for its API."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import requests

from tests.local import ROOT, LocalError
from tests.local.deploy import PARAMETERS, api_url, environment
from tests.local.emulator import REGION, aws
from tests.local.processes import run

FUNCTIONS = ("start", "verify", "lookup", "delete", "resend")  # that take direct invokes
OTHER_FUNCTIONS = {
    "messagebird": "MessageBirdFunctionArn",
    "messente": "MessenteFunctionArn",
    "page": "PageFunctionArn",
    "reports": "ReportsFunctionArn",
    "tally": "TallyFunctionArn",
    "events": "EventsFunctionArn",
    "webhooks": "WebhooksFunctionArn",
    "verigator": "VerigatorFunctionArn",
}
PATIENCE = 60  # seconds for the first answer, on a slow machine

handed_out: set[str] = set()
"""Secrets that this process has come to know, for the test that looks for them in all logs."""


@dataclass(frozen=True)
class Credentials:
    """A client of the service."""

    client_id: str
    client_secret: str

    @property
    def bearer(self) -> str:
        """The value of its Authorization header."""
        return f"Bearer {self.client_id}.{self.client_secret}"

    def access_key(self, kind: str = "live") -> str:
        """The MessageBird access key: `live`, or `test`, with which nothing is sent."""
        return f"{kind}_{self.client_id}.{self.client_secret}"


@dataclass(frozen=True)
class Answer:
    """What the API said: an HTTP status, headers, and JSON (None where there is no body)."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Stack:
    """A deployed stack and one client of it; .local/stack.json holds the same fields."""

    api_url: str  # ends in the stage, without a slash
    reports_url: str  # so does this one
    endpoint_url: str
    region: str
    client_id: str
    client_secret: str
    access_key: str  # of MessageBird's API: the same client
    test_access_key: str
    test_code: str  # verifies what a test key started
    sms_inbox_url: str
    email_inbox_url: str
    functions: dict[str, str]  # ARNs, by the names in FUNCTIONS
    other_functions: dict[str, str]  # ARNs, by the names in OTHER_FUNCTIONS
    reports_topic: str  # its ARN
    providers_secret: str  # its ARN
    event_bus: str  # its name
    tables: dict[str, str]  # names, of "sessions" and "directory"

    @property
    def credentials(self) -> Credentials:
        """The client that came with the stack."""
        return Credentials(self.client_id, self.client_secret)

    def call(
        self, method: str, path: str, body: Any = None, by: Credentials | None = None
    ) -> Answer:
        """Call the API as the stack's client, or as another one."""
        answer = requests.request(
            method,
            self.api_url + path,
            json=body,
            headers={"Authorization": (by or self.credentials).bearer},
            timeout=30,
        )
        return Answer(answer.status_code, answer.headers, answer.json() if answer.content else None)

    def client(self, name: str = "Test", *options: str) -> Credentials:
        """Create another client of the service; `options` such as --test, --direct-invoke."""
        return create_client(self.endpoint_url, self.tables["directory"], name, *options)

    def configure_providers(self, settings: Mapping[str, Any]) -> None:
        """Put settings by provider into their secret, in place of what is there.

        A process that has read it reads it again when a provider refuses us, a minute later.
        """
        text = json.dumps(settings)
        secrets = self.aws("secretsmanager")
        secrets.put_secret_value(SecretId=self.providers_secret, SecretString=text)

    def post_to_webhooks(self, *, enabled: bool) -> None:
        """Have the bus bring its events to the webhooks' queue, or not."""
        client, bus = self.aws("events"), {"EventBusName": self.event_bus}
        [rule] = [
            rule["Name"] for rule in client.list_rules(**bus)["Rules"] if "Webhooks" in rule["Name"]
        ]
        (client.enable_rule if enabled else client.disable_rule)(Name=rule, **bus)

    def end_processes(self, *functions: str) -> None:
        """End the processes of functions (their ARNs), and with them what they remember.

        A configuration, even the same, does it: here as on AWS.
        """
        client = self.aws("lambda")
        for arn in functions:
            timeout = client.get_function_configuration(FunctionName=arn)["Timeout"]
            client.update_function_configuration(FunctionName=arn, Timeout=timeout)

    def aws(self, service: str) -> Any:
        """A boto3 client of the account that the stack is in."""
        return aws(self.endpoint_url, service)

    def texts_to(self, number: str) -> list[str]:
        """The text messages sent to a number, oldest first."""
        inbox = requests.get(self.sms_inbox_url, params={"phoneNumber": number}, timeout=5).json()
        return [message["Message"] for message in inbox["sms_messages"][number]]

    def mails_to(self, address: str) -> list[dict[str, Any]]:
        """The e-mail sent to an address, oldest first: Subject, BodyText, BodyHtml and more."""
        inbox = requests.get(self.email_inbox_url, timeout=5).json()["messages"]
        return [mail for account in inbox.values() for mail in account if address in mail["To"]]


def connect(endpoint_url: str, outputs: Mapping[str, str], client: Credentials) -> Stack:
    """A stack, from where it is deployed, the outputs of that, and a client of it."""
    return Stack(
        api_url=api_url(endpoint_url, outputs["ApiUrl"]),
        reports_url=api_url(endpoint_url, outputs["ReportsUrl"]),
        endpoint_url=endpoint_url,
        region=REGION,
        client_id=client.client_id,
        client_secret=client.client_secret,
        access_key=client.access_key(),
        test_access_key=client.access_key("test"),
        test_code=PARAMETERS["TestCode"],
        sms_inbox_url=f"{endpoint_url}/_ministack/sns/sms-messages",
        email_inbox_url=f"{endpoint_url}/_ministack/ses/messages",
        functions={name: outputs[f"{name.title()}FunctionArn"] for name in FUNCTIONS},
        other_functions={name: outputs[output] for name, output in OTHER_FUNCTIONS.items()},
        reports_topic=outputs["ReportsTopicArn"],
        providers_secret=outputs["ProvidersSecretArn"],
        event_bus=outputs["EventBusName"],
        tables={
            "sessions": outputs["SessionsTableName"],
            "directory": outputs["DirectoryTableName"],
        },
    )


def create_client(endpoint_url: str, directory: str, name: str, *options: str) -> Credentials:
    """Create a client with the operator's own command.

    `directory` is the name of the table, `options` such as --test.
    """
    program = [sys.executable, "-m", "verification.cli"]
    command = [*program, "clients", "create", name, "--table", directory, "--json"]
    env = environment(endpoint_url) | {"PYTHONPATH": str(ROOT / "layers/verification/python")}
    printed = run([*command, *options], "Creating a client", env)
    created = Credentials(**json.loads(printed))
    handed_out.add(created.client_secret)
    return created


def wait_until_healthy(stack: Stack) -> None:
    """Wait for the first good answer of the API; LocalError with the last one if none comes."""
    give_up = time.monotonic() + PATIENCE
    while (answer := stack.call("GET", "/v1/health")).status != 200:
        if time.monotonic() > give_up:
            raise LocalError(f"The API is not healthy: {answer.status} {answer.body}")
        time.sleep(0.2)


def save(stack: Stack, path: Path) -> None:
    """Write the stack's facts for other programs; whole or not at all, for this user's eyes."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(stack), indent=2) + "\n")
    draft.replace(path)


def load(path: Path) -> Stack | None:
    """The stack that `save` wrote; None when there is none, or an older `save` wrote it."""
    facts = json.loads(path.read_text()) if path.exists() else {}
    return Stack(**facts) if facts.keys() == {field.name for field in fields(Stack)} else None
