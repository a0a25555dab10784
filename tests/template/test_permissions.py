"""What each function may do: this and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest

from .loading import FUNCTIONS, listed, of_type

SEND = {
    "end-user-messaging:SendNotifyCodeVerification *",
    "sms-voice:SendTextMessage *",
    "sms-voice:SendVoiceMessage *",
    "sns:Publish not arn:${AWS::Partition}:sns:*:*:*",  # to phone numbers, never to a topic
    "ses:SendEmail not arn:${AWS::Partition}:ses:*:*:template/*",  # a client may have its sender
}
SEND_SMS = {one for one in SEND if not one.startswith(("ses:", "sms-voice:SendVoice"))}
# What start and verify may do, of which each of the drop-in APIs does both.
START_AND_VERIFY = {
    "dynamodb:GetItem DirectoryTable",
    "dynamodb:UpdateItem DirectoryTable",
    "dynamodb:BatchGetItem SessionsTable",
    "dynamodb:GetItem SessionsTable",
    "dynamodb:PutItem SessionsTable",
    "dynamodb:Query SessionsTable",
    "dynamodb:UpdateItem SessionsTable",
    "end-user-messaging:ValidateNotifyCodeVerification *",
    "secretsmanager:GetSecretValue CodeKeysSecret",
    "secretsmanager:GetSecretValue IdentityKeySecret",
    "secretsmanager:GetSecretValue ProvidersSecret",
    "sqs:GetQueueAttributes ResendQueue",
    "sqs:SendMessage ResendQueue",
}
ALLOWED = {
    "StartFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:UpdateItem DirectoryTable",
        "dynamodb:BatchGetItem SessionsTable",
        "dynamodb:GetItem SessionsTable",
        "dynamodb:PutItem SessionsTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue CodeKeysSecret",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "secretsmanager:GetSecretValue ProvidersSecret",
        "sqs:GetQueueAttributes ResendQueue",
        "sqs:SendMessage ResendQueue",
        *SEND,
    },
    "VerifyFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:UpdateItem DirectoryTable",
        "dynamodb:UpdateItem SessionsTable",
        "end-user-messaging:ValidateNotifyCodeVerification *",
        "secretsmanager:GetSecretValue CodeKeysSecret",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "secretsmanager:GetSecretValue ProvidersSecret",
    },
    "LookupFunction": {
        "dynamodb:BatchGetItem SessionsTable",
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:UpdateItem DirectoryTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:Query ${SessionsTable.Arn}/index/by_destination",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue IdentityKeySecret",
    },
    "DeleteFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:UpdateItem DirectoryTable",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue ProvidersSecret",
    },
    "ResendFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:UpdateItem DirectoryTable",
        "dynamodb:PutItem SessionsTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue CodeKeysSecret",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "secretsmanager:GetSecretValue ProvidersSecret",
        "sms-voice:PutMessageFeedback "
        "arn:${AWS::Partition}:sms-voice:${AWS::Region}:${AWS::AccountId}:message/*",
        "sqs:DeleteMessage ResendQueue",
        "sqs:GetQueueAttributes ResendQueue",
        "sqs:ReceiveMessage ResendQueue",
        "sqs:SendMessage ResendQueue",
        *SEND,
    },
    "PageFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:PutItem SessionsTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:UpdateItem SessionsTable",
        "end-user-messaging:ValidateNotifyCodeVerification *",
        "secretsmanager:GetSecretValue CodeKeysSecret",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "secretsmanager:GetSecretValue ProvidersSecret",
        "sqs:GetQueueAttributes ResendQueue",
        "sqs:SendMessage ResendQueue",
        *SEND,
    },
    "MessenteFunction": {
        *START_AND_VERIFY,
        "dynamodb:DeleteItem SessionsTable",
        *SEND_SMS,
    },
    "MessageBirdFunction": {*START_AND_VERIFY, *SEND},
    "VerigatorFunction": {
        *(START_AND_VERIFY - {"dynamodb:Query SessionsTable"}),
        "dynamodb:BatchWriteItem DirectoryTable",
        "dynamodb:ConditionCheckItem DirectoryTable",
        "dynamodb:DeleteItem DirectoryTable",
        "dynamodb:PutItem DirectoryTable",
        "dynamodb:Query DirectoryTable",
        "dynamodb:Query ${SessionsTable.Arn}/index/by_destination",
        *SEND_SMS,
    },
    "ReportsFunction": {
        "dynamodb:GetItem SessionsTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "sqs:GetQueueAttributes ResendQueue",
        "sqs:SendMessage ReportsDeadLetterQueue",
        "sqs:SendMessage ResendQueue",
    },
    "TallyFunction": {
        "dynamodb:BatchGetItem SessionsTable",
        "dynamodb:DescribeStream SessionsTable",
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:GetRecords SessionsTable",
        "dynamodb:GetShardIterator SessionsTable",
        "dynamodb:ListStreams ${SessionsTable.Arn}/stream/*",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "sqs:SendMessage TallyDeadLetterQueue",
    },
    "EventsFunction": {
        "dynamodb:DescribeStream SessionsTable",
        "dynamodb:GetRecords SessionsTable",
        "dynamodb:GetShardIterator SessionsTable",
        "dynamodb:ListStreams ${SessionsTable.Arn}/stream/*",
        "dynamodb:Query SessionsTable",
        "dynamodb:UpdateItem SessionsTable",
        "events:PutEvents EventBus",
        "sqs:DeleteMessage EndsQueue",
        "sqs:GetQueueAttributes EndsQueue",
        "sqs:ReceiveMessage EndsQueue",
        "sqs:SendMessage EndsQueue",
        "sqs:SendMessageBatch EndsQueue",
        "sqs:SendMessage EventsDeadLetterQueue",
    },
    "WebhooksFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:Query DirectoryTable",
        "dynamodb:UpdateItem DirectoryTable",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "sqs:DeleteMessage WebhooksQueue",
        "sqs:GetQueueAttributes WebhooksDeadLetterQueue",
        "sqs:GetQueueAttributes WebhooksQueue",
        "sqs:ReceiveMessage WebhooksQueue",
        "sqs:SendMessage WebhooksDeadLetterQueue",
        "sqs:SendMessage WebhooksQueue",
    },
}
# Which items of the directory each reads: of clients, prices, and services with their users. By one
# statement: of two for one action on one table, an emulator that heeds no conditions needs but one,
# and tests/e2e could not show that it takes both.
READ = {
    "StartFunction": ["C#*", "P#*"],
    "VerifyFunction": ["C#*", "S#*"],
    "LookupFunction": ["C#*"],
    "DeleteFunction": ["C#*"],
    "ResendFunction": ["C#*", "P#*"],
    "PageFunction": ["C#*", "P#*"],
    "MessenteFunction": ["C#*", "P#*", "S#*"],
    "MessageBirdFunction": ["C#*", "P#*", "S#*"],
    "VerigatorFunction": ["C#*", "P#*", "S#*"],
    "ReportsFunction": [],
    "TallyFunction": ["P#*"],
    "EventsFunction": [],
    "WebhooksFunction": ["C#*"],
}
# And which it changes: when secrets were used, by all who check any; services and their users.
CHANGED = {function: ["K#*"] if items else [] for function, items in READ.items()} | {
    "PageFunction": [],  # nobody shows it a secret
    "VerifyFunction": ["K#*", "S#*"],
    "MessenteFunction": ["K#*", "S#*"],
    "MessageBirdFunction": ["K#*", "S#*"],
    "VerigatorFunction": ["K#*", "N#*", "S#*"],
    "WebhooksFunction": ["W#*"],
    "TallyFunction": [],
}
# Of these AWS knows no resources, or only numbers and pools, which a provider's settings name.
ANYWHERE = {
    "end-user-messaging:SendNotifyCodeVerification",
    "end-user-messaging:ValidateNotifyCodeVerification",
    "sms-voice:SendTextMessage",
    "sms-voice:SendVoiceMessage",
}

# SAM's own: each writes logs and traces.
MANAGED = {
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
}

each_function = pytest.mark.parametrize("function", FUNCTIONS)


def role_of(function: str) -> dict[str, Any]:
    return of_type("AWS::IAM::Role")[FUNCTIONS[function]["Role"]["Fn::GetAtt"][0]]


def statements(function: str) -> Iterator[dict[str, Any]]:
    for policy in role_of(function)["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


@each_function
def test_a_function_reads_clients_and_writes_none_of_them(function: str) -> None:
    """Their partitions begin with C#, with P# the one of prices, which operators alone write."""
    read, changed = set[str](), set[str]()
    for statement in statements(function):
        if any(name_of(one) == "DirectoryTable" for one in listed(statement.get("Resource"))):
            [(operator, keys)] = statement["Condition"].items()
            assert operator == "ForAllValues:StringLike"
            reads = listed(statement["Action"]) == ["dynamodb:GetItem"]
            (read if reads else changed).update(listed(keys["dynamodb:LeadingKeys"]))
    assert (sorted(read), sorted(changed)) == (READ[function], CHANGED[function])


def name_of(resource: Any) -> str:
    if isinstance(resource, dict):
        ((_, value),) = resource.items()
        return str(value[0] if isinstance(value, list) else value)
    return str(resource)


@each_function
def test_a_function_may_do_what_it_needs_and_nothing_else(function: str) -> None:
    found = {  # of one table twice, where conditions on the items differ
        f"{action} {'not ' if 'NotResource' in statement else ''}{name_of(resource)}"
        for statement in statements(function)
        for action in listed(statement["Action"])
        for resource in listed(statement.get("Resource") or statement["NotResource"])
    }
    assert found == ALLOWED[function]


def test_devices_are_all_that_the_api_with_secrets_in_its_urls_may_delete() -> None:
    [statement] = [s for s in statements("MessenteFunction") if s["Sid"] == "ForgetDevices"]
    keys = {"dynamodb:LeadingKeys": ["T#*"]}
    assert statement["Condition"] == {"ForAllValues:StringLike": keys}


def test_lookup_may_change_what_the_mark_of_a_used_result_names_and_no_more() -> None:
    [statement] = [s for s in statements("LookupFunction") if s["Sid"] == "UseResultOfPage"]
    attributes = ["pk", "sk", "expires_at", "return_url", "result_key"]
    assert statement["Condition"] == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["V#*"]},
        "ForAllValues:StringEquals": {"dynamodb:Attributes": attributes},
    }


def test_the_tally_reads_limits_and_no_verifications() -> None:
    [statement] = [s for s in statements("TallyFunction") if s["Sid"] == "ReadBudgets"]
    keys = {"dynamodb:LeadingKeys": ["L#*"]}
    assert statement["Condition"] == {"ForAllValues:StringLike": keys}


def test_the_tally_takes_from_the_stream_of_its_table_alone() -> None:
    [statement] = [s for s in statements("TallyFunction") if s["Sid"] == "TakeFromStream"]
    assert statement["Resource"] == {"Fn::GetAtt": ["SessionsTable", "StreamArn"]}


@each_function
def test_a_statement_allows_named_actions_on_named_resources(function: str) -> None:
    for statement in statements(function):
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        if "*" in listed(statement.get("Resource")):
            assert set(listed(statement["Action"])) <= ANYWHERE


@each_function
def test_each_statement_has_a_name_of_its_own(function: str) -> None:
    names = [statement["Sid"] for statement in statements(function)]
    assert len(set(names)) == len(names)


@each_function
def test_managed_policies_only_write_logs_and_traces(function: str) -> None:
    assert set(role_of(function)["ManagedPolicyArns"]) == MANAGED


def test_nobody_is_let_in_by_a_permission_but_the_apis_and_what_brings_reports() -> None:
    others = []
    for permission in of_type("AWS::Lambda::Permission").values():
        assert permission["Action"] == "lambda:InvokeFunction"
        function, principal = permission["FunctionName"]["Ref"], permission["Principal"]
        if principal == "apigateway.amazonaws.com":
            [arn, names] = permission["SourceArn"]["Fn::Sub"]
            assert arn.startswith(
                "arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/"
            )
            reports = function == "ReportsFunction"
            assert names["__ApiId__"] == {"Ref": "ReportsApi" if reports else "Api"}
        else:
            others.append((function, principal, permission["SourceArn"]))
    groups = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:sns/*"
    rule = "ReportsFunctionFromEventBridge"
    assert sorted(others, key=str) == [
        ("ReportsFunction", "events.amazonaws.com", {"Fn::GetAtt": [rule, "Arn"]}),
        ("ReportsFunction", "logs.amazonaws.com", {"Fn::Sub": groups}),
        ("ReportsFunction", "sns.amazonaws.com", {"Ref": "ReportsTopic"}),
    ]
