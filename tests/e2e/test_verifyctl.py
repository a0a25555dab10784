"""verifyctl as a program of its own, against the deployed stack."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from verification.cli.keys import KeysSecret, Step
from verification.cli.shared import CommandError

from tests.e2e.talking import a_number, code_in, operate, start, wrong
from tests.local.deploy import environment, outputs
from tests.local.emulator import KEYS
from tests.local.stack import Stack

PROGRAM = [sys.executable, "-m", "verification.cli"]


def run(stack: Stack, *arguments: str, typed: str = "") -> tuple[int, str, str]:
    """Exit status, output and errors of a command."""
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(stack.endpoint_url),
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def client(stack: Stack) -> str:
    """The id of a client that may be named."""
    return stack.client("By hand", "--direct-invoke").client_id


# ---------------------------------------------------------------------------------------- By hand


def test_a_verification_by_hand_from_a_start_to_its_end(stack: Stack, client: str) -> None:
    to, by = a_number(), ("--client", client)
    begun = operate(stack, "start", to, *by, "--purpose", "login", "--validity", "10m")
    assert (begun["purpose"], begun["status"]) == ("login", "pending")
    assert begun["to"] == f"{to[:4]}*****{to[-3:]}"
    code, one = code_in(stack.texts_to(to)[0]), begun["id"]
    status, said, error = run(stack, "verify", one, *by, "--json", "--code", wrong(code))
    assert (status, json.loads(said)["reason"], error) == (1, "incorrect", "")
    status, said, error = run(stack, "verify", one, *by, typed=f"{code}\n")
    assert (status, error) == (0, "") and "verified" in said and code not in said
    assert operate(stack, "lookup", one, *by)["status"] == "verified"
    (listed,) = operate(stack, "lookup", "--to", to, *by)
    assert (listed["id"], listed["to"]) == (one, begun["to"])
    assert operate(stack, "delete", one, *by) == {"deleted": one}
    assert operate(stack, "lookup", one, *by)["status"] == "canceled"


def test_what_the_api_refuses_is_one_sentence_without_the_code(stack: Stack, client: str) -> None:
    one = operate(stack, "start", a_number(), "--client", client)["id"]
    for command, says in (
        (("start", "+31612345678", "--code-length", "99"), r".*code_length .*\(invalid_fields\)\."),
        (("verify", one, "--code", "12x456"), r".*\(invalid_fields\)\."),
        (("verify", "b" + one[1:], "--code", "123456"), r".*\(verification_not_found\)\."),
        (("lookup", "nothing"), r".*\(verification_not_found\)\."),
        (("delete", "nothing"), r".*\(verification_not_found\)\."),
    ):
        status, said, error = run(stack, *command, "--client", client)
        assert (status, said) == (1, "") and re.fullmatch(says, error.strip()), error
        assert "123456" not in error and "12x456" not in error
    for nobody in ("nobody-aaaaaaaa", stack.client_id):  # the second may not be named
        status, _, error = run(stack, "lookup", one, "--client", nobody)
        assert status == 1 and error.startswith(f"The client {nobody} is unknown, revoked, or not")


# ------------------------------------------------------------------------------------------- Tail


def test_the_tail_shows_what_happened_to_a_verification_and_no_number(stack: Stack) -> None:
    to = a_number()
    one = start(stack, to)["id"]
    code = code_in(stack.texts_to(to)[0])
    stack.call("POST", f"/v1/verifications/{one}/verify", {"code": wrong(code)})
    options = ("tail", "--once", "--since", "5m", "--verification", one)
    wanted = ["verification_started", "verification_sent", "verification_judged"]
    lines = [json.loads(line) for line in run(stack, *options, "--json")[1].splitlines()]
    # Of so many numbers as these tests use, the guard may think what it likes.
    lines = [line for line in lines if line["event"] != "fraud_suspected"]
    assert [line["event"] for line in lines] == wanted
    assert {line["destination"] for line in lines} == {f"{to[:4]}*****{to[-3:]}"}
    assert (lines[1]["provider"], lines[2]["reason"]) == ("sns", "incorrect")
    status, said, error = run(stack, *options, "--client", stack.client_id)
    assert (status, error) == (0, "") and said.count("\n") - said.count("fraud_suspected") == 3
    assert to not in said and code not in said
    assert run(stack, *options, "--client", "another")[1] == ""


# What a shell starts in the background does not hear SIGINT, and neither would the tests' children.
HEARING = """
import signal, sys
from verification.cli.__main__ import main
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


def test_the_tail_follows_until_it_is_interrupted(stack: Stack) -> None:
    options = ["tail", "--json", "--client", stack.client_id, "--since", "1m"]
    with subprocess.Popen(
        [sys.executable, "-c", HEARING, *options],
        env=environment(stack.endpoint_url),
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        try:
            assert following.stdout
            one = start(stack, a_number())["id"]
            ids = (json.loads(line).get("verification_id") for line in following.stdout)
            assert one in ids
            following.send_signal(signal.SIGINT)
            assert following.wait(30) == 0
        finally:
            following.kill()


# ------------------------------------------------------------------------------------------- Keys


@pytest.fixture
def rotating(stack: Stack) -> Iterator[str]:
    """The ARN of the code keys' secret; afterwards all is as it was."""
    secret = outputs(stack.endpoint_url)["CodeKeysSecretArn"]
    secrets = stack.aws("secretsmanager")
    kept = secrets.get_secret_value(SecretId=secret)["SecretString"]
    yield secret
    secrets.put_secret_value(SecretId=secret, SecretString=kept)
    forget(stack)


def forget(stack: Stack) -> None:
    """Let the time be over that functions remember secrets for."""
    stack.end_processes(*stack.functions.values(), *stack.other_functions.values())


def verified(stack: Stack, one: str, code: str) -> Any:
    answer = stack.call("POST", f"/v1/verifications/{one}/verify", {"code": code})
    return answer.body.get("valid", answer.body.get("code"))


def test_codes_that_are_on_their_way_survive_a_rotation_until_their_key_is_dropped(
    stack: Stack, rotating: str
) -> None:
    def begin() -> tuple[str, str]:
        to = a_number()
        one = start(stack, to)["id"]
        return one, code_in(stack.texts_to(to)[0])

    def step(name: str) -> Any:
        shown = operate(stack, "keys", "rotate", "--step", name)
        forget(stack)
        return shown

    old = operate(stack, "keys", "show")["newest"]
    before, late = begin(), begin()
    added = step("add")
    assert (added["newest"], added["next_step"]) == (old, "promote")
    (new,) = added["others"]
    between = begin()
    assert between[0][0] == old and verified(stack, *before) is True
    promoted = step("promote")
    assert (promoted["newest"], promoted["next_step"]) == (new, "drop")
    after = begin()
    assert after[0][0] == new
    # Of the four that were begun all but one are handed in while both keys are there.
    assert verified(stack, *between) is True and verified(stack, *after) is True
    waiting = operate(stack, "keys", "rotate", "--no-wait")
    assert waiting["done"] == [] and waiting["others"] == [old]
    assert verified(stack, *late) is True
    unused = begin()
    dropped = step("drop")
    assert (dropped["newest"], dropped["others"], dropped["next_step"]) == (new, [], "add")
    assert verified(stack, *unused) is True
    assert verified(stack, *before) == "verification_not_found"


def test_of_two_operators_at_once_one_is_refused(
    stack: Stack, rotating: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": stack.endpoint_url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", stack.region)
    ours, theirs = KeysSecret(rotating), KeysSecret(rotating)
    seen = ours.read()
    assert theirs.read().version == seen.version
    theirs.write(seen, seen.after(Step.ADD))
    held = theirs.read()
    with pytest.raises(CommandError, match="Somebody else changed the code keys"):
        ours.write(seen, seen.replaced())
    assert ours.read().values == held.values
