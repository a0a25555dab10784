"""What a caller does over HTTPS, from start to delete."""

import re
import secrets
import time
from typing import Any

import pytest

from tests.e2e.talking import a_number, call_raw, code_in, operate, start, wrong
from tests.local.stack import Answer, Stack, handed_out


def test_a_phone_number_is_verified(stack: Stack) -> None:
    to = a_number()
    started = start(stack, to, reference="order-1", metadata={"cart": "7"})
    assert started["status"] == "pending"
    assert (started["to"], started["channel"], started["country"]) == (to, "sms", "NL")
    (text,) = stack.texts_to(to)
    code = code_in(text)

    path = f"/v1/verifications/{started['id']}"
    answer = stack.call("POST", f"{path}/verify", {"code": wrong(code)})
    assert answer.status == 200
    assert (answer.body["valid"], answer.body["reason"]) == (False, "incorrect")
    assert answer.body["attempts_left"] == 4

    answer = stack.call("POST", f"{path}/verify", {"code": f"{code[:3]} - {code[3:]}", "to": to})
    assert (answer.status, answer.body["valid"], answer.body["status"]) == (200, True, "verified")
    assert answer.body["reference"] == "order-1"

    answer = stack.call("POST", f"{path}/verify", {"code": code})
    assert (answer.body["valid"], answer.body["reason"]) == (False, "already_verified")

    seen = stack.call("GET", path)
    assert (seen.status, seen.body["status"], seen.body["attempts"]) == (200, "verified", 2)
    assert seen.body["metadata"] == {"cart": "7"}
    assert [(s["number"], s["provider"], s["outcome"]) for s in seen.body["sends"]] == [
        (1, "sns", "accepted")
    ]


def test_an_e_mail_address_is_verified(stack: Stack) -> None:
    to = f"Ann.{secrets.token_hex(4)}@Example.org"
    started = start(stack, to, locale="de")
    assert (started["to"], started["channel"]) == (to.lower(), "email")
    (mail,) = stack.mails_to(to.lower())
    code = code_in(mail["BodyText"])
    assert code in mail["BodyHtml"]
    assert 'lang="de"' in mail["BodyHtml"]
    answer = stack.call("POST", f"/v1/verifications/{started['id']}/verify", {"code": code})
    assert answer.body["valid"] is True


def test_a_call_is_kept_by_the_sandbox_for_an_operator(stack: Stack) -> None:
    to = a_number()
    started = start(stack, to, channel="voice")
    assert started["sends"][0]["provider"] == "sandbox"
    kept = operate(stack, "sandbox", "--to", to, "--table", stack.tables["sessions"])
    digits = re.findall(r"\b\d\b", kept[0]["text"])
    code = "".join(digits[:6])
    assert digits == list(code) * 2, "said twice"
    answer = stack.call("POST", f"/v1/verifications/{started['id']}/verify", {"code": code})
    assert answer.body["valid"] is True


def test_a_start_repeated_with_its_key_sends_once(stack: Stack) -> None:
    to, key = a_number(), secrets.token_hex(8)
    body = {"to": to, "metadata": {"a": "1"}}
    first = call_raw(stack, "POST", "/v1/verifications", body, {"Idempotency-Key": key})
    again = call_raw(stack, "POST", "/v1/verifications", body, {"Idempotency-Key": key})
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    other = call_raw(
        stack, "POST", "/v1/verifications", {"to": a_number()}, {"Idempotency-Key": key}
    )
    assert (other.status, other.body["code"]) == (409, "idempotency_conflict")
    assert len(stack.texts_to(to)) == 1


def test_a_guess_repeated_with_its_key_gets_the_first_answer(stack: Stack) -> None:
    to, key = a_number(), secrets.token_hex(8)
    started = start(stack, to)
    path = f"/v1/verifications/{started['id']}/verify"
    body = {"code": code_in(stack.texts_to(to)[0])}
    first = call_raw(stack, "POST", path, body, {"Idempotency-Key": key})
    again = call_raw(stack, "POST", path, body, {"idempotency-key": key})
    assert first.body["valid"] is True
    assert again.body == first.body


def test_a_deleted_verification_forgets_the_person(stack: Stack) -> None:
    to = a_number()
    started = start(stack, to, ip="192.0.2.7", user_agent="Browser", reference="r")
    path = f"/v1/verifications/{started['id']}"
    assert [stack.call("DELETE", path).status for _ in range(2)] == [204, 204]
    code = code_in(stack.texts_to(to)[0])
    answer = stack.call("POST", f"{path}/verify", {"code": code})
    assert (answer.body["valid"], answer.body["reason"]) == (False, "canceled")
    seen = stack.call("GET", path)
    assert (seen.status, seen.body["status"], seen.body["to"]) == (200, "canceled", None)
    assert stack.call("GET", f"/v1/verifications?to=%2B{to[1:]}").body["verifications"] == []
    items = stack.aws("dynamodb").query(
        TableName=stack.tables["sessions"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"V#{started['id'][1:]}"}},
    )["Items"]
    assert to not in str(items)
    assert "192.0.2.7" not in str(items)


def test_verifications_of_a_destination_are_listed_newest_first_in_pages(stack: Stack) -> None:
    to = a_number()
    ids = [start(stack, to)["id"] for _ in range(3)]
    page = stack.call("GET", f"/v1/verifications?to=%2B{to[1:]}&limit=2&masked=true")
    assert page.status == 200
    assert [v["id"] for v in page.body["verifications"]] == ids[:0:-1]
    assert {v["to"] for v in page.body["verifications"]} == {f"{to[:4]}*****{to[-3:]}"}
    rest = stack.call("GET", f"/v1/verifications?to={to}&limit=2&cursor={page.body['cursor']}")
    assert [v["id"] for v in rest.body["verifications"]] == ids[:1]
    assert rest.body["cursor"] is None


def test_a_resend_waits_its_time_and_says_so(stack: Stack) -> None:
    to = a_number()
    started = start(stack, to)
    answer = stack.call("POST", f"/v1/verifications/{started['id']}/resend", {})
    assert (answer.status, answer.body["code"]) == (429, "resend_too_early")
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert len(stack.texts_to(to)) == 1


def test_a_resend_sends_the_same_code_on_another_channel(stack: Stack) -> None:
    to = a_number()
    started = start(stack, to)
    age(stack, started["id"], 31)
    answer = stack.call("POST", f"/v1/verifications/{started['id']}/resend", {"channel": "voice"})
    assert (answer.status, answer.body["channel"]) == (200, "voice")
    assert [s["provider"] for s in answer.body["sends"]] == ["sns", "sandbox"]
    age(stack, started["id"], 31)
    assert stack.call("POST", f"/v1/verifications/{started['id']}/resend").status == 200
    kept = operate(stack, "sandbox", "--to", to, "--table", stack.tables["sessions"])
    spoken = ", ".join(code_in(stack.texts_to(to)[0]))
    assert [spoken in message["text"] for message in kept] == [True, True]


def test_the_sixth_message_in_ten_minutes_is_refused_by_name(stack: Stack) -> None:
    to = a_number()
    answers = [stack.call("POST", "/v1/verifications", {"to": to}) for _ in range(6)]
    assert [answer.status for answer in answers] == [201] * 5 + [429]
    refused = answers[-1]
    assert refused.body["code"] == "limit_exceeded"
    assert refused.body["detail"] == "The limit destination_sends 5/10m is used up."
    assert 1 <= int(refused.headers["Retry-After"]) <= 600
    assert len(stack.texts_to(to)) == 5


def test_health_needs_no_credentials(stack: Stack) -> None:
    answer = call_raw(stack, "GET", "/v1/health", None, {"Authorization": ""})
    assert (answer.status, answer.body) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer {id}",
        "Bearer {id}.",
        "Bearer {id}.{wrong}",
        "Bearer nobody-aaaaaaaa.{secret}",
        "Basic {id}.{secret}",
        "Bearer {id}.{secret}x",
        "Bearer {id}.{secret} x",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_without_valid_credentials_there_is_one_answer(
    stack: Stack, authorization: str, method: str
) -> None:
    header = authorization.format(
        id=stack.client_id, secret=stack.client_secret, wrong="A" * len(stack.client_secret)
    )
    answer = call_raw(stack, method, "/v1/verifications", None, {"Authorization": header})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.body["code"] == "unauthorized"
    assert set(answer.body) == {"type", "title", "status", "code", "request_id"}


def test_clients_do_not_see_each_others_verifications(stack: Stack) -> None:
    to = a_number()
    mine, other = start(stack, to), stack.client("other")
    path = f"/v1/verifications/{mine['id']}"
    missing = f"/v1/verifications/{mine['id'][:-2]}zz"
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("POST", "/verify", {"code": code_in(stack.texts_to(to)[0])}),
        ("POST", "/resend", {}),
        ("DELETE", "", None),
    ]
    for method, suffix, body in requests:
        theirs = stack.call(method, path + suffix, body, other)
        nobodys = stack.call(method, missing + suffix, body, other)
        assert _without_id(theirs) == _without_id(nobodys)
        assert theirs.status == 404
    listed = stack.call("GET", f"/v1/verifications?to=%2B{to[1:]}", None, other)
    assert listed.body["verifications"] == []
    assert stack.call("GET", path).body["attempts"] == 0


def test_a_rotated_secret_works_beside_the_old_one_and_a_revoked_one_does_not(
    stack: Stack,
) -> None:
    client = stack.client("rotating")
    table = ("--table", stack.tables["directory"])
    renewed = operate(stack, "clients", "rotate", client.client_id, "--overlap", "1h", *table)
    handed_out.add(renewed["client_secret"])
    fresh = type(client)(client.client_id, renewed["client_secret"])
    assert stack.call("GET", "/v1/verifications?to=%2B31612345678", None, client).status == 200
    assert stack.call("GET", "/v1/verifications?to=%2B31612345678", None, fresh).status == 200
    revoked = stack.client("revoked")
    operate(stack, "clients", "revoke", revoked.client_id, *table)
    assert stack.call("GET", "/v1/verifications?to=%2B31612345678", None, revoked).status == 401


def test_a_test_destination_takes_its_fixed_code_from_test_clients_only(stack: Stack) -> None:
    tester = stack.client("tester", "--test")
    answer = stack.call("POST", "/v1/verifications", {"to": "+12025550100"}, tester)
    assert (answer.status, answer.body["test"]) == (201, True)
    assert stack.texts_to("+12025550100") == []
    path = f"/v1/verifications/{answer.body['id']}/verify"
    verified = stack.call("POST", path, {"code": "123456"}, tester)
    assert (verified.body["valid"], verified.body["test"]) == (True, True)
    plain = start(stack, "+12025550100")
    assert "test" not in plain
    (text,) = stack.texts_to("+12025550100")
    if code_in(text) != "123456":
        path = f"/v1/verifications/{plain['id']}/verify"
        assert stack.call("POST", path, {"code": "123456"}).body["valid"] is False


def age(stack: Stack, verification_id: str, seconds: int) -> None:
    """Let the last send be older than it is."""
    stack.aws("dynamodb").update_item(
        TableName=stack.tables["sessions"],
        Key={"pk": {"S": f"V#{verification_id[1:]}"}, "sk": {"S": "V"}},
        UpdateExpression="SET sent_at = :then",
        ExpressionAttributeValues={":then": {"N": str(int((time.time() - seconds) * 1000))}},
    )


def _without_id(answer: Answer) -> tuple[int, dict[str, Any]]:
    return answer.status, {name: v for name, v in answer.body.items() if name != "request_id"}
