"""`make demo`: the whole flow against the stack of `make up`, as a program would use it."""

import json
import random
import re
from typing import Any
from urllib.parse import quote

from tests.local import LocalError
from tests.local.stack import Stack, load
from tests.local.up import STACK_FILE, running_emulator


def demo() -> None:
    """Verify a phone number and an e-mail address; print each request and answer.

    LocalError when an answer is not the expected one.
    """
    stack = load(STACK_FILE)
    if not stack or not running_emulator():
        raise LocalError("The stack is not up. Start it with: make up")
    verify_number(stack)
    verify_address(stack)
    print("\nEvery answer was the expected one.")


def verify_number(stack: Stack) -> None:
    """Start, guess wrong, guess right, look up, list, ask for another send, delete."""
    # From a range kept for fiction; another one each time, since limits outlive a run.
    number = f"+447700900{random.randrange(1000):03}"
    print("\n# A phone number: the code leaves by SMS")
    started = ask(stack, "POST", "/v1/verifications", {"to": number}, expect=201)
    path = f"/v1/verifications/{started['id']}"
    code = read_code(stack.texts_to(number))

    print("\n# A wrong guess, then the right one")
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    verdict = ask(stack, "POST", f"{path}/verify", {"code": wrong}, expect=200)
    check(verdict, valid=False, reason="incorrect")
    verdict = ask(stack, "POST", f"{path}/verify", {"code": code}, expect=200)
    check(verdict, valid=True, status="verified")

    print("\n# What became of it, and of everything sent to this number")
    check(ask(stack, "GET", path, expect=200), status="verified", attempts=2)
    listed = ask(stack, "GET", f"/v1/verifications?to={quote(number)}", expect=200)
    check(listed["verifications"][0], id=started["id"])

    print("\n# Nothing is sent again for what has ended")
    refusal = ask(stack, "POST", f"{path}/resend", {}, expect=409)
    check(refusal, code="verification_not_pending")

    print("\n# Erase it")
    ask(stack, "DELETE", path, expect=204)


def verify_address(stack: Stack) -> None:
    """The same by e-mail, in short."""
    address = f"demo-{random.randrange(10**6)}@example.org"
    print("\n# An e-mail address")
    started = ask(stack, "POST", "/v1/verifications", {"to": address}, expect=201)
    code = read_code([mail["BodyText"] for mail in stack.mails_to(address)])
    path = f"/v1/verifications/{started['id']}/verify"
    verdict = ask(stack, "POST", path, {"code": code}, expect=200)
    check(verdict, valid=True, status="verified")


def ask(stack: Stack, method: str, path: str, body: Any = None, *, expect: int) -> Any:
    """Send a request, print it and its answer; the answer's JSON."""
    print(f"\n> {method} {path}{'' if body is None else ' ' + json.dumps(body)}")
    answer = stack.call(method, path, body)
    shown = "" if answer.body is None else json.dumps(answer.body, indent=2)
    print(f"< {answer.status} {shown}")
    if answer.status != expect:
        raise LocalError(f"{method} {path} answered {answer.status}; {expect} was expected.")
    return answer.body


def check(answer: dict[str, Any], **expected: Any) -> None:
    """LocalError when a field of an answer is not as expected."""
    for field, value in expected.items():
        if answer.get(field) != value:
            raise LocalError(f"{field} is {answer.get(field)!r}; {value!r} was expected.")


def read_code(messages: list[str]) -> str:
    """The code in the last of the messages."""
    if not messages:
        raise LocalError("No message arrived in the inbox.")
    print(f"  arrived: {messages[-1]!r}")
    code = re.search(r"\b\d{4,16}\b", messages[-1])
    if not code:
        raise LocalError("The message holds no code.")
    return code[0]
