"""What each function may do: this and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest

from .loading import FUNCTIONS, listed, of_type

SEND = {
    "sns:Publish not arn:${AWS::Partition}:sns:*:*:*",  # to phone numbers, never to a topic
    "ses:SendEmail not arn:${AWS::Partition}:ses:*:*:template/*",  # a client may have its sender
}
ALLOWED = {
    "StartFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:GetItem SessionsTable",
        "dynamodb:PutItem SessionsTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue CodeKeysSecret",
        "secretsmanager:GetSecretValue IdentityKeySecret",
        "sqs:SendMessage ResendQueue",
        *SEND,
    },
    "VerifyFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue CodeKeysSecret",
        "secretsmanager:GetSecretValue IdentityKeySecret",
    },
    "LookupFunction": {
        "dynamodb:BatchGetItem SessionsTable",
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:Query ${SessionsTable.Arn}/index/by_destination",
        "secretsmanager:GetSecretValue IdentityKeySecret",
    },
    "DeleteFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:UpdateItem SessionsTable",
    },
    "ResendFunction": {
        "dynamodb:GetItem DirectoryTable",
        "dynamodb:PutItem SessionsTable",
        "dynamodb:Query SessionsTable",
        "dynamodb:UpdateItem SessionsTable",
        "secretsmanager:GetSecretValue CodeKeysSecret",
        "sqs:DeleteMessage ResendQueue",
        "sqs:GetQueueAttributes ResendQueue",
        "sqs:ReceiveMessage ResendQueue",
        "sqs:SendMessage ResendQueue",
        *SEND,
    },
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


def name_of(resource: Any) -> str:
    if isinstance(resource, dict):
        ((_, value),) = resource.items()
        return str(value[0] if isinstance(value, list) else value)
    return str(resource)


@each_function
def test_a_function_may_do_what_it_needs_and_nothing_else(function: str) -> None:
    found = [
        f"{action} {'not ' if 'NotResource' in statement else ''}{name_of(resource)}"
        for statement in statements(function)
        for action in listed(statement["Action"])
        for resource in listed(statement.get("Resource") or statement["NotResource"])
    ]
    assert sorted(found) == sorted(ALLOWED[function])


@each_function
def test_a_statement_allows_named_actions_on_named_resources(function: str) -> None:
    for statement in statements(function):
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert not [action for action in listed(statement["Action"]) if "*" in action]
        assert "*" not in listed(statement.get("Resource"))


@each_function
def test_each_statement_has_a_name_of_its_own(function: str) -> None:
    names = [statement["Sid"] for statement in statements(function)]
    assert len(set(names)) == len(names)


@each_function
def test_managed_policies_only_write_logs_and_traces(function: str) -> None:
    assert set(role_of(function)["ManagedPolicyArns"]) == MANAGED


def test_nobody_but_the_api_of_the_stack_is_let_in_by_a_permission() -> None:
    for permission in of_type("AWS::Lambda::Permission").values():
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert permission["Action"] == "lambda:InvokeFunction"
        [arn, names] = permission["SourceArn"]["Fn::Sub"]
        assert arn.startswith("arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${__ApiId__}/")
        assert names["__ApiId__"] == {"Ref": "Api"}
