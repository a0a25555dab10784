"""Verigator's function as it is wired, on real engines: its own app.py, from event to answer."""

import functools
import json
import re
import runpy
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pyotp
import pytest
from verification import wiring
from verification.cli import shared
from verification.domain.policy import Client, Profile
from verification.domain.verification import Reason
from verification.operations.verify import VerifyCommand
from verification.storage.directory import ClientRecord, Secret, hash_secret, write_client
from verification.wiring import clock

from tests.fakes.calls import Context, http_event
from tests.fakes.operator import Terminal, describe, outputs_of
from tests.fakes.verigator import AUTH, SERVICE, SERVICES, TOTP, USER
from tests.integration.commands import a_key, a_number, code_in, guess_command, remaining, wrong
from tests.integration.conftest import Place
from tests.local import ROOT

CLIENT, SECRET = "shop-a2345678", "a-secret"  # the client of commands.py


class Verigator:
    """The function, asked as API Gateway asks it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        record = ClientRecord(Client(CLIENT, Profile("Shop")), (Secret(hash_secret(SECRET)),))
        place.dynamodb.put_item(
            TableName=place.environ["DIRECTORY_TABLE"], Item=write_client(record, "Shop", 0)
        )
        stack = functools.partial(wiring.Stack, place.environ)
        with patch.object(wiring, "Stack", stack):
            defined = runpy.run_path(str(ROOT / "functions/verigator/app.py"))
        self._handler: Callable[[Any, Context], Any] = defined["handler"]

    def ask(
        self, method: str, resource: str, body: Any = None, path: tuple[str, ...] = ()
    ) -> tuple[int, Any]:
        headers = {
            "X-Service-Auth": f"{CLIENT}:{SECRET}",
            "Authorization": f"Bearer {CLIENT}.{SECRET}",
        }
        named = dict(zip(("service", "user"), path, strict=False))
        event = http_event(method, resource, body, headers, pathParameters=named)
        answer = self._handler(event, Context())
        return answer["statusCode"], json.loads(answer["body"] or "null")

    def user(self, number: str) -> tuple[str, str]:
        """A new user of a new service; what their path takes."""
        fqdn = f"{a_key()}.example"
        status, service = self.ask("POST", SERVICES, {"fqdn": fqdn, "name": "Coffee Shop"})
        assert status == 201
        body = {"id_in_service": "ann", "phone_number": number}
        status, user = self.ask("POST", f"{SERVICE}/users", body, (service["id"],))
        assert status == 201
        return service["id"], user["id"]

    def app(self, path: tuple[str, str]) -> pyotp.TOTP:
        """An app that was enrolled, and confirmed by its code of the step before."""
        if (left := 30 - time.time() % 30) < 3:  # else the next step might begin meanwhile
            time.sleep(left)
        status, made = self.ask("POST", TOTP, None, path)
        assert status == 201
        app = pyotp.parse_uri(made["otpauth_url"])
        assert isinstance(app, pyotp.TOTP)
        code = app.at(clock() // 1000 - 30)
        assert self.ask("POST", f"{TOTP}/confirm", {"code": code}, path)[0] == 200
        return app

    def started(self, path: tuple[str, str], method: str) -> str:
        """Start an auth; the id of its verification."""
        status, answer = self.ask("POST", AUTH, {"method": method}, path)
        assert (status, answer) == (200, {"method": method})
        user = self.place.stack()._services.user(*path)
        assert user and user.auth
        return user.auth.verification_id


@pytest.fixture
def verigator(place: Place) -> Verigator:
    return Verigator(place)


def test_a_user_is_verified_by_sms(verigator: Verigator) -> None:
    to = a_number()
    path = verigator.user(to)
    assert verigator.ask("PUT", AUTH, {"token": "123456"}, path)[0] == 404
    verigator.started(path, "sms")
    (text,) = verigator.place.texts_to(to)
    assert "Coffee Shop" in text
    code = code_in(text)
    judged = [verigator.ask("PUT", AUTH, {"token": t}, path)[1] for t in (wrong(code), code, code)]
    assert [answer["verified"] for answer in judged] == [False, True, False]
    assert [answer.get("status", {}).get("result") for answer in judged] == [
        "INVALID",
        None,
        "EXPIRED",
    ]


def test_a_totp_verification_is_looked_up_verified_and_deleted_natively(
    verigator: Verigator,
) -> None:
    path = verigator.user(a_number())
    app = verigator.app(path)
    verification_id = verigator.started(path, "totp")
    stack = verigator.place.stack()
    shown = stack.lookup().one(CLIENT, verification_id).verification
    assert (shown.channel, shown.verifier, shown.code_length) == ("totp", "totp", 6)
    code = app.at(clock() // 1000)
    assert stack.verify()(guess_command(verification_id, code), remaining)[1].valid
    # As the function `delete`, which has no key.
    bare = {k: v for k, v in verigator.place.environ.items() if k != "IDENTITY_KEY_SECRET"}
    wiring.Stack(bare).delete()(CLIENT, verification_id, remaining)
    assert verigator.ask("PUT", AUTH, {"token": code}, path)[0] == 404


def test_of_100_right_codes_of_one_step_over_3_auths_one_counts(verigator: Verigator) -> None:
    path = verigator.user(a_number())
    app = verigator.app(path)
    ids = [verigator.started(path, "totp") for _ in range(3)]
    verify = verigator.place.stack().verify()
    code = app.at(clock() // 1000)
    commands = [VerifyCommand(CLIENT, ids[n % 3], code) for n in range(100)]
    with ThreadPoolExecutor(32) as pool:
        verdicts = list(pool.map(lambda command: verify(command, remaining)[1], commands))
    assert Counter(verdict.valid for verdict in verdicts) == {True: 1, False: 99}
    reasons = {verdict.reason for verdict in verdicts} - {None}
    assert reasons <= {Reason.INCORRECT, Reason.EXHAUSTED, Reason.ALREADY_VERIFIED}
    # Nor later: the step is spent.
    verigator.started(path, "totp")
    status, answer = verigator.ask("PUT", AUTH, {"token": code}, path)
    assert (status, answer["verified"]) == (200, False)
    status, answer = verigator.ask("PUT", AUTH, {"token": app.at(clock() // 1000 + 30)}, path)
    assert (status, answer["verified"]) == (200, True)


def test_a_deleted_service_takes_users_and_destinations_along(verigator: Verigator) -> None:
    to = a_number()
    path = verigator.user(to)
    verification_id = verigator.started(path, "sms")
    for n in range(30):
        body = {"id_in_service": f"user {n}", "phone_number": to}
        assert verigator.ask("POST", f"{SERVICE}/users", body, path[:1])[0] == 201
    status, listed = verigator.ask("GET", f"{SERVICE}/users", None, path[:1])
    assert (status, len(listed["users"])) == (200, 31)
    assert [user["ctime"] for user in listed["users"]] == sorted(
        user["ctime"] for user in listed["users"]
    )
    assert verigator.ask("DELETE", SERVICE, None, path[:1])[0] == 202
    assert verigator.ask("GET", USER, None, path)[0] == 404
    left = verigator.place.dynamodb.scan(TableName=verigator.place.environ["DIRECTORY_TABLE"])
    assert not [item for item in left["Items"] if re.search(path[0], str(item))]
    verification = verigator.place.stack().lookup().one(CLIENT, verification_id).verification
    assert (verification.status, verification.to) == ("canceled", None)


def test_an_operator_deletes_a_service_with_its_numbers(
    verigator: Verigator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = verigator.user(a_number())
    ids = [verigator.started(path, "sms") for _ in range(3)]
    described = describe(outputs_of(verigator.place.environ), {})
    monkeypatch.setattr(shared, "stack", lambda arguments: described)
    run = Terminal(capsys).runs
    own = {one["id"]: one["deleted_in_part"] for one in run("services", "list", CLIENT)}
    assert own[path[0]] is False
    assert run("services", "delete", CLIENT, path[0]) == {"deleted": path[0]}
    assert path[0] not in {one["id"] for one in run("services", "list", CLIENT)}
    assert verigator.ask("GET", USER, None, path)[0] == 404
    for one in ids:
        verification = verigator.place.stack().lookup().one(CLIENT, one).verification
        assert (verification.status, verification.to, verification.user) == ("canceled", None, None)
