"""Where a provider is: an https address and nothing beside it."""

import pytest
from pydantic import TypeAdapter, ValidationError
from verification.providers.settings import BaseUrl

READ: TypeAdapter[str] = TypeAdapter(BaseUrl)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://vendor.example", "https://vendor.example"),
        ("https://vendor.example/", "https://vendor.example"),
        ("https://vendor.example/v1/", "https://vendor.example/v1"),
        ("https://VENDOR.example", "https://VENDOR.example"),
        ("https://vendor.example:1", "https://vendor.example:1"),
        ("https://vendor.example:65535", "https://vendor.example:65535"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://[2001:db8::1]:8443/v1", "https://[2001:db8::1]:8443/v1"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost", "http://localhost"),
    ],
)
def test_an_address_is_kept_without_a_slash_at_its_end(given: str, kept: str) -> None:
    assert READ.validate_python(given) == kept


@pytest.mark.parametrize(
    "given",
    [
        "",
        "vendor.example",
        "//vendor.example",
        "https:vendor.example",
        "ftp://vendor.example",
        "http://vendor.example",
        "http://127.0.0.2",
        "http://localhost.vendor.example",
        "https://",
        "https:///v1",
        "https://:443",
        "https://-vendor.example",
        "https://vendor.example-",
        "https://.vendor.example",
        "https://vendor.example.",
        "https://vendor_.example",
        "https://vendor .example",
        "https://*.vendor.example",
        "https://%76endor.example",
        "https://b\u00fccher.example",
        "https://[vendor]",
        "https://[::1",
        "https://::1",
        "https://vendor.example:0",
        "https://vendor.example:-1",
        "https://vendor.example:65536",
        "https://vendor.example:99999999999999999999",
        "https://vendor.example:x",
        "https://vendor.example:\u0661",
        "https://us@vendor.example",
        "https://us:secret@vendor.example",
        "https://:secret@vendor.example",
        "https://vendor.example\\@other.example",
        "https://vendor.example?key=secret",
        "https://vendor.example#part",
        "https://vendor.example/" + "a" * 478,
    ],
)
def test_what_is_no_https_address_or_more_than_one_is_refused(given: str) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python(given)


def test_an_address_may_have_500_characters() -> None:
    longest = "https://vendor.example/" + "a" * 477
    assert len(longest) == 500
    assert READ.validate_python(longest) == longest


@pytest.mark.parametrize(
    "url",
    [
        "https://\u017fhop.example",
        "https://shop\u0131.example",
        "https://ven\tdor.example",
        "https://ven\ndor.example",
        " https://vendor.example",
        "https://vendor.example/a\r\nb",
        "https://vendor.example/\x00",
        "https://vendor.example/a b",
        "https://vendor.example?",
        "https://vendor.example#",
        "https://a..example",
        "https://vendor.example:the-password",
        "https://[the-password",
        "https://vendor.example:99999",
        "https://vendor.example:0",
    ],
)
def test_what_is_no_plain_address_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(BaseUrl).validate_python(url)
    (fault,) = refused.value.errors(include_url=False, include_input=False)
    assert "password" not in fault["msg"]
