"""docs/client.md and the client in README.md: examples run, tables say what the client does."""

import io
import json
import re
from typing import Any

import pytest
from verification_client import Verdict, Verification, VerificationError, client, errors, lambdas

from tests.docs.conftest import Clients
from tests.docs.sources import CODE, ERRORS, ID, Run, blocks, rows
from tests.template.loading import FUNCTIONS

SHOP = Clients.known.id


class Functions:
    """Lambda's client, with our functions behind it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.called: list[str] = []

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's
        stack_and_name, _, alias = FunctionName.partition(":")
        assert alias == SHOP and stack_and_name.startswith("serverless-verify-")
        name, payload = stack_and_name.removeprefix("serverless-verify-"), json.loads(Payload)
        self.called.append("list" if name == "lookup" and "to" in payload else name)
        if "id" in payload:
            payload["id"] = ID  # each call has a memory of its own: in place of what was started
        said = self._run(name, payload | {"client": alias})
        return {"Payload": io.BytesIO(json.dumps(said).encode())}


@pytest.fixture
def functions(run: Run, monkeypatch: pytest.MonkeyPatch) -> Functions:
    """What clients over Lambda call."""
    functions = Functions(run)
    monkeypatch.setattr(lambdas, "_make_client", lambda timeout: functions)
    return functions


def test_the_examples_run(functions: Functions, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {"verification_id": ID, "code": CODE}
    for block in blocks("docs/client.md", "python"):
        exec(compile(block, "docs/client.md", "exec"), names)  # noqa: S102 - our own
    assert {*functions.called} == {"start", "verify", "resend", "lookup", "list", "delete"}
    assert isinstance(names["verification"], Verification)
    assert isinstance(names["verdict"], Verdict)
    assert "It is theirs." in capsys.readouterr().out.splitlines()


def test_the_example_in_the_readme_runs(
    functions: Functions, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = blocks("README.md", "python")
    exec(compile(block, "README.md", "exec"), {"code": CODE})  # noqa: S102 - our own
    assert functions.called == ["start", "verify"]
    assert capsys.readouterr().out.splitlines()[-1] == "True"


def test_the_policy_names_the_functions_that_are_invoked() -> None:
    (policy,) = map(json.loads, blocks("docs/client.md", "json"))
    named = {resource.partition(":function:")[2] for resource in policy["Resource"]}
    assert named == {f"serverless-verify-{name}:{SHOP}" for name in lambdas._FUNCTIONS.values()}
    owned = {f["FunctionName"]["Fn::Sub"] for f in FUNCTIONS.values() if "FunctionName" in f}
    assert {one.replace("${AWS::StackName}", "serverless-verify") for one in owned} == {
        one.partition(":")[0] for one in named
    }


def below(kind: type[VerificationError]) -> list[type[VerificationError]]:
    return [one for child in kind.__subclasses__() for one in (child, *below(child))]


def test_the_errors_are_those_of_the_client() -> None:
    written = {row[0].strip("`"): row for row in rows("docs/client.md", "Errors")}
    kinds = below(VerificationError)
    assert [*written] == [kind.__name__ for kind in kinds]
    statuses = {error.code: error.status for error in ERRORS.values()}
    for kind in kinds:
        _, code, status, parent = written[kind.__name__]
        assert code == (f"`{kind.code}`" if "code" in vars(kind) else "")
        assert [f"`{base.__name__}`" for base in kind.__bases__] == [parent]
        if kind.code in statuses:  # else it is API Gateway's, nobody's, or of many
            assert int(status) == statuses[kind.code]


def test_the_tree_in_the_code_has_the_same_errors() -> None:
    named = re.findall(r"── (\w+)", errors.__doc__ or "")
    assert named == ["VerificationError", *(kind.__name__ for kind in below(VerificationError))]


def test_the_numbers_are_those_of_the_client() -> None:
    assert [float(row[1]) for row in rows("docs/client.md", "Timeouts and repeats")] == [
        lambdas._CONNECT_SECONDS,
        client.TIMEOUT_SECONDS,
        client.RESEND_TIMEOUT_SECONDS,
        client.TRIES,
        client._DELAY_CAP,
    ]
