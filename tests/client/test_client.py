"""The client layer against servers that answer, do not, or answer something else."""

import io
import json
import re
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from verification_client import (
    Page,
    Send,
    StartFields,
    Try,
    Verdict,
    Verification,
    VerificationClient,
    VerificationError,
    errors,
    lambdas,
)
from verification_client.client import RESEND_TIMEOUT_SECONDS, TIMEOUT_SECONDS

from tests.local import ROOT
from tests.providers.hostile import (
    Asked,
    Close,
    RawServer,
    Talk,
    http,
    says,
    says_and_closes,
    says_and_waits,
    self_signed,
)
from tests.template.loading import FUNCTIONS

ID = "ajqopgr262u3fibltxjeyks5k6u"
DOCUMENT = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())
STARTED = DOCUMENT["components"]["examples"]["Started"]["value"]
VERDICT = {
    "id": ID,
    "valid": True,
    "status": "verified",
    "reason": None,
    "attempts": 1,
    "attempts_left": 4,
    "channel": "sms",
    "reference": None,
    "purpose": None,
}


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("verification_client.client.time.sleep", waits.append)
    return waits


def pause(seconds: float) -> None:
    """Wait in earnest: nobody sleeps here, see no_waits()."""
    threading.Event().wait(seconds)


def over_https(server: RawServer, **options: Any) -> VerificationClient:
    return VerificationClient.over_https(server.url, "shop-k3q7m2xa", "s3cret", **options)


def first_lost(answer: bytes) -> Callable[[Talk, Asked], None]:
    """Does what it is asked each time, and the first reply never arrives."""
    heard: list[Asked] = []

    def behave(talk: Talk, asked: Asked) -> None:
        heard.append(asked)
        if len(heard) == 1:
            raise Close
        talk.say(answer)

    return behave


def test_a_start_says_what_it_was_told_and_nothing_else() -> None:
    with RawServer(says(http(json.dumps(STARTED), "201 Created"))) as server:
        started = over_https(server).start("+447700900123", purpose="login", resend_after=45)
    [asked] = server.asked
    assert (asked.method, asked.target) == ("POST", "/v1/verifications")
    assert json.loads(asked.body) == {"to": "+447700900123", "purpose": "login", "resend_after": 45}
    assert asked.headers["authorization"] == "Bearer shop-k3q7m2xa.s3cret"
    assert started.id == STARTED["id"]
    assert started.created_at.isoformat(timespec="milliseconds").startswith("2026-")
    assert started.sends[0].tries[0].provider == STARTED["sends"][0]["tries"][0]["provider"]


@pytest.mark.parametrize("operation", ["start", "verify"])
def test_a_lost_reply_is_asked_for_again_under_the_same_key(operation: str) -> None:
    said = http(json.dumps(STARTED if operation == "start" else VERDICT))
    with RawServer(first_lost(said)) as server:
        client = over_https(server)
        if operation == "start":
            assert client.start("+447700900123").id == STARTED["id"]
        else:
            assert client.verify(ID, "123456").valid
    first, second = server.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


def test_each_call_has_a_key_of_its_own_unless_it_is_given_one() -> None:
    with RawServer(says(http(json.dumps(VERDICT)))) as server:
        client = over_https(server)
        client.verify(ID, "123456")
        client.verify(ID, "123456")
        client.verify(ID, "123456", idempotency_key="mine")
    one, other, mine = (asked.headers["idempotency-key"] for asked in server.asked)
    assert one != other and mine == "mine"


def test_a_resend_whose_reply_was_lost_is_not_repeated() -> None:
    with RawServer(first_lost(http(json.dumps(STARTED)))) as server:
        with pytest.raises(errors.Unreachable) as lost:
            over_https(server).resend(ID)
        assert lost.value.asked
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("code", "status", "times"), [("throttled", 429, 3), ("temporarily_unavailable", 503, 1)]
)
def test_a_resend_is_repeated_only_where_nobody_did_anything(
    code: str, status: int, times: int
) -> None:
    problem = http(json.dumps({"status": status, "code": code}), f"{status} So")
    with RawServer(says(problem)) as server:
        with pytest.raises(VerificationError):
            over_https(server).resend(ID)
        assert len(server.asked) == times


def test_what_is_no_json_is_the_programs_own_fault() -> None:
    with RawServer(says(http(json.dumps(STARTED)))) as server:
        metadata: Any = {"a": object()}
        with pytest.raises(TypeError):
            over_https(server).start("+447700900123", metadata=metadata)
        assert server.connections == 0


def test_a_resend_that_never_got_there_is_asked_again(no_waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    client = VerificationClient.over_https(f"http://127.0.0.1:{port}", "shop", "secret", tries=3)
    with pytest.raises(errors.Unreachable) as nowhere:
        client.resend(ID)
    assert not nowhere.value.asked
    assert len(no_waits) == 2 and all(0 <= wait <= 1 for wait in no_waits)


@pytest.mark.parametrize(
    ("status", "code", "after", "times"),
    [
        (503, "temporarily_unavailable", None, 3),
        (503, "temporarily_unavailable", 1, 3),
        (503, "temporarily_unavailable", 15, 1),
        (500, "internal_error", None, 3),
        (429, "throttled", 1, 3),
        (429, "limit_exceeded", 1, 1),
        (502, "delivery_failed", None, 1),
        (502, "verifier_unavailable", None, 1),
        (404, "verification_not_found", None, 1),
        (504, "unknown", None, 3),
        (403, "unknown", None, 1),
    ],
)
def test_what_may_go_better_is_asked_again(
    status: int, code: str, after: int | None, times: int, no_waits: list[float]
) -> None:
    problem = {"status": status, "code": code} | ({"retry_after": after} if after else {})
    with RawServer(says(http(json.dumps(problem), f"{status} So"))) as server:
        with pytest.raises(VerificationError) as said:
            over_https(server).start("+447700900123")
        assert (said.value.status, said.value.code) == (status, code)
        assert len(server.asked) == times
        assert all(wait >= (after or 0) for wait in no_waits)


def test_lookup_list_and_delete() -> None:
    answers = [
        http(json.dumps(STARTED)),
        http(json.dumps({"verifications": [STARTED], "cursor": "next"})),
        http(b"", "204 No Content"),
    ]

    def behave(talk: Talk, asked: Asked) -> None:
        talk.say(answers[len(server.asked) - 1])

    with RawServer(behave) as server:
        client = over_https(server)
        assert client.lookup(ID, masked=True).id == STARTED["id"]
        page = client.list("+447700900123", limit=5)
        assert (len(page.verifications), page.cursor) == (1, "next")
        assert client.delete(ID) is None  # type: ignore[func-returns-value]
    assert [(asked.method, asked.target) for asked in server.asked] == [
        ("GET", f"/v1/verifications/{ID}?masked=true"),
        ("GET", "/v1/verifications?to=%2B447700900123&limit=5"),
        ("DELETE", f"/v1/verifications/{ID}"),
    ]


@pytest.mark.parametrize("verification_id", ["", "..", "../../devices?x=", "a b", "a" * 65])
def test_what_is_no_id_is_asked_of_nobody(verification_id: str) -> None:
    with RawServer(says(http(b"", "204 No Content"))) as server:
        with pytest.raises(errors.NotFound) as unknown:
            over_https(server).delete(verification_id)
        assert (unknown.value.status, unknown.value.code) == (404, "verification_not_found")
        assert server.connections == 0


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"id": 1}', b'{"valid": "yes"}'])
def test_what_is_no_answer_verifies_nobody(body: bytes) -> None:
    with RawServer(says(http(body))) as server:
        with pytest.raises(errors.Unreachable):
            over_https(server, tries=1).verify(ID, "123456")


def test_only_true_is_valid() -> None:
    with RawServer(says(http(json.dumps(VERDICT | {"valid": "true"})))) as server:
        assert over_https(server).verify(ID, "123456").valid is False


def test_fields_that_it_does_not_know_are_left_out() -> None:
    with RawServer(says(http(json.dumps(VERDICT | {"new": 1})))) as server:
        assert over_https(server).verify(ID, "123456").valid


def test_a_redirect_is_not_followed() -> None:
    moved = http(b"", "302 Found", "Location: http://169.254.169.254/")
    with RawServer(says(moved)) as server:
        with pytest.raises(errors.Unreachable):
            over_https(server, tries=1).lookup(ID)
        assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["http://verify.example.com", "ftp://127.0.0.1", "verify"])
def test_a_secret_goes_nowhere_in_clear(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        VerificationClient.over_https(url, "shop", "secret")


@pytest.mark.parametrize(
    ("kind", "schema", "less"),
    [
        (StartFields, "Start", {"to", "page"}),
        (Verification, "Verification", {"page"}),
        (Send, "Send", set()),
        (Try, "Try", set()),
        (Verdict, "Verdict", set()),
        (Page, "Page", set()),
    ],
)
def test_it_has_every_field_of_the_document(kind: type, schema: str, less: set[str]) -> None:
    written = DOCUMENT["components"]["schemas"][schema]["properties"].keys()
    assert get_type_hints(kind).keys() >= written - less


@pytest.mark.parametrize("secret", ["s3cret\n", "s3cret 1", "", "ѕ3cret"])
def test_a_secret_that_can_be_none_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as refused:
        VerificationClient.over_https("https://verify.example.com", secret, secret)
    assert "3cret" not in str(refused.value)


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "é", "k" * 129])
def test_a_key_that_can_be_none_is_said_to_nobody(key: str) -> None:
    with RawServer(says(http(json.dumps(STARTED)))) as server:
        with pytest.raises(errors.InvalidRequest):
            over_https(server).start("+447700900123", idempotency_key=key)
        assert server.connections == 0


def test_a_connection_is_kept_but_for_one_that_was_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("verification_client.https.time.monotonic", lambda: now[0])
    with RawServer(says(http(json.dumps(STARTED)))) as server:
        client = over_https(server)
        for now[0], connections in ((1, 1), (2, 1), (30, 2)):
            client.lookup(ID)
            assert server.connections == connections


def test_tries_are_one_or_more() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        VerificationClient.over_https("https://verify.example.com", "shop", "secret", tries=0)


def test_a_certificate_of_nobody_is_not_believed(tmp_path: Path) -> None:
    with RawServer(says(http(json.dumps(VERDICT))), self_signed(tmp_path)[0]) as server:
        with pytest.raises(errors.Unreachable, match="SSLError"):
            over_https(server, tries=1).verify(ID, "123456")
        assert server.asked == []


def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    def behave(talk: Talk, asked: Asked) -> None:
        talk.say(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 3_000_000)
        raise Close

    with RawServer(behave) as server:
        with pytest.raises(errors.Unreachable):
            over_https(server, tries=1).lookup(ID)


def test_a_silent_service_is_waited_for_no_longer_than_told() -> None:
    with RawServer(says_and_waits(b"HTTP/1.1 200 OK\r\n")) as server:
        with pytest.raises(errors.Unreachable, match="ReadTimeoutError") as silent:
            over_https(server, tries=1, timeout=0.1).lookup(ID)
        assert silent.value.asked


@pytest.mark.parametrize("head", [b"", b"Content-Length: 100000\r\n\r\n"])
@pytest.mark.parametrize("tls", [False, True])
def test_a_service_that_drips_is_waited_for_no_longer_than_told(
    head: bytes, tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behave(talk: Talk, asked: Asked) -> None:
        talk.say(b"HTTP/1.1 200 OK\r\n" + head)
        for byte in b"X-A: b\r\n" * 50:
            talk.say(bytes([byte]))
            pause(0.025)
        raise AssertionError("the caller did not hang up")

    context = None
    if tls:
        context, certificate = self_signed(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with RawServer(behave, context) as server:
        with pytest.raises(errors.Unreachable, match="ReadTimeoutError") as slow:
            over_https(server, tries=1, timeout=0.5).lookup(ID)
        assert slow.value.asked


def test_a_kept_connection_has_the_whole_time_for_each_answer() -> None:
    def behave(talk: Talk, asked: Asked) -> None:
        answer = http(json.dumps(STARTED))
        talk.say(answer[:20])
        pause(0.3)
        talk.say(answer[20:])

    with RawServer(behave) as server:
        client = over_https(server, tries=1, timeout=1.0)
        for _ in range(5):
            client.lookup(ID)
        assert server.connections == 1


def test_a_page_that_offers_calls_is_asked_for() -> None:
    with RawServer(says(http(json.dumps(STARTED)))) as server:
        client = over_https(server)
        client.start("+447700900123", page_return_url="https://shop.example.com", page_call=True)
    said = json.loads(server.asked[0].body)["page"]
    assert said == {"return_url": "https://shop.example.com", "call": True}


def test_a_page_is_asked_for_and_its_result_is_used_once() -> None:
    url, result = "https://verify.example.com/v1/pages/t", "a-result"
    answers = [STARTED | {"page_url": url}, STARTED | {"page": {"result": "confirmed"}}]

    def behave(talk: Talk, asked: Asked) -> None:
        if len(server.asked) == 2:  # the reply to the first use is lost
            raise Close
        talk.say(http(json.dumps(answers[len(server.asked) > 1])))

    with RawServer(behave) as server:
        client = over_https(server)
        started = client.start("+447700900123", page_return_url="https://shop.example.com/back")
        assert (started.page_url, started.result) == (url, None)
        assert client.lookup(ID, result=result).result == "confirmed"
    start, first, second = server.asked
    assert json.loads(start.body)["page"] == {"return_url": "https://shop.example.com/back"}
    assert first.target == second.target == f"/v1/verifications/{ID}?result={result}"
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_an_error_says_the_key_by_which_the_call_may_be_repeated() -> None:
    problem = json.dumps({"status": 502, "code": "verifier_unavailable"})
    with RawServer(says(http(problem, "502 Bad Gateway"))) as server:
        with pytest.raises(errors.VerifierUnavailable) as failed:
            over_https(server).verify(ID, "123456")
    assert failed.value.idempotency_key == server.asked[0].headers["idempotency-key"]


def test_no_error_says_the_secret_or_the_code() -> None:
    with RawServer(says_and_closes(b"HTTP/1.1 what\r\n\r\n")) as server:
        with pytest.raises(errors.Unreachable) as lost:
            over_https(server, tries=1).verify(ID, "987654")
    shown = f"{lost.value!r} {lost.value} {lost.value.__dict__}"
    assert "s3cret" not in shown and "987654" not in shown


# -------------------------------------------------------------------------------------- The errors


def native_codes() -> dict[str, int]:
    """Every code that the native API's operations answer, with its status."""
    found: dict[str, int] = {}
    for path in ("/v1/verifications", "/v1/verifications/{id}"):
        paths = [path, *(f"{path}/{end}" for end in ("verify", "resend"))]
        for item in (DOCUMENT["paths"][one] for one in paths if one in DOCUMENT["paths"]):
            for operation in ("get", "post", "delete"):
                responses = item.get(operation, {}).get("responses", {})
                for status, response in responses.items():
                    name = response.get("$ref", "").rpartition("/")[2]
                    if name:
                        whole = json.dumps(DOCUMENT["components"]["responses"][name])
                        for codes in re.findall(r'"code": \{"enum": \[([^]]+)\]', whole):
                            found |= {c.strip('" '): int(status) for c in codes.split(",")}
    return found


def test_the_document_has_codes() -> None:
    assert {
        "unauthorized",
        "verification_not_found",
        "limit_exceeded",
        "throttled",
    } <= native_codes().keys()


@pytest.mark.parametrize(("code", "status"), native_codes().items())
def test_each_code_of_the_document_has_an_error(code: str, status: int) -> None:
    error = errors.error_of(status, {"code": code, "status": status})
    assert (error.code, error.status) == (code, status)
    rest = {"invalid_json", "body_too_large", "unsupported_content_type", "method_not_allowed"}
    if code not in rest:
        assert type(error).code == code
    assert isinstance(error, errors.Refused if status < 500 else errors.Failed)


def test_an_error_says_all_that_the_service_did() -> None:
    error = errors.error_of(
        422,
        {
            "code": "invalid_fields",
            "detail": "So.",
            "request_id": "r",
            "verification_id": ID,
            "errors": [{"field": "to", "message": "bad"}, "nothing"],
        },
    )
    assert isinstance(error, errors.InvalidFields)
    assert (error.errors, error.request_id, error.verification_id) == ({"to": "bad"}, "r", ID)
    assert str(error) == "invalid_fields: So."


def test_a_code_of_tomorrow_is_refused_or_failed_by_its_status() -> None:
    kinds = {403: errors.NotAllowed, 429: errors.TooMany, 418: errors.Refused, 599: errors.Failed}
    for status, kind in kinds.items():
        assert type(errors.error_of(status, {"code": "new", "retry_after": "x"})) is kind


# -------------------------------------------------------------------------------------- By Lambda


class FakeLambda:
    """boto3's client, as far as it is used."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[Mapping[str, Any]]()

    def invoke(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked | {"Payload": json.loads(asked["Payload"])})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, dict) and "FunctionError" in answer:
            return {**answer, "Payload": io.BytesIO(b"{}")}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def over_lambda(*answers: Any, alias: bool = True) -> tuple[VerificationClient, FakeLambda]:
    fake, shop = FakeLambda(*answers), "shop-k3q7m2xa"
    return VerificationClient.over_lambda("verify", shop, alias=alias, lambda_client=fake), fake


def refusal(code: str, status: int) -> ClientError:
    said: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(said, "Invoke")


def test_a_direct_invoke_names_function_alias_and_fields() -> None:
    client, fake = over_lambda(VERDICT)
    assert client.verify(ID, "123456", purpose="login").valid
    [asked] = fake.asked
    assert asked["FunctionName"] == "verify-verify:shop-k3q7m2xa"
    key = asked["Payload"].pop("idempotency_key")
    assert re.fullmatch("[0-9a-f]{32}", key)
    assert asked["Payload"] == {"id": ID, "code": "123456", "purpose": "login"}


def test_without_an_alias_the_payload_names_the_client() -> None:
    client, fake = over_lambda(STARTED, alias=False)
    client.lookup(ID)
    [asked] = fake.asked
    assert asked["FunctionName"] == "verify-lookup"
    assert asked["Payload"] == {"id": ID, "client": "shop-k3q7m2xa"}


NAMED = {f["FunctionName"]["Fn::Sub"]: f for f in FUNCTIONS.values() if "FunctionName" in f}


def test_functions_have_the_names_that_it_calls() -> None:
    assert NAMED.keys() == {f"${{AWS::StackName}}-{name}" for name in lambdas._FUNCTIONS.values()}


def test_a_function_that_is_slow_is_not_taken_for_lost() -> None:
    timeouts = {name.rpartition("-")[2]: f["Timeout"] for name, f in NAMED.items()}
    assert timeouts.pop("resend") < RESEND_TIMEOUT_SECONDS
    assert max(timeouts.values()) < TIMEOUT_SECONDS


@pytest.mark.parametrize(
    ("told", "waits"), [(None, (RESEND_TIMEOUT_SECONDS, TIMEOUT_SECONDS)), (5.0, (5.0, 5.0))]
)
def test_a_resend_is_waited_for_as_long_as_its_function_may_run(
    told: float | None, waits: tuple[float, float]
) -> None:
    class Noting:
        def ask(self, *asked: Any) -> Mapping[str, Any]:
            noted.append(asked[-1])
            return dict(STARTED)

    noted: list[float] = []
    client = VerificationClient(Noting(), timeout=told)
    client.resend(ID)
    client.lookup(ID)
    assert tuple(noted) == waits


def test_boto3_has_a_client_for_each_timeout_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[float, FakeLambda] = {}

    def make(timeout: float) -> FakeLambda:
        assert timeout not in made
        return made.setdefault(timeout, FakeLambda(STARTED, STARTED))

    monkeypatch.setattr("verification_client.lambdas._make_client", make)
    client = VerificationClient.over_lambda("verify", "shop-k3q7m2xa")
    for _ in range(2):
        client.lookup(ID)
        client.resend(ID)
    functions = {seconds: {a["FunctionName"] for a in one.asked} for seconds, one in made.items()}
    assert functions == {
        TIMEOUT_SECONDS: {"verify-lookup:shop-k3q7m2xa"},
        RESEND_TIMEOUT_SECONDS: {"verify-resend:shop-k3q7m2xa"},
    }


def test_a_list_is_a_lookup_by_destination() -> None:
    client, fake = over_lambda({"verifications": [], "cursor": None})
    assert client.list("+447700900123").verifications == ()
    assert fake.asked[0]["FunctionName"] == "verify-lookup:shop-k3q7m2xa"
    assert fake.asked[0]["Payload"] == {"to": "+447700900123", "limit": 20}


def test_a_lost_answer_of_lambda_is_asked_for_again_under_the_same_key() -> None:
    lost = ReadTimeoutError(endpoint_url="https://lambda")
    client, fake = over_lambda(lost, {"FunctionError": "Unhandled"}, STARTED)
    assert client.start("+447700900123").id == STARTED["id"]
    keys = {asked["Payload"]["idempotency_key"] for asked in fake.asked}
    assert (len(fake.asked), len(keys)) == (3, 1)


def test_what_lambda_itself_says_is_in_the_same_tree() -> None:
    cases: list[tuple[Exception, type[VerificationError]]] = [
        (refusal("TooManyRequestsException", 429), errors.Throttled),
        (refusal("ServiceException", 500), errors.TemporarilyUnavailable),
        (refusal("AccessDeniedException", 403), errors.NotAllowed),
        (refusal("ResourceNotFoundException", 404), errors.Refused),
        (ConnectTimeoutError(endpoint_url="https://lambda"), errors.Unreachable),
    ]
    for said, kind in cases:
        client, _ = over_lambda(*[said] * 3)
        with pytest.raises(kind):
            client.lookup(ID)


def test_an_error_of_the_function_is_what_it_would_be_over_https() -> None:
    client, _ = over_lambda({"error": {"status": 429, "code": "budget_spent", "retry_after": 60}})
    with pytest.raises(errors.BudgetSpent) as spent:
        client.start("+447700900123")
    assert spent.value.retry_after == 60


def test_the_package_needs_nothing_but_what_boto3_brings() -> None:
    sources = (ROOT / "layers/client/python/verification_client").glob("*.py")
    found = re.findall(r"^\s*(?:from|import) (\w+)", "\n".join(map(Path.read_text, sources)), re.M)
    known = {"boto3", "botocore", "urllib3"}
    assert {name for name in found if name not in sys.stdlib_module_names} <= known
