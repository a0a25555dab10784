"""The code keys are rotated step by step, whoever stops it, and whoever else is at it."""

import json

import pytest
from verification.api.native.views import time
from verification.cli import keys
from verification.cli.__main__ import main
from verification.domain.messages import MAX_VALIDITY
from verification.storage.secrets import MAX_AGE_SECONDS

from tests.fakes.operator import Operator
from tests.fakes.secrets import VersionedSecret

OLD = "o" * 64
CACHES = MAX_AGE_SECONDS * 1000 + keys._GRACE
CODES = MAX_VALIDITY * 1000


@pytest.fixture
def secret(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> VersionedSecret:
    """The code keys; whoever waits sees the time pass."""
    made = VersionedSecret({"newest": "a", "a": OLD}, lambda: operator.now)
    operator.clients["secretsmanager"] = made
    operator.now += 1  # nothing happens at the very moment that it was made

    def sleep(seconds: float) -> None:
        operator.now += max(1, round(seconds * 1000)) * 60  # not each second of two days

    monkeypatch.setattr("time.sleep", sleep)
    return made


def test_a_rotation_waits_between_its_steps(operator: Operator, secret: VersionedSecret) -> None:
    began = operator.now
    done = operator.runs("keys", "rotate")
    assert done["done"] == ["add", "promote", "drop"]
    assert (done["newest"], done["others"], done["next_step"]) == ("b", [], "add")
    assert secret.value.keys() == {"newest", "b"} and len(secret.value["b"]) == 64
    assert operator.now - began >= CACHES + CACHES + CODES


def test_each_step_comes_when_it_is_safe_and_not_before(
    operator: Operator, secret: VersionedSecret
) -> None:
    argv = ("keys", "rotate", "--no-wait")
    assert operator.runs(*argv)["done"] == ["add"]
    assert secret.value["newest"] == "a" and secret.value.keys() == {"newest", "a", "b"}
    for wait, step, newest in ((CACHES, "promote", "b"), (CACHES + CODES, "drop", "b")):
        operator.now += wait - 1
        assert operator.runs(*argv)["done"] == []
        operator.now += 1
        assert operator.runs(*argv)["done"] == [step]
        assert secret.value["newest"] == newest
    assert secret.value.keys() == {"newest", "b"}


def test_the_waits_are_those_that_are_asked_for(
    operator: Operator, secret: VersionedSecret
) -> None:
    argv = ("keys", "rotate", "--no-wait", "--caches", "1m", "--validity", "15m")
    operator.runs(*argv)
    for wait in (60_000 + keys._GRACE, 60_000 + keys._GRACE + 900_000):
        operator.now += wait
        assert operator.runs(*argv)["done"]
    assert secret.value.keys() == {"newest", "b"}


def test_an_interrupt_loses_nothing_and_the_next_run_goes_on(
    operator: Operator, secret: VersionedSecret, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("time.sleep", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(["keys", "rotate"]) == 130
        assert secret.value["newest"] == "a" and "b" in secret.value
        assert main(["keys", "rotate"]) == 130  # still waiting: nothing is added twice
        assert len(secret.value) == 3
    assert operator.runs("keys", "rotate")["done"] == ["promote", "drop"]


def test_what_is_shown_is_no_key(operator: Operator, secret: VersionedSecret) -> None:
    shown = operator.runs("keys", "show")
    assert shown == {
        "newest": "a",
        "others": [],
        "changed": "2027-01-15T08:00:00.000Z",
        "next_step": "add",
        "next_step_safe_from": None,
    }
    printed = operator.prints("keys", "show") + operator.prints("keys", "rotate", "--step", "add")
    assert "2027-01-15T08:05:10.001Z" in printed  # the second from when it may be promoted
    assert not [key for name, key in secret.value.items() if name != "newest" and key in printed]
    assert OLD not in repr(keys.Keys("v", 0, None, secret.value))


def test_of_two_at_once_one_is_refused_and_changes_nothing(
    operator: Operator, secret: VersionedSecret
) -> None:
    theirs = {"newest": "a", "a": OLD, "b": "t" * 64}
    secret.before_move = lambda: secret.replace(json.dumps(theirs))
    said = operator.fails("keys", "rotate", "--no-wait")
    assert said.startswith("Somebody else changed the code keys just now")
    assert secret.value == theirs


def test_a_reply_that_was_lost_is_no_refusal(operator: Operator, secret: VersionedSecret) -> None:
    def moved_already() -> None:  # by the first try, whose reply was lost
        secret.before_move = lambda: None
        secret._make_current(secret.labels["AWSPENDING"])

    secret.before_move = moved_already
    assert operator.runs("keys", "rotate", "--step", "add")["others"] == ["b"]


def test_a_refusal_of_aws_is_told_as_it_is(operator: Operator, secret: VersionedSecret) -> None:
    secret._texts["x"] = secret._texts["first"]

    def refuse(**_: str) -> None:
        raise OSError("the network is down")

    secret.update_secret_version_stage = refuse  # type: ignore[method-assign,assignment]
    assert operator.fails("keys", "rotate", "--no-wait") == "the network is down"


@pytest.mark.parametrize("step", ["promote", "drop"])
def test_a_step_that_cannot_be_is_refused(
    operator: Operator, secret: VersionedSecret, step: str
) -> None:
    before = secret.value
    assert operator.fails("keys", "rotate", "--step", step).startswith("There is no other key")
    assert secret.value == before


def test_a_step_by_name_does_not_wait(operator: Operator, secret: VersionedSecret) -> None:
    for step in ("add", "promote", "drop"):
        operator.runs("keys", "rotate", "--step", step)
    assert secret.value.keys() == {"newest", "b"}


def test_a_leaked_key_is_replaced_at_once(operator: Operator, secret: VersionedSecret) -> None:
    assert operator.runs("keys", "rotate", "--leaked")["newest"] == "b"
    assert secret.value.keys() == {"newest", "b"} and OLD not in secret.value.values()


def test_what_was_changed_by_hand_is_not_guessed_at(
    operator: Operator, secret: VersionedSecret
) -> None:
    both = json.dumps({"newest": "a", "a": OLD, "b": "t" * 64})
    secret.replace(both)
    secret.replace(both)  # once more: the version before says nothing
    said = operator.fails("keys", "rotate", "--no-wait")
    assert "no step of a rotation" in said and "--step promote or --step drop" in said
    assert operator.runs("keys", "rotate", "--step", "promote")["newest"] == "b"


def steps(operator: Operator, *names: str) -> None:
    """Steps of a rotation, an hour between one and the next."""
    for name in names:
        operator.runs("keys", "rotate", "--step", name)
        operator.now += 3_600_000


def test_a_promotion_that_was_taken_back_drops_no_key(
    operator: Operator, secret: VersionedSecret
) -> None:
    steps(operator, "add", "promote")
    promoted, at = secret.value["b"], operator.now - 3_600_000
    secret.put_back()
    operator.now += 100 * CODES
    before = secret.value
    for option in ((), ("--no-wait",)):
        said = operator.fails("keys", "rotate", *option)
        assert "put back: newest is a, beside it b." in said
        assert "--step promote makes codes with b from now on, --step drop ends all codes" in said
    assert secret.value == before and before["b"] == promoted
    shown = operator.runs("keys", "show")
    assert (shown["newest"], shown["next_step"], shown["next_step_safe_from"]) == ("a", None, None)
    assert shown["changed"] == time(at) and shown["to_do"] == said
    # What the operator says is done, and it goes on from there.
    operator.runs("keys", "rotate", "--step", "promote")
    assert operator.runs("keys", "rotate", "--no-wait")["done"] == []
    assert secret.value == before | {"newest": "b"}
    assert operator.runs("keys", "rotate")["done"] == ["drop"]


def test_keys_that_were_dropped_and_put_back_are_not_promoted(
    operator: Operator, secret: VersionedSecret
) -> None:
    steps(operator, "add", "promote", "drop")
    secret.put_back()
    assert "newest is b, beside it a." in operator.fails("keys", "rotate", "--no-wait")
    assert secret.value["newest"] == "b"


def test_a_key_alone_that_was_put_back_says_what_would_be_lost(
    operator: Operator, secret: VersionedSecret
) -> None:
    steps(operator, "add")
    secret.put_back()
    said = operator.fails("keys", "rotate", "--no-wait")
    assert said.endswith(
        "newest is a, beside it none. Say what to do: --step gives b up, which the newer version "
        "has; --step add begins a new rotation."
    )
    assert operator.runs("keys", "rotate", "--step", "add")["others"] == ["c"]


@pytest.mark.parametrize("text", ["{", "[]", '{"newest": "a"}', '{"newest": "a", "a": "short"}'])
def test_a_secret_that_functions_could_not_read_is_left_alone(
    operator: Operator, secret: VersionedSecret, text: str
) -> None:
    secret.replace(text)
    assert "secret" in operator.fails("keys", "rotate", "--no-wait")


def test_ids_come_round_and_none_is_used_twice_in_a_row() -> None:
    values, before, used = {"newest": "a", "a": OLD}, None, []
    for _ in range(40):
        for step in keys.Step:
            now = keys.Keys("v", 0, before, values)
            assert now.next_step is step or before is None
            before, values = (now.kids, now.newest), now.after(step)
        used.append(values["newest"])
    assert used[:3] == ["b", "c", "d"] and {*used} == {*keys._KIDS}
