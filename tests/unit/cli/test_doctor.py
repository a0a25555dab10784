"""What the doctor makes of answers that no emulator gives."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from verification.cli import doctor
from verification.cli.checks import abuse, alarms, data, deployment, sending
from verification.cli.checks.examined import Check, Examined, Severity
from verification.errors import TemporarilyUnavailable
from verification.settings import Settings

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


@pytest.mark.parametrize("verified", ["verify@example.org", "example.org"])
def test_a_sender_is_verified_by_itself_or_by_its_domain(verified: str) -> None:
    class Ses:
        def get_email_identity(self, EmailIdentity: str) -> Any:  # noqa: N803 botocore's name
            if EmailIdentity != verified:
                raise ClientError({"Error": {"Code": "NotFoundException"}}, "GetEmailIdentity")
            return {"VerifiedForSendingStatus": True}

    facts = {"providers": {"ses"}, "parameters": {"EmailSender": "verify@example.org"}}
    assert found(sending.check_email_sender, Ses(), **facts) == []  # type: ignore[arg-type]
    facts["parameters"] = {"EmailSender": "verify@example.net"}
    assert found(sending.check_email_sender, Ses(), **facts) == ["problem"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tier", "limit", "severities"),
    [
        ("PRODUCTION", 100, []),
        ("SANDBOX", 100, ["problem"]),
        ("PRODUCTION", 1, ["problem"]),
    ],
)
def test_what_end_user_messaging_says_of_the_account(
    tier: str, limit: int, severities: list[str]
) -> None:
    attribute = {"Name": "ACCOUNT_TIER", "Value": tier}
    answers = Answers(
        describe_account_attributes={"AccountAttributes": [attribute]},
        describe_spend_limits={"SpendLimits": [{"Name": "X", "EnforcedLimit": limit}]},
    )
    check = sending.check_end_user_messaging
    assert found(check, answers, providers={"aws-sms"}) == severities
    assert found(check, answers, providers={"sns"}) == []


def test_a_route_by_ses_wants_a_sender() -> None:
    assert found(sending.check_routes, providers={"ses"}) == ["problem"]


def test_test_destinations_are_a_back_door_in_prod_and_a_reminder_elsewhere() -> None:
    functions = {
        "StartFunction": {
            "Environment": {"Variables": {"TEST_DESTINATIONS": "+12025550100=123456@2099-01-31"}}
        }
    }
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


def test_the_environment_of_a_function_that_is_not_there_is_empty() -> None:
    assert isinstance(Stack(functions={}).settings("X"), Settings)
    assert Stack(functions={}).settings("X").optional("TEST_CODE") is None
