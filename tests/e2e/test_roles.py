"""The roles hold what the functions need, and nothing more: without any one statement one fails."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.talking import a_number, code_in, start
from tests.e2e.test_flows import age
from tests.local.stack import FUNCTIONS, Credentials, Stack


@dataclass(frozen=True)
class Probe:
    """Uses everything that a function may do, through a fresh process of it.

    Args:
        client: one that may be named in direct invokes; new for each probe, since a function
            remembers those it has read.
    """

    stack: Stack
    client: Credentials

    def invoke(self, function: str, **payload: Any) -> Any:
        answer = self.stack.aws("lambda").invoke(
            FunctionName=self.stack.functions[function],
            Payload=json.dumps({"client": self.client.client_id, **payload}),
        )
        body = json.loads(answer["Payload"].read())
        print(f"{function} {sorted(payload)}: {body}")  # shown when a test fails
        return body

    def begin(self, to: str) -> str:
        """A verification of the probe's client, started by a role that nobody touches now."""
        started = self.stack.call("POST", "/v1/verifications", {"to": to}, by=self.client)
        return str(started.body["id"])


def probe_start(probe: Probe) -> bool:
    key, to = secrets.token_hex(8), a_number()
    answers = [probe.invoke("start", to=to, idempotency_key=key) for _ in range(2)]
    answers += [probe.invoke("start", to=to) for _ in range(4)]
    answers.append(probe.invoke("start", to=f"{secrets.token_hex(4)}@example.org"))
    refused = probe.invoke("start", to=to)
    return (
        all("id" in answer for answer in answers)
        and answers[0]["id"] == answers[1]["id"]
        and refused.get("error", {}).get("code") == "limit_exceeded"
    )


def probe_verify(probe: Probe) -> bool:
    to = a_number()
    verification_id = probe.begin(to)
    code = code_in(probe.stack.texts_to(to)[0])
    answer = probe.invoke("verify", id=verification_id, code=code, to=to)
    return bool(answer.get("valid"))


def probe_lookup(probe: Probe) -> bool:
    to = a_number()
    verification_id = probe.begin(to)
    one, several = probe.invoke("lookup", id=verification_id), probe.invoke("lookup", to=to)
    return one.get("status") == "pending" and len(several.get("verifications", ())) == 1


def probe_delete(probe: Probe) -> bool:
    return bool(probe.invoke("delete", id=probe.begin(a_number())) == {})


def probe_resend(probe: Probe) -> bool:
    sent = []
    for to in (a_number(), f"{secrets.token_hex(4)}@example.org"):
        verification_id = probe.begin(to)
        age(probe.stack, verification_id, 31)
        sent.append(probe.invoke("resend", id=verification_id))
    return [len(answer.get("sends", ())) for answer in sent] == [2, 2]


PROBES: dict[str, Callable[[Probe], bool]] = {
    "start": probe_start,
    "verify": probe_verify,
    "lookup": probe_lookup,
    "delete": probe_delete,
    "resend": probe_resend,
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_without_any_one_statement_of_its_role_a_function_fails(
    stack: Stack, function: str
) -> None:
    iam = stack.aws("iam")
    arn = stack.functions[function]
    role = stack.aws("lambda").get_function_configuration(FunctionName=arn)["Role"].split("/")[-1]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    def works_with(statements: list[dict[str, Any]]) -> bool:
        document = json.dumps(whole | {"Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
        # A configuration, even the same, ends the processes of $LATEST and what they remember.
        stack.aws("lambda").update_function_configuration(FunctionName=arn, Timeout=29)
        return PROBES[function](Probe(stack, stack.client("probe", "--direct-invoke")))

    def works_whole() -> bool:
        # The queue's looks run in the same processes, and changing the configuration kills those
        # in the middle of one. What fails for want of a permission fails three times.
        return any(works_with(whole["Statement"]) for _ in range(3))

    statements = whole["Statement"]
    assert works_whole()
    # The emulator takes from queues by itself, whatever the role: tests/template watches that one.
    tried = [statement for statement in statements if statement["Sid"] != "TakeFromQueue"]
    try:
        needed = {
            statement["Sid"]: not works_with([s for s in statements if s is not statement])
            for statement in tried
        }
    finally:
        assert works_whole()
    print(f"{function}: without {', '.join(needed)} in turn: {list(needed.values())}")
    assert all(needed.values()), needed


def test_no_role_is_shared_and_the_functions_run_under_their_own(stack: Stack) -> None:
    client = stack.aws("lambda")
    roles = {
        client.get_function_configuration(FunctionName=arn)["Role"]
        for arn in stack.functions.values()
    }
    assert len(roles) == len(stack.functions)
    assert start(stack, a_number())["status"] == "pending"
