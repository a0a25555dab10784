"""The settings of MessageBird's API: the code of tests, and where callers find it."""

import pytest
from verification.api.dialects.messagebird.http import MessageBirdApi
from verification.errors import ConfigurationError
from verification.settings import Settings
from verification.wiring import Stack


@pytest.mark.parametrize("environ", [{}, {"TEST_CODE": "", "PUBLIC_URL": ""}])
def test_both_may_be_missing_or_empty(environ: dict[str, str]) -> None:
    settings = Settings(environ)
    assert (settings.test_code, settings.public_url) == (None, None)


@pytest.mark.parametrize("code", ["1234", "0001", "1" * 16])
def test_a_test_code_is_as_it_is(code: str) -> None:
    assert Settings({"TEST_CODE": code}).test_code == code


@pytest.mark.parametrize(
    "code", ["123", "1" * 17, "0000", "0" * 16, "12 34", "12345x", "٦٦٦٦", "1234\n", " "]
)
def test_a_wrong_test_code_is_refused_and_not_repeated(code: str) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        _ = Settings({"TEST_CODE": code}).test_code
    assert str(stopped.value) == "TEST_CODE must be 4 to 16 digits, not all zeros."


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://sms.example.org", "https://sms.example.org"),
        ("https://sms.example.org/", "https://sms.example.org"),
        ("https://sms.example.org:8443/a/b", "https://sms.example.org:8443/a/b"),
        ("http://127.0.0.1:4566/_aws/execute-api/x/prod", None),
    ],
)
def test_a_public_url_has_no_slash_at_its_end(url: str, kept: str | None) -> None:
    assert Settings({"PUBLIC_URL": url}).public_url == (kept or url)


@pytest.mark.parametrize(
    "url", ["sms.example.org", "ftp://sms.example.org", "https://", "https://a?b", "https://a/b c"]
)
def test_a_wrong_public_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="^PUBLIC_URL must be an http or https URL"):
        _ = Settings({"PUBLIC_URL": url}).public_url


def test_the_function_gets_both() -> None:
    stack = Stack({"TEST_CODE": "246810", "PUBLIC_URL": "https://sms.example.org/"})
    assert stack.messagebird_api() == MessageBirdApi("246810", "https://sms.example.org")
    assert Stack({}).messagebird_api() == MessageBirdApi(None, None)


def test_a_wrong_test_code_stops_the_function() -> None:
    with pytest.raises(ConfigurationError):
        Stack({"TEST_CODE": "0000"}).messagebird_api()
