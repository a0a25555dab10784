"""Verigator, against a real HTTP server that answers as its document and its clients' tests say."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer
from verification.domain.verification import Channel, Reason
from verification.errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from verification.providers.verigator import Account, Settings, VerigatorVerifier, create_service

from tests.providers.hostile import RawServer, http, says_and_closes, says_and_waits
from tests.providers.orders import PLENTY, make_order

PUBLISHED = json.loads((Path(__file__).parent / "vectors/verigator/published.json").read_text())
CREDENTIALS = {"username": "user", "password": "pass:word"}
SERVICE = "81213bfd-b690-499e-b9d2-8754cb1550e8"
USERS = f"/v1/service/service/{SERVICE}/users"
USER: dict[str, str] = PUBLISHED["user_201"]["body"]
AUTH = f"{USERS}/{USER['id']}/auth"
SMS, TOTP = PUBLISHED["auth_sms"]["body"], PUBLISHED["auth_totp"]["body"]
REF = f"sms:{USER['id']}"
TO = make_order().to
# Worked out here, apart from the product: two fields, each after its length in four bytes.
ENCODED = b"\0\0\0\x0everigator user" + b"\0\0\0\x0c" + TO.encode()
ID_IN_SERVICE = hmac.new(b"pass:word", ENCODED, hashlib.sha256).hexdigest()[:32]


def make_verifier(base_url: str, **changes: Any) -> VerigatorVerifier:
    settings = {**CREDENTIALS, "service_id": SERVICE, "base_url": base_url} | changes
    return VerigatorVerifier(Settings.model_validate(settings))


@pytest.fixture
def verifier(httpserver: HTTPServer) -> VerigatorVerifier:
    return make_verifier(httpserver.url_for("/v1"))


def answer(
    httpserver: HTTPServer, call: str, body: object = None, status: int | None = None
) -> None:
    """What to answer to a call such as `POST /path`: JSON, or text if it is a text."""
    method, path = call.split(" ")
    text = body if isinstance(body, str) else json.dumps(body)
    status = status or (201 if method == "POST" else 200)
    httpserver.expect_request(path, method=method).respond_with_data(
        text, status, content_type="application/json"
    )


def asked(httpserver: HTTPServer) -> list[tuple[str, Any]]:
    return [
        (f"{request.method} {request.path}", request.json if request.data else None)
        for request, _ in httpserver.log
    ]


def check(verifier: VerigatorVerifier, ref: str = REF, repeated: bool = False) -> Reason | None:
    return verifier.check(ref, TO, "654321", repeated=repeated, remaining=lambda: PLENTY)


def failure_of_start(verifier: VerigatorVerifier) -> tuple[type[ProviderError], str]:
    with pytest.raises(ProviderError) as caught:
        verifier.start(make_order())
    assert caught.value.provider == "verigator"
    return type(caught.value), caught.value.vendor_code


def failure_of_check(verifier: VerigatorVerifier, **how: Any) -> tuple[type[ProviderError], str]:
    with pytest.raises(ProviderError) as caught:
        check(verifier, **how)
    return type(caught.value), caught.value.vendor_code


# Start


def test_a_start_makes_the_user_and_asks_for_a_code(
    httpserver: HTTPServer, verifier: VerigatorVerifier
) -> None:
    answer(httpserver, f"POST {USERS}", USER)
    answer(httpserver, f"POST {AUTH}", SMS)
    assert verifier.start(make_order()) == REF
    assert asked(httpserver) == [
        (f"POST {USERS}", {"id_in_service": ID_IN_SERVICE, "phone_number": TO}),
        (f"POST {AUTH}", {"method": "sms"}),
    ]
    for request, _ in httpserver.log:
        assert request.headers["X-Service-Auth"] == "user:pass:word"
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["Accept"] == "application/json"
        assert "Authorization" not in request.headers
        assert request.query_string == b""


@pytest.mark.parametrize(
    ("channel", "wanted", "used"),
    [
        (Channel.SMS, "sms", SMS),
        (Channel.TOTP, "totp", TOTP),
        (Channel.TOTP, "totp", PUBLISHED["auth_totp_java"]["body"]),
        (Channel.TOTP, "totp", SMS),  # nobody has set up the app: the vendor sends an SMS
    ],
)
def test_the_vendor_says_which_method_it_used(
    httpserver: HTTPServer,
    verifier: VerigatorVerifier,
    channel: Channel,
    wanted: str,
    used: dict[str, str],
) -> None:
    answer(httpserver, f"POST {USERS}", USER)
    answer(httpserver, f"POST {AUTH}", used)
    assert verifier.start(make_order(channel=channel)) == f"{used['method']}:{USER['id']}"
    assert asked(httpserver)[1] == (f"POST {AUTH}", {"method": wanted})


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_is_one(
    httpserver: HTTPServer, verifier: VerigatorVerifier, status: int
) -> None:
    answer(httpserver, f"POST {USERS}", USER, status)
    answer(httpserver, f"POST {AUTH}", SMS, status)
    answer(httpserver, f"PUT {AUTH}", {"verified": True}, status)
    assert verifier.start(make_order()) == REF
    assert check(verifier) is None


def test_a_known_number_is_found_by_its_id_in_the_service(
    httpserver: HTTPServer, verifier: VerigatorVerifier
) -> None:
    others = PUBLISHED["users_200"]["body"]["users"]
    known = {**USER, "id_in_service": ID_IN_SERVICE}
    answer(httpserver, f"POST {USERS}", {"message": "exists"}, 409)
    answer(httpserver, f"GET {USERS}", {"total": 3, "users": [*others, known]})
    answer(httpserver, f"POST {AUTH}", SMS)
    assert verifier.start(make_order()) == REF
    assert asked(httpserver)[1] == (f"GET {USERS}", None)
    assert [call for call, _ in asked(httpserver)] == [
        f"POST {USERS}",
        f"GET {USERS}",
        f"POST {AUTH}",
    ]
    assert httpserver.log[1][0].headers["X-Service-Auth"] == "user:pass:word"


@pytest.mark.parametrize(
    "body",
    [
        {"users": []},
        {"users": None},
        {"users": {"id": "x"}},
        {},
        {"users": [None, 1, "x", [], {}, {"id": "x"}, {"id_in_service": ID_IN_SERVICE.upper()}]},
        PUBLISHED["users_200"]["body"],
    ],
)
def test_a_known_number_that_is_not_found_is_rejected(
    httpserver: HTTPServer, verifier: VerigatorVerifier, body: object
) -> None:
    answer(httpserver, f"POST {USERS}", None, 409)
    answer(httpserver, f"GET {USERS}", body)
    assert failure_of_start(verifier) == (ProviderRejected, "user_not_found")


def test_a_service_with_more_users_than_we_read_needs_somebody_to_look_after_it(
    httpserver: HTTPServer, verifier: VerigatorVerifier
) -> None:
    answer(httpserver, f"POST {USERS}", None, 409)
    answer(httpserver, f"GET {USERS}", {"users": [USER] * 40_000})
    assert failure_of_start(verifier) == (ProviderRefused, "too_many_users")


def test_twenty_thousand_users_are_read(
    httpserver: HTTPServer, verifier: VerigatorVerifier
) -> None:
    other = {**USER, "id_in_service": "0" * 32}
    known = {**USER, "id_in_service": ID_IN_SERVICE}
    answer(httpserver, f"POST {USERS}", None, 409)
    answer(httpserver, f"GET {USERS}", {"total": 20_000, "users": [other] * 19_999 + [known]})
    answer(httpserver, f"POST {AUTH}", SMS)
    assert verifier.start(make_order()) == REF


def test_the_id_in_the_service_is_of_the_number_and_the_password_alone(
    httpserver: HTTPServer,
) -> None:
    answer(httpserver, f"POST {USERS}", USER)
    answer(httpserver, f"POST {AUTH}", SMS)
    starts: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({}, {"key": "another-1", "channel": Channel.TOTP, "country": None}),
        ({"username": "other"}, {}),
        ({"password": "other"}, {}),
        ({}, {"to": "+31612345679"}),
    ]
    for settings, order in starts:
        make_verifier(httpserver.url_for("/v1"), **settings).start(make_order(**order))
    ids = [body["id_in_service"] for call, body in asked(httpserver) if call == f"POST {USERS}"]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 3
    for one in ids:
        assert len(one) == 32
        assert "612345" not in one


START_STATUSES: list[tuple[int, type[ProviderError], type[ProviderError]]] = [
    # when the user is made, when the code is asked for
    *((status, ProviderRejected, ProviderRejected) for status in (400, 422)),
    *((status, ProviderRefused, ProviderRefused) for status in (301, 302, 307)),
    *((status, ProviderRefused, ProviderRefused) for status in (401, 402, 403, 404, 405, 447)),
    (429, ProviderUnavailable, ProviderUnavailable),
    (503, ProviderUnavailable, ProviderUnavailable),
    *((status, ProviderUnavailable, ProviderSilent) for status in (500, 502, 504)),
]


@pytest.mark.parametrize(("status", "kind", "_"), START_STATUSES)
def test_a_status_when_the_user_is_made_sent_nothing_and_means(
    httpserver: HTTPServer,
    verifier: VerigatorVerifier,
    status: int,
    kind: type[ProviderError],
    _: type[ProviderError],
) -> None:
    answer(httpserver, f"POST {USERS}", {"message": TO}, status)
    assert failure_of_start(verifier) == (kind, f"http_{status}")
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(("status", "kind", "_"), START_STATUSES)
def test_a_status_when_the_user_is_looked_for_sent_nothing_and_means(
    httpserver: HTTPServer,
    verifier: VerigatorVerifier,
    status: int,
    kind: type[ProviderError],
    _: type[ProviderError],
) -> None:
    answer(httpserver, f"POST {USERS}", {"message": "exists"}, 409)
    answer(httpserver, f"GET {USERS}", {"message": TO}, status)
    assert failure_of_start(verifier) == (kind, f"http_{status}")
    assert len(httpserver.log) == 2


@pytest.mark.parametrize(
    ("status", "_", "kind"), [*START_STATUSES, (409, ProviderRejected, ProviderRejected)]
)
def test_a_status_when_the_code_is_asked_for_means(
    httpserver: HTTPServer,
    verifier: VerigatorVerifier,
    status: int,
    _: type[ProviderError],
    kind: type[ProviderError],
) -> None:
    answer(httpserver, f"POST {USERS}", USER)
    answer(httpserver, f"POST {AUTH}", {"message": TO}, status)
    assert failure_of_start(verifier) == (kind, f"http_{status}")
    assert len(httpserver.log) == 2


BAD_IDS = [
    {},
    {"id": None},
    {"id": ""},
    {"id": 7},
    {"id": ["a"]},
    {"id": "a/b"},
    {"id": ".."},
    {"id": "a?b"},
    {"id": "a#b"},
    {"id": "a%2fb"},
    {"id": "a:b"},
    {"id": "a b"},
    {"id": "a\n"},
    {"id": "ä"},
    {"id": "\ud800"},
    {"id": "x" * 129},
]


@pytest.mark.parametrize("user", BAD_IDS)
def test_a_user_id_that_cannot_stand_in_a_path_is_no_answer_and_sent_nothing(
    httpserver: HTTPServer, verifier: VerigatorVerifier, user: dict[str, object]
) -> None:
    answer(httpserver, f"POST {USERS}", user)
    assert failure_of_start(verifier) == (ProviderUnavailable, "no_id")
    httpserver.clear()
    answer(httpserver, f"POST {USERS}", None, 409)
    answer(httpserver, f"GET {USERS}", {"users": [{**user, "id_in_service": ID_IN_SERVICE}]})
    assert failure_of_start(verifier) == (ProviderUnavailable, "no_id")


def test_silence_before_a_code_is_asked_for_sent_nothing() -> None:
    for behaviour in (says_and_closes(b""), says_and_closes(http("<html>"))):
        with RawServer(behaviour) as server:
            kind, _ = failure_of_start(make_verifier(server.url))
            assert kind == ProviderUnavailable
            assert len(server.asked) == 1


def test_silence_after_a_code_is_asked_for_may_have_sent_it() -> None:
    given = [says_and_closes(http(json.dumps(USER))), says_and_closes(b"")]
    with RawServer(lambda talk, asked: given.pop(0)(talk, asked)) as server:
        assert failure_of_start(make_verifier(server.url))[0] == ProviderSilent
        assert len(server.asked) == 2


def test_a_start_ends_with_the_time_of_the_function() -> None:
    left = iter([2_600, 2_500])  # the user takes what there was
    with RawServer(says_and_waits(http(json.dumps(USER)))) as server:
        with pytest.raises(ProviderUnavailable) as caught:
            make_verifier(server.url).start(make_order(remaining=lambda: next(left)))
        assert caught.value.vendor_code == "no_time_left"
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("body", "vendor_code"),
    [
        ("", "http_201_not_json"),
        ("<html></html>", "http_201_not_json"),
        ([], "http_201_not_json"),
        ({}, "no_method"),
        ({"auth_id": "x"}, "no_method"),
        ({"method": None}, "no_method"),
        ({"method": "voice"}, "no_method"),
        ({"method": ["sms"]}, "no_method"),
        ({"method": {"sms": 1}}, "no_method"),
    ],
)
def test_a_success_that_does_not_say_the_method_is_silent(
    httpserver: HTTPServer, verifier: VerigatorVerifier, body: object, vendor_code: str
) -> None:
    answer(httpserver, f"POST {USERS}", USER)
    answer(httpserver, f"POST {AUTH}", body)
    assert failure_of_start(verifier) == (ProviderSilent, vendor_code)


# Check


@pytest.mark.parametrize("method", ["sms", "totp"])
@pytest.mark.parametrize("repeated", [False, True])
def test_a_check_says_the_method_and_the_guess(
    httpserver: HTTPServer, verifier: VerigatorVerifier, method: str, repeated: bool
) -> None:
    answer(httpserver, f"PUT {AUTH}", {"verified": True})
    assert check(verifier, f"{method}:{USER['id']}", repeated) is None
    assert asked(httpserver) == [(f"PUT {AUTH}", {"method": method, "token": "654321"})]
    assert httpserver.log[0][0].headers["X-Service-Auth"] == "user:pass:word"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PUBLISHED["verify_ok_python"]["body"], None),
        (PUBLISHED["verify_ok_java"]["body"], None),
        (PUBLISHED["verify_fail_python"]["body"], Reason.INCORRECT),
        (PUBLISHED["verify_fail_java"]["body"], Reason.INCORRECT),
        ({"verified": False, "status": {"expired": True}}, Reason.EXPIRED),
        ({"verified": False, "status": {"throttled": True}}, Reason.EXHAUSTED),
        ({"verified": False, "status": {"expired": True, "throttled": True}}, Reason.EXPIRED),
        ({"verified": False, "status": {"expired": "true"}}, Reason.INCORRECT),
        ({"verified": False, "status": []}, Reason.INCORRECT),
        ({"verified": False, "status": "OK"}, Reason.INCORRECT),
    ],
)
def test_a_verdict_means(
    httpserver: HTTPServer, verifier: VerigatorVerifier, body: object, reason: Reason | None
) -> None:
    answer(httpserver, f"PUT {AUTH}", body)
    assert check(verifier) == reason


@pytest.mark.parametrize(
    ("body", "vendor_code"),
    [
        ("", "http_200_not_json"),
        ("true", "http_200_not_json"),
        ({}, "no_verdict"),
        ({"verified": None}, "no_verdict"),
        ({"verified": 1}, "no_verdict"),
        ({"verified": "true"}, "no_verdict"),
        ({"verified": 0}, "no_verdict"),
        ({"verified": [True]}, "no_verdict"),
        ({"Verified": True}, "no_verdict"),
    ],
)
def test_only_true_is_yes_and_only_false_is_no(
    httpserver: HTTPServer, verifier: VerigatorVerifier, body: object, vendor_code: str
) -> None:
    answer(httpserver, f"PUT {AUTH}", body)
    assert failure_of_check(verifier) == (ProviderSilent, vendor_code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, ProviderRejected) for status in (400, 409, 422)),
        *((status, ProviderRefused) for status in (302, 401, 402, 403, 405, 447)),
        *((status, ProviderUnavailable) for status in (429, 503)),
        *((status, ProviderSilent) for status in (500, 502, 504)),
    ],
)
def test_a_status_of_a_check_means(
    httpserver: HTTPServer, verifier: VerigatorVerifier, status: int, kind: type[ProviderError]
) -> None:
    answer(httpserver, f"PUT {AUTH}", {"verified": True, "message": TO}, status)
    assert failure_of_check(verifier) == (kind, f"http_{status}")


def test_what_the_vendor_no_longer_knows_has_expired(
    httpserver: HTTPServer, verifier: VerigatorVerifier
) -> None:
    answer(httpserver, f"PUT {AUTH}", {"message": "not found"}, 404)
    assert check(verifier) == Reason.EXPIRED


def test_after_a_lost_answer_it_may_have_ended_well(
    httpserver: HTTPServer, verifier: VerigatorVerifier
) -> None:
    answer(httpserver, f"PUT {AUTH}", {"message": "not found"}, 404)
    assert failure_of_check(verifier, repeated=True) == (ProviderSilent, "http_404")


def test_a_cancel_asks_nobody(httpserver: HTTPServer, verifier: VerigatorVerifier) -> None:
    verifier.cancel(REF, lambda: PLENTY)
    assert httpserver.log == []


@pytest.mark.parametrize("length", [4, 16])
@pytest.mark.parametrize("validity", [1, 172_801])
def test_what_nobody_knows_is_not_bound(length: int, validity: int) -> None:
    for attempts in (1, 10):
        assert VerigatorVerifier.terms.fault(length, validity, attempts) is None


def test_it_carries_sms_and_totp() -> None:
    assert VerigatorVerifier.channels == {Channel.SMS, Channel.TOTP}


# An operator's own


def make_account(httpserver: HTTPServer) -> Account:
    return Account.model_validate({**CREDENTIALS, "base_url": httpserver.url_for("/v1")})


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_service_is_made(httpserver: HTTPServer, status: int) -> None:
    answer(httpserver, "POST /v1/service/service", PUBLISHED["service_201"]["body"], status)
    made = create_service(make_account(httpserver), "shop.example", "Shop", lambda: PLENTY)
    assert made == PUBLISHED["service_201"]["body"]["id"]
    assert asked(httpserver) == [
        ("POST /v1/service/service", {"fqdn": "shop.example", "name": "Shop"})
    ]
    assert httpserver.log[0][0].headers["X-Service-Auth"] == "user:pass:word"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, ProviderRejected) for status in (400, 409, 422)),
        *((status, ProviderRefused) for status in (401, 403, 404)),
        *((status, ProviderUnavailable) for status in (429, 503)),
        (500, ProviderSilent),
    ],
)
def test_a_status_when_a_service_is_made_means(
    httpserver: HTTPServer, status: int, kind: type[ProviderError]
) -> None:
    answer(httpserver, "POST /v1/service/service", {"message": "no"}, status)
    with pytest.raises(ProviderError) as caught:
        create_service(make_account(httpserver), "shop.example", "Shop", lambda: PLENTY)
    assert (type(caught.value), caught.value.vendor_code) == (kind, f"http_{status}")


@pytest.mark.parametrize("service", BAD_IDS)
def test_a_service_id_that_cannot_stand_in_a_path_is_silent(
    httpserver: HTTPServer, service: dict[str, object]
) -> None:
    answer(httpserver, "POST /v1/service/service", service)
    with pytest.raises(ProviderSilent):
        create_service(make_account(httpserver), "shop.example", "Shop", lambda: PLENTY)


# Settings


def test_the_vendors_own_address_is_the_default() -> None:
    settings = Settings.model_validate({**CREDENTIALS, "service_id": SERVICE})
    assert settings.base_url == "https://api.verigator.com/v1"


@pytest.mark.parametrize(
    "changes",
    [
        {"username": ""},
        {"username": "a:b"},  # the colon parts it from the password
        {"username": "a b"},
        {"username": "ä"},
        {"username": "a\n"},
        {"username": "x" * 201},
        {"password": ""},
        {"password": "hunter2 "},
        {"password": "hunter2\n"},
        {"password": "hunter2ä"},
        {"password": "hunter2" * 100},
        {"service_id": ""},
        {"service_id": "a/b"},
        {"service_id": ".."},
        {"service_id": "a\n"},
        {"service_id": "x" * 129},
        {"base_url": "http://api.example/v1"},
        {"more": "1"},
    ],
)
def test_settings_out_of_bounds_are_refused_without_being_shown(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({**CREDENTIALS, "service_id": SERVICE} | changes)
    [fault] = caught.value.errors()
    assert fault["loc"] == tuple(changes)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("missing", ["username", "password", "service_id"])
def test_each_setting_without_a_default_is_needed(missing: str) -> None:
    settings = {**CREDENTIALS, "service_id": SERVICE}
    del settings[missing]
    with pytest.raises(ValidationError):
        Settings.model_validate(settings)


def test_the_password_is_not_shown(verifier: VerigatorVerifier) -> None:
    settings = Settings.model_validate({**CREDENTIALS, "service_id": SERVICE})
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(verifier)):
        assert CREDENTIALS["password"] not in shown
