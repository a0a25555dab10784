"""What the doctor makes of answers that no emulator gives."""

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from verification.cli import doctor
from verification.cli.__main__ import main
from verification.cli.checks import abuse, alarms, data, deployment, sending
from verification.cli.checks.examined import Check, Examined, Finding, Severity
from verification.errors import TemporarilyUnavailable

from tests.fakes.operator import NOW, Operator

HEALTHY_SES = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": 100.0, "SentLast24Hours": 79.0},
}


class Answers:
    """A client of AWS that gives prepared answers, whatever it is asked."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        answer = self._answers[name]

        def call(**_: Any) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class Stack(Examined):
    """A stack that is described by a test."""

    def __init__(self, answers: Answers | None = None, **facts: Any) -> None:
        vars(self).update({"now": NOW, "outputs": {}, "parameters": {}, **facts})
        self._answers = answers

    def aws(self, service: str) -> Any:
        return self._answers


def found(check: Check, answers: Answers | None = None, **facts: Any) -> list[str]:
    """How much each finding matters; all say what, and what to do."""
    findings = list(check(Stack(answers, **facts)))
    assert all(one.what and one.do for one in findings)
    return [one.severity for one in findings]


@pytest.mark.parametrize(
    ("status", "severities"),
    [
        ("CREATE_COMPLETE", []),
        ("UPDATE_COMPLETE", []),
        ("UPDATE_ROLLBACK_COMPLETE", ["warning"]),
        ("UPDATE_IN_PROGRESS", ["warning"]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", ["warning"]),
        ("ROLLBACK_COMPLETE", ["problem"]),
        ("UPDATE_ROLLBACK_FAILED", ["problem"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", ["problem"]),
        ("CREATE_FAILED", ["problem"]),
        ("DELETE_IN_PROGRESS", ["problem"]),
    ],
)
def test_how_the_last_deployment_went(status: str, severities: list[str]) -> None:
    assert found(deployment.check_stack, stack={"StackStatus": status}) == severities


@pytest.mark.parametrize(
    ("configuration", "severities"),
    [
        ({"State": "Active", "LastUpdateStatus": "Successful"}, []),
        ({"State": "Inactive"}, []),  # not called for weeks: it wakes up by itself
        ({}, []),
        ({"State": "Pending"}, ["warning"]),
        ({"State": "Active", "LastUpdateStatus": "InProgress"}, ["warning"]),
        ({"State": "Failed", "StateReason": "no such image"}, ["problem"]),
        ({"State": "Active", "LastUpdateStatus": "Failed"}, ["problem"]),
    ],
)
def test_functions_that_are_not_what_was_deployed(
    configuration: dict[str, str], severities: list[str]
) -> None:
    assert found(deployment.check_functions, functions={"X": configuration}) == severities


@pytest.mark.parametrize(("limit", "severities"), [(10, ["warning"]), (100, [])])
def test_an_account_with_little_room(limit: int, severities: list[str]) -> None:
    answers = Answers(
        get_account_settings={"AccountLimit": {"UnreservedConcurrentExecutions": limit}}
    )
    assert found(deployment.check_concurrency, answers, functions={}) == severities


@pytest.mark.parametrize(
    ("account", "severities"),
    [
        ({}, []),
        ({"ProductionAccessEnabled": False}, ["problem"]),
        ({"SendingEnabled": False}, ["problem"]),
        ({"EnforcementStatus": "SHUTDOWN"}, ["problem"]),
        ({"SendQuota": {"Max24HourSend": 100.0, "SentLast24Hours": 80.0}}, ["warning"]),
        ({"SendQuota": {"Max24HourSend": -1.0, "SentLast24Hours": 80.0}}, []),
    ],
)
def test_what_ses_says_of_the_account(account: dict[str, Any], severities: list[str]) -> None:
    answers = Answers(get_account=HEALTHY_SES | account)
    assert found(sending.check_email_account, answers, providers={"ses"}) == severities
    assert found(sending.check_email_account, providers={"sns"}) == []


@pytest.mark.parametrize("verified", ["verify@a.b.example.org", "a.b.example.org", "example.org"])
def test_a_sender_is_verified_by_itself_or_by_a_domain_above_it(verified: str) -> None:
    class Ses:
        def get_email_identity(self, EmailIdentity: str) -> Any:  # noqa: N803 botocore's name
            assert "." in EmailIdentity  # not a whole top-level domain
            if EmailIdentity != verified:
                raise ClientError({"Error": {"Code": "NotFoundException"}}, "GetEmailIdentity")
            return {"VerifiedForSendingStatus": True}

    facts = {"providers": {"ses"}, "parameters": {"EmailSender": "verify@a.b.example.org"}}
    assert found(sending.check_email_sender, Ses(), **facts) == []  # type: ignore[arg-type]
    facts["parameters"] = {"EmailSender": "verify@example.net"}
    assert found(sending.check_email_sender, Ses(), **facts) == ["problem"]  # type: ignore[arg-type]


class EndUserMessaging:
    """An account of AWS End User Messaging; kinds whose limit no test names may spend 1 US$."""

    def __init__(self, tier: str, **limits: int) -> None:
        self.describe_account_attributes = lambda: {
            "AccountAttributes": [{"Name": "ACCOUNT_TIER", "Value": tier}]
        }
        self._pages = [
            {
                "SpendLimits": [
                    {
                        "Name": f"{kind}_MESSAGE_MONTHLY_SPEND_LIMIT",
                        "EnforcedLimit": limits.get(kind, 1),
                        "MaxLimit": 100,
                        "Overridden": False,
                    }
                ]
            }
            for kind in ("TEXT", "VOICE", "MEDIA", "NOTIFY", "RCS")
        ]

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_spend_limits"
        return self

    def paginate(self) -> Any:
        return self._pages


@pytest.mark.parametrize(
    ("provider", "kind"), [("aws-sms", "TEXT"), ("aws-voice", "VOICE"), ("aws-notify", "NOTIFY")]
)
def test_what_end_user_messaging_says_of_the_account(provider: str, kind: str) -> None:
    def look(account: EndUserMessaging, *providers: str) -> list[Finding]:
        stack = Stack(account, providers={*providers})  # type: ignore[arg-type]
        return list(sending.check_end_user_messaging(stack))

    assert look(EndUserMessaging("PRODUCTION", **{kind: 100}), provider) == []
    (little,) = look(EndUserMessaging("PRODUCTION"), provider)
    assert little.what.startswith(f"{kind}_MESSAGE_MONTHLY_SPEND_LIMIT ")
    (command,) = re.findall(r"`aws pinpoint-sms-voice-v2 (\S+) --monthly-limit …`", little.do)
    assert command == f"set-{kind.lower()}-message-spend-limit-override"
    # Notify is in no sandbox: its configurations have tiers of their own.
    sandbox = look(EndUserMessaging("SANDBOX", **{kind: 100}), provider)
    assert len(sandbox) == (provider != "aws-notify")
    assert look(EndUserMessaging("SANDBOX"), "sns") == []


def test_the_spend_limits_are_those_that_boto3_knows() -> None:
    model = botocore.session.get_session().get_service_model("pinpoint-sms-voice-v2")
    kinds = sending._SPEND_LIMITS.values()
    names = {f"{kind}_MESSAGE_MONTHLY_SPEND_LIMIT" for kind in kinds}
    assert names <= {*model.shape_for("SpendLimitName").metadata["enum"]}
    commands = {f"Set{kind.title()}MessageSpendLimitOverride" for kind in kinds}
    assert commands <= {*model.operation_names}


def test_a_route_by_ses_wants_a_sender() -> None:
    assert found(sending.check_routes, providers={"ses"}) == ["problem"]


def test_test_destinations_are_a_back_door_in_prod_and_a_reminder_elsewhere() -> None:
    functions = {
        "StartFunction": {
            "Environment": {"Variables": {"TEST_DESTINATIONS": "+12025550100=123456@2099-01-31"}}
        }
    }
    functions["MessageBirdFunction"] = {}
    for stage, severity in (("prod", "problem"), ("dev", "warning")):
        facts: dict[str, Any] = {"functions": functions, "parameters": {"Stage": stage}}
        assert found(sending.check_back_doors, **facts) == [severity]
    functions["StartFunction"]["Environment"]["Variables"]["TEST_DESTINATIONS"] = "nonsense"
    assert found(sending.check_back_doors, functions=functions) == ["problem"]


def test_a_topic_whose_subscription_was_never_confirmed_is_heard_by_nobody() -> None:
    pending = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation"}]}

    class Pages:
        def get_paginator(self, _: str) -> "Pages":
            return self

        def paginate(self, **_: Any) -> Any:
            return [pending]

    facts = {"parameters": {"AlarmTopicArn": "arn:x"}}
    assert found(alarms.check_topic, Pages(), **facts) == ["problem"]  # type: ignore[arg-type]
    assert found(alarms.check_topic) == []  # check_alarms says it


@pytest.mark.parametrize(
    ("table", "severities"),
    [
        ({"TableStatus": "ACTIVE", "StreamSpecification": {"StreamEnabled": True}}, []),
        ({"TableStatus": "ACTIVE"}, ["problem"]),
        (
            {"TableStatus": "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "StreamSpecification": {}},
            ["problem", "problem", "problem"],
        ),
    ],
)
def test_tables_that_cannot_be_used(table: dict[str, Any], severities: list[str]) -> None:
    names = {"SessionsTableName": "s", "DirectoryTableName": "d"}
    answers = Answers(describe_table={"Table": table})
    assert found(data.check_stream, answers, outputs=names) == severities


def test_a_time_to_live_by_another_attribute_deletes_the_wrong_things() -> None:
    ttl = {"TimeToLiveStatus": "ENABLED", "AttributeName": "created_at"}
    answers = Answers(describe_time_to_live={"TimeToLiveDescription": ttl})
    outputs = {"SessionsTableName": "s"}
    assert found(data.check_expiry, answers, outputs=outputs) == ["problem"]


@pytest.mark.parametrize("budget", ["StackCost", "ClientCost"])
def test_missing_prices_are_worse_where_a_budget_counts_on_them(
    monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    monkeypatch.setattr(abuse, "without_prices", lambda arguments: ["sns sms"])
    assert found(abuse.check_prices, arguments=None) == ["warning"]
    facts: dict[str, Any] = {"arguments": None, "parameters": {budget: "5"}}
    assert found(abuse.check_prices, **facts) == ["problem"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": "secret words"}}, "GetAccount"),
        EndpointConnectionError(endpoint_url="http://x"),
        TemporarilyUnavailable(),
        KeyError("Routes"),
    ],
)
def test_what_cannot_be_asked_is_unknown_and_nothing_is_taken_for_fine(error: Exception) -> None:
    stack = Stack(Answers(get_account=error), providers={"ses"})
    (finding,) = doctor._look(sending.check_email_account, stack)
    assert finding.severity == Severity.UNKNOWN
    assert finding.what.startswith("Could not be looked at: ") and "secret" not in finding.what


def test_a_stack_of_others_is_none_of_ours(operator: Operator) -> None:
    assert operator.fails("doctor", "--stack", "bare") == "The stack bare is not one of ours."


@pytest.mark.parametrize(
    "functions",
    [
        {},
        {"MessageBirdFunction": {}},  # but not the other
        {"MessageBirdFunction": {"Environment": {"Error": {"ErrorCode": "KMSAccessDenied"}}}},
        {"MessageBirdFunction": {"Environment": {"Error": {"Message": "secret words"}}}},
    ],
)
def test_an_environment_that_nobody_could_read_is_unknown(functions: Any) -> None:
    (finding,) = doctor._look(sending.check_back_doors, Stack(functions=functions))
    assert finding.severity == Severity.UNKNOWN and "Function" in finding.what
    assert "secret" not in finding.what


def test_a_function_without_an_environment_has_no_settings() -> None:
    assert Stack(functions={"X": {}}).settings("X").optional("TEST_CODE") is None


@pytest.mark.parametrize(
    ("severities", "status"),
    [
        ([], 0),
        (["warning"], 0),
        (["unknown", "warning"], 3),
        (["unknown", "problem"], 1),
    ],
)
def test_it_ends_with_what_it_found(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, severities: list[str], status: int
) -> None:
    def check(_: Examined) -> Iterator[Finding]:
        yield from (Finding(Severity(one), "What.", "do") for one in severities)

    monkeypatch.setattr(doctor, "CHECKS", (("one", check),))
    assert main(["doctor"]) == status


def test_it_is_no_success_to_have_looked_at_nothing(
    operator: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "Anything")

    class Refusing:
        def __getattr__(self, _: str) -> Any:
            return refuse

    stacks = operator.stacks
    operator.clients |= dict.fromkeys(["lambda", "sqs", "sns", "cloudwatch"], Refusing())
    operator.clients |= dict.fromkeys(["dynamodb", "secretsmanager"], Refusing())
    stacks.get_paginator = refuse  # type: ignore[attr-defined]
    assert main(["doctor", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)["findings"]
    assert len([one for one in found if one["severity"] == "unknown"]) > 15
