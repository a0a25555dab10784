"""Messente's Number Verification, against real HTTP servers: a main host and a backup."""

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
from verification.providers.messente_verify import MessenteVerifier, Settings

from tests.local.processes import free_port

from .orders import PLENTY, make_order

VECTORS = json.loads(
    (Path(__file__).parent / "vectors/messente/number_verification.json").read_text()
)
TEMPLATE = make_order().template(Channel.SMS, "<PIN>").text
CREDENTIALS = {"username": "user", "password": "päss&word"}
NOT_NOW = "FAILED 209"


def make_verifier(*base_urls: str, **settings: Any) -> MessenteVerifier:
    return MessenteVerifier(
        Settings.model_validate({**CREDENTIALS, "base_urls": base_urls, **settings})
    )


def hosts(httpserver: HTTPServer, call: str, *answers: str) -> list[str]:
    """The base URLs of hosts that answer so to a call, with HTTP status 200."""
    for number, text in enumerate(answers):
        path = f"/{number}/verify/{call}/"
        httpserver.expect_request(path, method="POST").respond_with_data(
            text, content_type="text/plain"
        )
    return [httpserver.url_for(f"/{number}") for number in range(len(answers))]


def asked(httpserver: HTTPServer) -> list[str]:
    """The paths that were asked for, in order."""
    return [request.path for request, _ in httpserver.log]


def check(verifier: MessenteVerifier, repeated: bool = False) -> Reason | None:
    return verifier.check(
        "vid1", "+31612345678", "654321", repeated=repeated, remaining=lambda: PLENTY
    )


def test_a_start_is_posted_with_all_in_the_query_as_published_clients_do(
    httpserver: HTTPServer,
) -> None:
    verifier = make_verifier(*hosts(httpserver, "start", "OK vid1"))
    assert verifier.start(make_order()) == "vid1"
    [(request, _)] = httpserver.log
    assert (request.method, request.path, request.data) == ("POST", "/0/verify/start/", b"")
    assert request.headers["Accept"] == "text/plain"
    assert "Authorization" not in request.headers
    assert request.args.to_dict(flat=False) == {
        "username": ["user"],
        "password": ["päss&word"],
        "to": ["+31612345678"],
        "template": [TEMPLATE],
        "pin_length": ["6"],
        "max_tries": ["1"],
        "validity": ["300"],
    }
    assert "<PIN>" in TEMPLATE


@pytest.mark.parametrize(
    ("settings", "order", "expected"),
    [
        ({}, {"to": "+12025550123"}, {"to": "+12025550123"}),
        ({}, {"code_length": 4}, {"pin_length": "4"}),
        ({}, {"code_length": 16}, {"pin_length": "16"}),
        ({}, {"validity": 1}, {"validity": "1"}),
        ({}, {"validity": 1_800}, {"validity": "1800"}),
        ({"sender": "Shop"}, {}, {"from": "Shop"}),
        ({"sender": "Shop"}, {"sender": "Other"}, {"from": "Other"}),
        ({}, {"sender": "Other"}, {"from": "Other"}),
        ({"max_tries": 2}, {}, {"max_tries": "2", "retry_delay": "30"}),
        (
            {"max_tries": 10, "retry_delay": 1_800},
            {},
            {"max_tries": "10", "retry_delay": "1800"},
        ),
        ({"retry_delay": 45}, {}, {}),  # nothing to delay when it is sent once
    ],
)
def test_each_parameter_of_a_start(
    httpserver: HTTPServer,
    settings: dict[str, Any],
    order: dict[str, Any],
    expected: dict[str, str],
) -> None:
    make_verifier(*hosts(httpserver, "start", "OK vid1"), **settings).start(make_order(**order))
    [(request, _)] = httpserver.log
    standard = {
        **CREDENTIALS,
        "to": "+31612345678",
        "template": TEMPLATE,
        "pin_length": "6",
        "max_tries": "1",
        "validity": "300",
    }
    assert request.args.to_dict() == standard | expected


def test_a_check_is_posted_with_the_id_and_the_guess(httpserver: HTTPServer) -> None:
    check(make_verifier(*hosts(httpserver, "pin", "VERIFIED")))
    [(request, _)] = httpserver.log
    assert (request.method, request.path, request.data) == ("POST", "/0/verify/pin/", b"")
    assert request.args.to_dict(flat=False) == {
        "username": ["user"],
        "password": ["päss&word"],
        "verification_id": ["vid1"],
        "pin": ["654321"],
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OK vid1", "vid1"),
        ("OK vid1\r\n", "vid1"),
        ("OK " + "x" * 256, "x" * 256),
    ],
)
def test_a_start_that_was_taken_gives_the_id(
    httpserver: HTTPServer, text: str, expected: str
) -> None:
    assert make_verifier(*hosts(httpserver, "start", text)).start(make_order()) == expected


@pytest.mark.parametrize(
    ("text", "expected", "vendor_code"),
    [
        # Nothing was sent, and the vendor holds somebody for verified: never a success of ours.
        ("VERIFIED", ProviderRefused, "VERIFIED"),
        ("ERROR 101", ProviderRefused, "ERROR 101"),
        ("ERROR 102", ProviderRejected, "ERROR 102"),
        ("ERROR 103", ProviderRefused, "ERROR 103"),
        ("ERROR 109", ProviderRefused, "ERROR 109"),
        ("ERROR 111", ProviderRefused, "ERROR 111"),
        ("FAILED 209", ProviderUnavailable, "FAILED 209"),
        # Of the vendor's SMS API, which shares the numbers.
        ("ERROR 104", ProviderRejected, "ERROR 104"),
        ("ERROR 105", ProviderRejected, "ERROR 105"),
        ("ERROR 106", ProviderRejected, "ERROR 106"),
        ("ERROR 107", ProviderRefused, "ERROR 107"),
        ("ERROR 108", ProviderRejected, "ERROR 108"),
        # Of no document.
        ("ERROR 999", ProviderRefused, "ERROR 999"),
        ("ERROR 102 bad number +31612345678", ProviderRejected, "ERROR 102"),
        ("FAILED 101", ProviderSilent, "FAILED 101"),
        ("FAILED 2099", ProviderSilent, "unknown_answer"),
        ("ERROR", ProviderSilent, "unknown_answer"),
        ("OK", ProviderSilent, "unknown_answer"),
        ("OK ", ProviderSilent, "unknown_answer"),
        ("OK two words", ProviderSilent, "unknown_answer"),
        ("OK " + "x" * 257, ProviderSilent, "unknown_answer"),
        ("OK vïd", ProviderSilent, "unknown_answer"),
        ("INVALID", ProviderSilent, "unknown_answer"),
        ("verified", ProviderSilent, "unknown_answer"),
        ("", ProviderSilent, "unknown_answer"),
        ("<html>OK vid1</html>", ProviderSilent, "unknown_answer"),
    ],
)
def test_each_other_answer_to_a_start_has_its_meaning(
    httpserver: HTTPServer, text: str, expected: type[ProviderError], vendor_code: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        make_verifier(*hosts(httpserver, "start", text)).start(make_order())
    assert (type(caught.value), caught.value.vendor_code) == (expected, vendor_code)


@pytest.mark.parametrize("repeated", [False, True])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VERIFIED", None),
        ("VERIFIED\n", None),
        ("INVALID", Reason.INCORRECT),
        ("EXPIRED", Reason.EXPIRED),
        ("THROTTLED", Reason.EXHAUSTED),
    ],
)
def test_each_verdict_on_a_guess_has_its_reason_repeated_or_not(
    httpserver: HTTPServer, text: str, expected: Reason | None, repeated: bool
) -> None:
    assert check(make_verifier(*hosts(httpserver, "pin", text)), repeated) is expected


@pytest.mark.parametrize(
    ("text", "expected", "vendor_code"),
    [
        ("ERROR 101", ProviderRefused, "ERROR 101"),
        ("ERROR 102", ProviderRejected, "ERROR 102"),
        ("ERROR 103", ProviderRefused, "ERROR 103"),
        ("ERROR 110", ProviderRejected, "ERROR 110"),
        ("FAILED 209", ProviderUnavailable, "FAILED 209"),
        ("OK vid1", ProviderSilent, "unknown_answer"),
        ("VERIFIED vid1", ProviderSilent, "unknown_answer"),
        ("NOT VERIFIED", ProviderSilent, "unknown_answer"),
        ("", ProviderSilent, "unknown_answer"),
    ],
)
def test_each_other_answer_to_a_guess_is_no_verdict(
    httpserver: HTTPServer, text: str, expected: type[ProviderError], vendor_code: str
) -> None:
    with pytest.raises(ProviderError) as caught:
        check(make_verifier(*hosts(httpserver, "pin", text)))
    assert (type(caught.value), caught.value.vendor_code) == (expected, vendor_code)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (201, ProviderSilent),
        (302, ProviderRefused),
        (401, ProviderRefused),
        (404, ProviderRefused),
        (429, ProviderUnavailable),
        (500, ProviderSilent),
        (502, ProviderSilent),
        (503, ProviderUnavailable),
    ],
)
def test_words_with_another_status_than_200_are_not_read(
    httpserver: HTTPServer, status: int, expected: type[ProviderError]
) -> None:
    httpserver.expect_request("/verify/pin/").respond_with_data("VERIFIED", status)
    with pytest.raises(ProviderError) as caught:
        check(make_verifier(httpserver.url_for("")))
    assert (type(caught.value), caught.value.vendor_code) == (expected, f"http_{status}")


@pytest.mark.parametrize("vector", VECTORS["start"], ids=lambda vector: vector["answer"])
def test_published_answers_to_a_start(httpserver: HTTPServer, vector: dict[str, Any]) -> None:
    verifier = make_verifier(*hosts(httpserver, "start", vector["answer"]))
    if "id" in vector:
        assert verifier.start(make_order()) == vector["id"]
    else:
        with pytest.raises(ProviderError) as caught:
            verifier.start(make_order())
        assert type(caught.value).__name__ == vector["error"]


@pytest.mark.parametrize("vector", VECTORS["pin"], ids=lambda vector: vector["answer"])
def test_published_answers_to_a_guess(httpserver: HTTPServer, vector: dict[str, Any]) -> None:
    verifier = make_verifier(*hosts(httpserver, "pin", vector["answer"]))
    if "reason" in vector:
        assert check(verifier) == vector["reason"]
    else:
        with pytest.raises(ProviderError) as caught:
            check(verifier)
        assert type(caught.value).__name__ == vector["error"]


def test_the_first_host_alone_is_asked_while_it_answers(httpserver: HTTPServer) -> None:
    verifier = make_verifier(*hosts(httpserver, "start", "OK vid1", "OK vid2"))
    assert verifier.start(make_order()) == "vid1"
    assert asked(httpserver) == ["/0/verify/start/"]


def test_failed_209_sends_a_start_to_the_backup(httpserver: HTTPServer) -> None:
    verifier = make_verifier(*hosts(httpserver, "start", NOT_NOW, "OK vid2"))
    assert verifier.start(make_order()) == "vid2"
    assert asked(httpserver) == ["/0/verify/start/", "/1/verify/start/"]
    first, second = (request.args.to_dict() for request, _ in httpserver.log)
    assert first == second


def test_without_a_connection_both_calls_go_to_the_backup(httpserver: HTTPServer) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    [backup] = hosts(httpserver, "start", "OK vid2")
    hosts(httpserver, "pin", "INVALID")
    verifier = make_verifier(nobody, backup)
    assert verifier.start(make_order()) == "vid2"
    assert check(verifier) == Reason.INCORRECT


@pytest.mark.parametrize("text", ["", "<html>", "OK", "FAILED 101", "ERROR 101", "VERIFIED"])
def test_a_start_that_the_first_host_may_have_done_or_has_refused_is_not_asked_for_again(
    httpserver: HTTPServer, text: str
) -> None:
    verifier = make_verifier(*hosts(httpserver, "start", text, "OK vid2"))
    with pytest.raises((ProviderSilent, ProviderRefused)):
        verifier.start(make_order())
    assert asked(httpserver) == ["/0/verify/start/"]


@pytest.mark.parametrize("status", [500, 502])
def test_a_start_is_not_asked_for_again_after_a_server_error(
    httpserver: HTTPServer, status: int
) -> None:
    urls = hosts(httpserver, "start", "OK vid1", "OK vid2")
    httpserver.clear_all_handlers()
    httpserver.expect_request("/0/verify/start/").respond_with_data("oops", status)
    with pytest.raises(ProviderSilent):
        make_verifier(*urls).start(make_order())
    assert asked(httpserver) == ["/0/verify/start/"]


@pytest.mark.parametrize("text", ["", "<html>", "OK vid1", "FAILED 101", NOT_NOW])
def test_a_guess_is_asked_about_again_when_the_first_host_gives_no_verdict(
    httpserver: HTTPServer, text: str
) -> None:
    verifier = make_verifier(*hosts(httpserver, "pin", text, "VERIFIED"))
    assert check(verifier) is None
    assert asked(httpserver) == ["/0/verify/pin/", "/1/verify/pin/"]


@pytest.mark.parametrize("text", ["INVALID", "EXPIRED", "THROTTLED"])
def test_a_verdict_of_the_first_host_stands(httpserver: HTTPServer, text: str) -> None:
    assert check(make_verifier(*hosts(httpserver, "pin", text, "VERIFIED"))) is not None
    assert asked(httpserver) == ["/0/verify/pin/"]


def test_a_refusal_of_the_first_host_stands(httpserver: HTTPServer) -> None:
    with pytest.raises(ProviderRefused):
        check(make_verifier(*hosts(httpserver, "pin", "ERROR 101", "VERIFIED")))
    assert asked(httpserver) == ["/0/verify/pin/"]


def test_when_all_hosts_fail_the_last_one_s_error_counts(httpserver: HTTPServer) -> None:
    verifier = make_verifier(*hosts(httpserver, "start", NOT_NOW, NOT_NOW, "ERROR 103"))
    with pytest.raises(ProviderRefused) as caught:
        verifier.start(make_order())
    assert caught.value.vendor_code == "ERROR 103"
    assert len(asked(httpserver)) == 3


def test_to_cancel_asks_nothing(httpserver: HTTPServer) -> None:
    make_verifier(httpserver.url_for("")).cancel("vid1", lambda: PLENTY)
    assert httpserver.log == []


def test_the_terms_are_those_of_the_vendor_s_document() -> None:
    assert MessenteVerifier.terms.code_length == (4, 16)
    assert MessenteVerifier.terms.validity == (1, 1_800)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"username": ""}, "username"),
        ({"password": ""}, "password"),
        ({"base_urls": []}, "base_urls"),
        ({"base_urls": ["https://a.example"] * 5}, "base_urls"),
        ({"base_urls": ["http://a.example"]}, "base_urls"),
        ({"sender": ""}, "sender"),
        ({"max_tries": 0}, "max_tries"),
        ({"max_tries": 11}, "max_tries"),
        ({"retry_delay": 0}, "retry_delay"),
        ({"retry_delay": 1_801}, "retry_delay"),
        ({"cookie": "x"}, "cookie"),
    ],
)
def test_a_wrong_setting_is_named_and_no_value_is_shown(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"username": "user", "password": "hunter2", **change})
    assert fault in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_defaults_are_the_documented_ones_and_the_password_is_not_shown() -> None:
    settings = Settings.model_validate({"username": "user", "password": "hunter2"})
    assert settings.base_urls == ("https://api2.messente.com", "https://api3.messente.com")
    assert (settings.sender, settings.max_tries, settings.retry_delay) == (None, 1, 30)
    assert "hunter2" not in repr(settings)
