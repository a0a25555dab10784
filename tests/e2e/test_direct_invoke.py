"""Another stack's function invokes ours: IAM is the credential."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.talking import a_number, code_in, wrong
from tests.local.stack import Stack

TEMPLATE = Path(__file__).with_name("caller") / "template.yaml"

type Call = Callable[[str, Any], Any]


@pytest.fixture(scope="module")
def deploy_caller(stack: Stack) -> Callable[[list[str]], Call]:
    """Deploy a stack whose function may invoke these functions; the way to call it."""

    def deploy(allowed: list[str]) -> Call:
        name = f"caller-{secrets.token_hex(4)}"
        cloudformation = stack.aws("cloudformation")
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=TEMPLATE.read_text(),
            Parameters=[{"ParameterKey": "Allowed", "ParameterValue": ",".join(allowed)}],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1}
        )
        outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
        (arn,) = (output["OutputValue"] for output in outputs)

        def call(function: str, payload: Any) -> Any:
            event = json.dumps({"function": function, "payload": payload})
            answer = stack.aws("lambda").invoke(FunctionName=arn, Payload=event)
            return json.loads(answer["Payload"].read())

        return call

    return deploy


@pytest.fixture(scope="module")
def call(stack: Stack, deploy_caller: Callable[[list[str]], Call]) -> Call:
    """Call any of our functions, without an alias."""
    return deploy_caller(list(stack.functions.values()))


def test_a_named_client_does_the_whole_flow(stack: Stack, call: Call) -> None:
    client = stack.client("direct", "--direct-invoke").client_id
    to = a_number()

    def ours(function: str, **payload: Any) -> Any:
        return call(stack.functions[function], {"client": client, **payload})["answer"]

    key = secrets.token_hex(8)
    started = ours("start", to=to, idempotency_key=key, metadata={"a": "1"})
    assert (started["status"], started["to"]) == ("pending", to)
    assert ours("start", to=to, idempotency_key=key, metadata={"a": "1"}) == started
    (text,) = stack.texts_to(to)
    code = code_in(text)
    assert ours("verify", id=started["id"], code=wrong(code))["reason"] == "incorrect"
    assert ours("resend", id=started["id"])["error"]["code"] == "resend_too_early"
    assert ours("verify", id=started["id"], code=code, to=to)["valid"] is True
    assert ours("lookup", id=started["id"], masked=True)["status"] == "verified"
    listed = ours("lookup", to=to, limit=1)["verifications"]
    assert [verification["id"] for verification in listed] == [started["id"]]
    assert ours("delete", id=started["id"]) == {}
    assert ours("lookup", id=started["id"])["status"] == "canceled"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, "unauthorized"),
        ({"client": "nobody-aaaaaaaa"}, "unauthorized"),
        ({"client": 7}, "unauthorized"),
        ({"client": None}, "unauthorized"),
        ([], "invalid_request"),
        ("text", "invalid_request"),
        (None, "invalid_request"),
        ({"Records": 5}, "unauthorized"),
    ],
)
def test_a_payload_that_names_no_client_is_refused(
    stack: Stack, call: Call, payload: Any, code: str
) -> None:
    for function in stack.functions.values():
        assert call(function, payload)["answer"]["error"]["code"] == code


def test_a_client_that_is_not_marked_cannot_be_named(stack: Stack, call: Call) -> None:
    payload = {"client": stack.client_id, "to": a_number()}
    answer = call(stack.functions["start"], payload)["answer"]
    assert (answer["error"]["code"], answer["error"]["status"]) == ("unauthorized", 401)


def test_errors_are_plain_json_under_a_key_of_their_own(stack: Stack, call: Call) -> None:
    client = stack.client("direct", "--direct-invoke").client_id
    answer = call(stack.functions["start"], {"client": client, "to": "x", "unknown": 1})["answer"]
    assert list(answer) == ["error"]
    assert answer["error"]["status"] == 422
    assert [fault["field"] for fault in answer["error"]["errors"]] == ["unknown"]


def test_an_alias_named_after_a_client_is_that_client_and_iam_scopes_it(
    stack: Stack, deploy_caller: Callable[[list[str]], Call]
) -> None:
    mine, other = stack.client("aliased"), stack.client("other", "--direct-invoke")
    aliases = {}
    for name in ("start", "verify"):
        aliases[name] = stack.aws("lambda").create_alias(
            FunctionName=stack.functions[name], Name=mine.client_id, FunctionVersion="$LATEST"
        )["AliasArn"]
    call = deploy_caller(list(aliases.values()))
    to = a_number()

    started = call(aliases["start"], {"to": to})["answer"]
    assert stack.call("GET", f"/v1/verifications/{started['id']}", by=mine).status == 200
    code = code_in(stack.texts_to(to)[0])
    payload = {"client": mine.client_id, "id": started["id"], "code": code}
    assert call(aliases["verify"], payload)["answer"]["valid"] is True

    lie = call(aliases["start"], {"client": other.client_id, "to": to})["answer"]
    assert lie["error"]["code"] == "unauthorized"
    refused = call(stack.functions["start"], {"client": other.client_id, "to": to})
    assert refused == {"refused": "AccessDeniedException"}
