"""What all commands do: wrong lines change nothing, an error is one sentence."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from verification.cli.__main__ import main

from tests.fakes.operator import Operator


def test_a_stack_of_others_is_named(operator: Operator) -> None:
    assert (
        operator.fails("clients", "list", "--stack", "bare") == "The stack bare is not one of ours."
    )


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://x"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan"),
    ],
)
def test_an_error_of_aws_is_one_sentence(operator: Operator, error: Exception) -> None:
    operator.dynamodb.failing = error
    assert operator.fails("clients", "list") == str(error)


def test_without_a_region_and_with_an_address_that_is_none_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for region, address, says in (
        ("", "http://127.0.0.1:1", "Say which region: set AWS_DEFAULT_REGION."),
        ("eu-west-1", "foo", "Invalid endpoint: foo"),
    ):
        monkeypatch.setenv("AWS_DEFAULT_REGION", region)
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        assert main(["clients", "list"]) == 1
        assert capsys.readouterr().err == f"{says}\n"


def test_an_interrupt_is_no_fault(operator: Operator, capsys: pytest.CaptureFixture[str]) -> None:
    operator.dynamodb.failing = KeyboardInterrupt()
    assert main(["clients", "list"]) == 130
    assert capsys.readouterr().err.startswith("Interrupted; ")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["clients", "create"],
        ["destroy", "x"],
        ["clients", "create", "x", "--brand", ""],
        ["clients", "create", "x", "--brand", "  "],
        ["clients", "create", "x", "--brand", "x" * 21],
        ["clients", "create", "x", "--brand", "a\nb"],
        ["clients", "rotate", "x", "--overlap", "1"],
        ["clients", "rotate", "x", "--overlap", "1w"],
        ["clients", "rotate", "x", "--overlap", "-1h"],
        ["clients", "create", "x", "--network", "192.0.2.1/24"],
        ["clients", "create", "x", "--network", "example.com"],
        ["clients", "create", "x", "--sender", "My Shop"],
        ["clients", "create", "x", "--sender", "12345"],
        ["clients", "create", "x", "--sender", "a\n@example.com"],
        ["clients", "create", "x", "--any-network"],
        ["clients", "allow"],
        ["clients", "allow", "x", "--network", "192.0.2.0/24", "--any-network"],
        ["clients", "allow", "x", "--sender", "Shop", "--any-sender"],
        ["clients", "allow", "x", "--scope", "start", "--all-scopes"],
        ["clients", "create", "x", "--scope", "send"],
        ["clients", "create", "x", "--scope", ""],
        ["clients", "create", "x", "--all-scopes"],
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
