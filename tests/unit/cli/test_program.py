"""What all commands do: wrong lines change nothing, an error is one sentence."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from verification.cli.__main__ import main

from tests.fakes.operator import Operator


def test_a_stack_of_others_is_named(operator: Operator) -> None:
    assert operator.fails("list", "--stack", "bare") == "The stack bare is not one of ours."


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://x"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan"),
    ],
)
def test_an_error_of_aws_is_one_sentence(operator: Operator, error: Exception) -> None:
    operator.dynamodb.failing = error
    assert operator.fails("list") == str(error)


def test_without_a_region_and_with_an_address_that_is_none_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for region, address, says in (
        ("", "http://127.0.0.1:1", "Say which region: set AWS_DEFAULT_REGION."),
        ("eu-west-1", "foo", "Invalid endpoint: foo"),
    ):
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert main(["list"]) == 1
        assert capsys.readouterr().err == f"{says}\n"


def test_an_interrupt_is_no_fault(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    operator.dynamodb.failing = KeyboardInterrupt()
    assert main(["list"]) == 130
    assert capsys.readouterr().err.startswith("Interrupted; ")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["create"],
        ["destroy", "x"],
        ["create", "x", "--brand", ""],
        ["create", "x", "--brand", "  "],
        ["create", "x", "--brand", "x" * 21],
        ["create", "x", "--brand", "a\nb"],
        ["rotate", "x", "--overlap", "1"],
        ["rotate", "x", "--overlap", "1w"],
        ["rotate", "x", "--overlap", "-1h"],
        ["create", "x", "--network", "192.0.2.1/24"],
        ["create", "x", "--network", "example.com"],
        ["create", "x", "--sender", "My Shop"],
        ["create", "x", "--sender", "12345"],
        ["create", "x", "--sender", "a\n@example.com"],
        ["create", "x", "--any-network"],
        ["allow"],
        ["allow", "x", "--network", "192.0.2.0/24", "--any-network"],
        ["allow", "x", "--sender", "Shop", "--any-sender"],
        ["allow", "x", "--scope", "start", "--all-scopes"],
        ["create", "x", "--scope", "send"],
        ["create", "x", "--scope", ""],
        ["create", "x", "--all-scopes"],
        ["devices"],
        ["devices", "revoke", "x"],
        ["devices", "revoke", "x", "--to", "0612345678"],
        ["devices", "revoke", "--to", "+31612345678"],
        ["services"],
        ["services", "list"],
        ["services", "delete", "x"],
        ["sandbox"],
        ["erase"],
        ["erase", "--to", "0612345678"],
        ["erase", "--to", "ann"],
        ["erase", "--to", "+31612345678", "--table", "mine"],  # it takes both tables
        ["budgets", "--table", "mine"],
        ["prices"],
        ["prices", "put"],
        ["prices", "show", "--table", "mine"],
        ["show"],
        ["providers"],
        ["providers", "put"],
    ],
)
def test_a_wrong_command_line_is_refused_and_changes_nothing(
    operator: Operator, argv: list[str]
) -> None:
    assert operator.refused(*argv)
    assert operator.dynamodb.table_names == set()
