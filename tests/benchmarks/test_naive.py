"""The baseline answers as we do: else its figures would be those of something else."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.builds import FUNCTIONS, VARIANTS
from benchmarks.runtime import Reply
from benchmarks.world import World, a_number
from tests.local import ROOT

OTHER = "another-secret-of-somebody-else-entirely-0123"
# They differ from call to call; of faults, and of texts, the words are each one's own.
_OWN = ("id", "created_at", "valid_until", "at", "request_id", "to", "message", "title")


def comparable(reply: Reply) -> Any:
    """An answer without what differs from call to call."""
    return reply.status, _without(reply.content)


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: name if name in _OWN else _without(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_without(one) for one in value]
    return value


def flow(world: World, variant: str) -> dict[str, Any]:
    """What a whole flow is answered, step by step."""
    number, answers = a_number(), {}
    fields = {"to": number, "reference": "order-1", "metadata": {"shop": "7"}, "max_attempts": 3}
    with world.function(variant, "start") as start, world.function(variant, "verify") as verify:

        def asked(function: Any, step: str, event: Any) -> Reply:
            reply: Reply = function.invoke(event)
            answers[step] = comparable(reply)
            return reply

        path = "/v1/verifications"
        refused = world.event("POST", path, fields, secret=OTHER)
        asked(start, "start, wrong secret", refused)
        asked(start, "start, no number", world.start_event("12"))
        asked(start, "start, no field", world.event("POST", path, {}))
        odd = {"to": number, "code_length": 3, "unknown": 1}
        asked(start, "start, bad fields", world.event("POST", path, odd))
        assert not world.vendor.messages_to(number)
        id_ = asked(start, "start", world.event("POST", path, fields)).content["id"]
        code = world.code_to(number)
        assert len(world.vendor.messages_to(number)) == 1
        wrong = "111111" if code != "111111" else "222222"
        asked(verify, "verify, unknown id", world.verify_event("nothing-of-the-kind", code))
        asked(verify, "verify, no code", world.verify_event(id_, "12a"))
        refused = world.event(
            "POST", f"{path}/{{id}}/verify", {"code": code}, id_=id_, secret=OTHER
        )
        asked(verify, "verify, wrong secret", refused)
        asked(verify, "wrong guess", world.verify_event(id_, wrong))
        asked(verify, "right guess", world.verify_event(id_, code))
        asked(verify, "guess after success", world.verify_event(id_, code))

        other = a_number()
        id_ = asked(start, "another start", world.start_event(other)).content["id"]
        code = world.code_to(other)
        wrong = "111111" if code != "111111" else "222222"
        for number_of in range(1, 7):
            asked(verify, f"wrong guess {number_of} of 5", world.verify_event(id_, wrong))
        asked(verify, "right guess after five", world.verify_event(id_, code))
    return answers


@pytest.fixture(scope="session")
def ours(world: World) -> dict[str, Any]:
    return flow(world, "ours")


def test_the_flow_has_all_the_answers_that_there_are(ours: dict[str, Any]) -> None:
    statuses = {step: status for step, (status, _) in ours.items()}
    assert statuses["start"] == 201
    assert statuses["right guess"] == statuses["wrong guess"] == 200
    assert set(statuses.values()) == {200, 201, 401, 404, 422}
    assert ours["right guess"][1]["valid"] and not ours["wrong guess"][1]["valid"]


@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if variant != "ours"])
def test_the_baseline_answers_as_we_do(world: World, ours: dict[str, Any], variant: str) -> None:
    theirs = flow(world, variant)
    assert theirs.keys() == ours.keys()
    assert {step: answer for step, answer in theirs.items() if answer != ours[step]} == {}


def test_an_answer_that_differs_is_seen() -> None:
    def reply(body: str) -> Reply:
        moment: Any = None
        return Reply({"statusCode": 200, "body": body}, moment, moment, 0)

    assert comparable(reply('{"id": "a", "valid": true}')) == comparable(
        reply('{"id": "b", "valid": true}')
    )
    for other in ('{"id": "a", "valid": false}', '{"valid": true}', '{"id": "a"}'):
        assert comparable(reply('{"id": "a", "valid": true}')) != comparable(reply(other))


def test_a_function_sees_nothing_of_this_virtual_environment(
    world: World,
) -> None:
    for variant in VARIANTS:
        for function in FUNCTIONS:
            with world.function(variant, function, first=world.event("GET", "/nowhere")) as one:
                one.reply()
                maps = Path(f"/proc/{one.process.pid}/maps").read_text()
            assert "site-packages" not in maps
            assert str(world.runtime) in maps


def test_the_baseline_has_the_same_packages_at_the_same_versions() -> None:
    def pins(path: str) -> dict[str, str]:
        lines = (ROOT / path).read_text().splitlines()
        found = (line.split("#")[0].strip(" \\").partition("==") for line in lines)
        return {name: version for name, _, version in found if version}

    ours, theirs = (
        pins("layers/dependencies/requirements.txt"),
        pins("benchmarks/naive/functions/requirements.txt"),
    )
    shared = ours.keys() & theirs.keys()
    assert {"aws-lambda-powertools", "botocore", "pydantic", "requests"} <= shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
    assert theirs["boto3"] == ours["botocore"]
