"""`verifyctl doctor` on a stack of its own: it finds each planted fault, and else nothing.

A fault is planted, looked for and mended, one after the other. What the emulator has not (the
sandbox and the spend limit of SMS) is answered by a small server before it.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from verification.cli import doctor
from verification.cli.__main__ import main
from verification.cli.shared import now

from tests.local.deploy import EMAIL_SENDER, deploy, outputs
from tests.local.emulator import KEYS, REGION, aws

NAME = "patient"
PATIENCE = 30  # seconds
ROUTES = "sms=sns,messente; email=ses"
SETTINGS = {"messente": {"username": "user", "password": "password"}}
PRICES = "sns,sms,*,0.05\nmessente,sms,*,0.05\nses,email,*,0.0001\n"


# ------------------------------------------------------------------- The parts the emulator lacks


class Sns:
    """SNS as the emulator has it, and the two answers about the account that it has not."""

    def __init__(self, emulator: str) -> None:
        self.is_in_sandbox, self.spend_limit = "false", "100"
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # http.server's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                (action,) = parse_qs(body.decode()).get("Action", ["?"])
                status, answer = outer._answer(action) or outer._forward(self, body, emulator)
                self.send_response(status)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _answer(self, action: str) -> tuple[int, bytes] | None:
        known = {
            "GetSMSSandboxAccountStatus": f"<IsInSandbox>{self.is_in_sandbox}</IsInSandbox>",
            "GetSMSAttributes": "<attributes><entry><key>MonthlySpendLimit</key>"
            f"<value>{self.spend_limit}</value></entry></attributes>",
        }
        if action not in known:
            return None
        result = f"<{action}Result>{known[action]}</{action}Result>"
        return 200, f"<{action}Response>{result}</{action}Response>".encode()

    @staticmethod
    def _forward(asked: BaseHTTPRequestHandler, body: bytes, emulator: str) -> tuple[int, bytes]:
        answer = requests.post(emulator, data=body, headers=dict(asked.headers), timeout=30)
        return answer.status_code, answer.content

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


# ------------------------------------------------------------------------------------ The patient


@dataclass
class Patient:
    """A healthy stack, whose parts can be made ill."""

    emulator: str
    sns: Sns
    outputs: Mapping[str, str]
    capsys: pytest.CaptureFixture[str]
    mends: list[Callable[[], Any]] = field(default_factory=list)
    status: int | None = None

    def aws(self, service: str) -> Any:
        return aws(self.emulator, service)

    def findings(self) -> list[dict[str, str]]:
        """What the doctor finds; `status` says how it ended."""
        self.capsys.readouterr()
        self.status = main(["doctor", "--stack", NAME, "--json"])
        found: list[dict[str, str]] = json.loads(self.capsys.readouterr().out)["findings"]
        return found

    def named(self, kind: str, name: str) -> str:
        """What AWS calls a resource of the template."""
        pages = self.aws("cloudformation").get_paginator("list_stack_resources")
        found = {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for page in pages.paginate(StackName=NAME)
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == kind
        }
        return str(found[name])

    def set(self, **parameters: str) -> None:
        """Deploy with other parameters; mended by those there were."""
        before = self._parameters()
        self._deploy(parameters)
        self.mends.append(lambda: self._deploy({name: before[name] for name in parameters}))

    def put(self, secret: str, text: str) -> None:
        """Put another text into a secret; mended by the one there was."""
        client, arn = self.aws("secretsmanager"), self.outputs[f"{secret}Arn"]
        kept = client.get_secret_value(SecretId=arn)["SecretString"]
        client.put_secret_value(SecretId=arn, SecretString=text)
        self.mends.append(lambda: client.put_secret_value(SecretId=arn, SecretString=kept))

    def alarm(self, name: str, **changes: Any) -> None:
        """Change an alarm; mended by how it was."""
        client, physical = self.aws("cloudwatch"), self.named("AWS::CloudWatch::Alarm", name)
        (found,) = client.describe_alarms(AlarmNames=[physical])["MetricAlarms"]
        model = client.meta.service_model.operation_model("PutMetricAlarm").input_shape
        asked = {part: found[part] for part in model.members if part in found}
        if changes:
            client.put_metric_alarm(**asked | changes)
        else:
            client.delete_alarms(AlarmNames=[physical])
        self.mends.append(lambda: client.put_metric_alarm(**asked))

    def _parameters(self) -> dict[str, str]:
        (stack,) = self.aws("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return {
            # What AWS does not echo is empty, in this stack.
            one["ParameterKey"]: one["ParameterValue"].replace("****", "")
            for one in stack["Parameters"]
        }

    def _deploy(self, changed: Mapping[str, str]) -> None:
        client = self.aws("cloudformation")
        client.update_stack(
            StackName=NAME,
            UsePreviousTemplate=True,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": changed[name]}
                if name in changed
                else {"ParameterKey": name, "UsePreviousValue": True}
                for name in self._parameters()
            ],
        )
        client.get_waiter("stack_update_complete").wait(
            StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE}
        )
        settle(self.emulator, self.outputs)


def settle(emulator: str, found: Mapping[str, str]) -> None:
    """Wait for functions that are pending: the emulator lets them be so for a while."""
    for arn in (arn for name, arn in found.items() if name.endswith("FunctionArn")):
        aws(emulator, "lambda").get_waiter("function_active_v2").wait(
            FunctionName=arn, WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE}
        )


@pytest.fixture(scope="module")
def healthy(emulator: str, built: Path) -> Iterator[tuple[Sns, Mapping[str, str]]]:
    """A stack as it should be."""
    sns = aws(emulator, "sns")
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    queue = aws(emulator, "sqs").create_queue(QueueName="alarms")["QueueUrl"]
    arn = aws(emulator, "sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
    parameters = {
        "Stage": "prod",
        "Routes": ROUTES,
        "SandboxEnabled": "false",
        "TestCode": "",
        "AlarmTopicArn": topic,
        "Countries": "EE GB",
        "DeletionProtection": "true",
    }
    deploy(emulator, built, NAME, parameters)
    found = outputs(emulator, NAME)
    aws(emulator, "sesv2").create_email_identity(EmailIdentity=EMAIL_SENDER)
    aws(emulator, "secretsmanager").put_secret_value(
        SecretId=found["ProvidersSecretArn"], SecretString=json.dumps(SETTINGS)
    )
    dynamodb = aws(emulator, "dynamodb")
    # The emulator's CloudFormation leaves these two parts of the template out.
    switch(dynamodb, found, expiry=True)
    switch(dynamodb, found, backups=True)
    settle(emulator, found)
    stand_in = Sns(emulator)
    yield stand_in, found
    stand_in.close()


def switch(
    dynamodb: Any, found: Mapping[str, str], *, expiry: bool | None = None, backups: bool = True
) -> None:
    """Switch time to live of the sessions, or else recovery of the directory, on or off."""
    if expiry is None:
        dynamodb.update_continuous_backups(
            TableName=found["DirectoryTableName"],
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": backups},
        )
    else:
        dynamodb.update_time_to_live(
            TableName=found["SessionsTableName"],
            TimeToLiveSpecification={"Enabled": expiry, "AttributeName": "expires_at"},
        )


@pytest.fixture
def patient(
    emulator: str,
    healthy: tuple[Sns, Mapping[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Patient]:
    """The stack, with a client and prices; mended after the test."""
    stand_in, found = healthy
    for name, value in {
        **KEYS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": emulator,
        "AWS_ENDPOINT_URL_SNS": stand_in.url,
    }.items():
        monkeypatch.setenv(name, value)
    prices = tmp_path / "prices.csv"
    prices.write_text(PRICES)
    assert main(["prices", "put", str(prices), "--stack", NAME, "--json"]) == 0
    table = found["DirectoryTableName"]
    dynamodb = aws(emulator, "dynamodb")
    if dynamodb.scan(TableName=table)["Count"] == 1:  # the prices
        assert main(["clients", "create", "Shop", "--stack", NAME, "--json"]) == 0
    one = Patient(emulator, stand_in, found, capsys)
    yield one
    for mend in reversed(one.mends):
        mend()


# ------------------------------------------------------------------------------------- The faults


def no_sender(one: Patient) -> None:
    client = one.aws("sesv2")
    client.delete_email_identity(EmailIdentity=EMAIL_SENDER)
    one.mends.append(lambda: client.create_email_identity(EmailIdentity=EMAIL_SENDER))


def sms_sandbox(one: Patient) -> None:
    one.sns.is_in_sandbox = "true"
    one.mends.append(lambda: setattr(one.sns, "is_in_sandbox", "false"))


def little_to_spend(one: Patient) -> None:
    one.sns.spend_limit = "1"
    one.mends.append(lambda: setattr(one.sns, "spend_limit", "100"))


def wrong_settings(one: Patient) -> None:
    one.put("ProvidersSecret", json.dumps({"messente": {"username": "user"}}))


def short_code_key(one: Patient) -> None:
    one.put("CodeKeysSecret", json.dumps({"newest": "a", "a": "short"}))


def no_identity_key(one: Patient) -> None:
    one.put("IdentityKeySecret", "{}")


def alarm_gone(one: Patient) -> None:
    one.alarm("Crashes")


def alarm_silent(one: Patient) -> None:
    one.alarm("Crashes", AlarmActions=[])


def alarm_off(one: Patient) -> None:
    one.alarm("Crashes", ActionsEnabled=False)


def alarm_rings(one: Patient) -> None:
    client, name = one.aws("cloudwatch"), one.named("AWS::CloudWatch::Alarm", "Crashes")
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a test")
    one.mends.append(
        lambda: client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="a test")
    )


def nobody_hears(one: Patient) -> None:
    client, topic = one.aws("sns"), one.aws("sns").create_topic(Name="alarms")["TopicArn"]
    (heard,) = client.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    client.unsubscribe(SubscriptionArn=heard["SubscriptionArn"])
    again = {"TopicArn": topic, "Protocol": heard["Protocol"], "Endpoint": heard["Endpoint"]}
    one.mends.append(lambda: client.subscribe(**again))


def function_shut(one: Patient) -> None:
    client, name = one.aws("lambda"), one.named("AWS::Lambda::Function", "ResendFunction")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    one.mends.append(lambda: client.delete_function_concurrency(FunctionName=name))


def source_off(one: Patient) -> None:
    client = one.aws("lambda")
    uuid = one.named("AWS::Lambda::EventSourceMapping", "TallyFromStream")
    client.update_event_source_mapping(UUID=uuid, Enabled=False)
    one.mends.append(lambda: client.update_event_source_mapping(UUID=uuid, Enabled=True))


def dead_letter(one: Patient) -> None:
    client, url = one.aws("sqs"), one.outputs["ResendDeadLetterQueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="{}")
    one.mends.append(lambda: client.purge_queue(QueueUrl=url))


def nothing_expires(one: Patient) -> None:
    client = one.aws("dynamodb")
    switch(client, one.outputs, expiry=False)
    one.mends.append(lambda: switch(client, one.outputs, expiry=True))


def no_backups(one: Patient) -> None:
    client = one.aws("dynamodb")
    switch(client, one.outputs, backups=False)
    one.mends.append(lambda: switch(client, one.outputs, backups=True))


def unprotected(one: Patient) -> None:
    client, name = one.aws("dynamodb"), one.outputs["DirectoryTableName"]
    client.update_table(TableName=name, DeletionProtectionEnabled=False)
    one.mends.append(lambda: client.update_table(TableName=name, DeletionProtectionEnabled=True))


def nobody_may_call(one: Patient) -> None:
    one.capsys.readouterr()
    assert main(["clients", "list", "--stack", NAME, "--json"]) == 0
    for client in json.loads(one.capsys.readouterr().out):
        assert main(["clients", "revoke", client["client_id"], "--stack", NAME]) == 0
    one.mends.append(lambda: main(["clients", "create", "Shop", "--stack", NAME]))


def no_price(one: Patient) -> None:
    key = {"pk": {"S": "P#prices"}, "sk": {"S": "P"}}
    one.aws("dynamodb").delete_item(TableName=one.outputs["DirectoryTableName"], Key=key)


def wrong_clock(one: Patient) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(doctor, "now", lambda: now() + 600_000)
    one.mends.append(patch.undo)


def guard_off(one: Patient) -> None:
    one.set(GuardMode="off")


def no_bounds(one: Patient) -> None:
    one.set(Countries="")


def sandbox_left(one: Patient) -> None:
    one.set(SandboxEnabled="true")


def code_for_tests_left(one: Patient) -> None:
    one.set(TestCode="123456")


def old_test_destination(one: Patient) -> None:
    one.set(TestDestinations="+12025550100=123456@2020-01-31")


def no_route(one: Patient) -> None:
    one.set(Routes="sms=sns; email=ses; voice=sandbox")


@pytest.mark.parametrize(
    ("plant", "check", "severity"),
    [
        (no_sender, "email_sender", "problem"),
        (sms_sandbox, "sms_sandbox", "problem"),
        (little_to_spend, "sms_spend", "problem"),
        (wrong_settings, "providers", "problem"),
        (short_code_key, "code_keys", "problem"),
        (no_identity_key, "identity_key", "problem"),
        (alarm_gone, "alarms", "problem"),
        (alarm_silent, "alarms", "problem"),
        (alarm_off, "alarms", "problem"),
        (alarm_rings, "ringing", "problem"),
        (nobody_hears, "alarm_topic", "problem"),
        (function_shut, "concurrency", "problem"),
        (source_off, "sources", "problem"),
        (dead_letter, "dead_letters", "problem"),
        (nothing_expires, "expiry", "problem"),
        (no_backups, "backups", "problem"),
        (unprotected, "protection", "warning"),
        (nobody_may_call, "clients", "problem"),
        (no_price, "prices", "warning"),
        (wrong_clock, "clock", "problem"),
        (guard_off, "guard", "problem"),
        (no_bounds, "spending", "warning"),
        (sandbox_left, "back_doors", "problem"),
        (code_for_tests_left, "back_doors", "problem"),
        (old_test_destination, "back_doors", "warning"),
        (no_route, "routes", "problem"),
    ],
)
def test_a_planted_fault_is_found_and_nothing_else(
    patient: Patient, plant: Callable[[Patient], None], check: str, severity: str
) -> None:
    plant(patient)
    found = patient.findings()
    assert [(one["check"], one["severity"]) for one in found] == [(check, severity)], found
    assert patient.status == int(severity == "problem")
    assert found[0]["what"] and found[0]["do"]


def test_of_a_healthy_stack_there_is_nothing_to_say(
    patient: Patient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert patient.findings() == [] and patient.status == 0
    assert main(["doctor", "--stack", NAME]) == 0
    assert capsys.readouterr().out.endswith("checks, nothing to do.\n")


def test_what_cannot_be_asked_is_not_taken_for_fine(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_SNS")  # the emulator has no such answers
    found = patient.findings()
    assert patient.status == 3
    assert [(one["check"], one["severity"]) for one in found] == [
        ("sms_sandbox", "unknown"),
        ("sms_spend", "unknown"),
    ]
    assert all(one["what"].startswith("Could not be looked at: GetSMS") for one in found)
