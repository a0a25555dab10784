"""Webhooks: what they want, how they are signed, when they are tried again, where they may lead."""

import pytest
from standardwebhooks import Webhook as Library
from standardwebhooks import WebhookVerificationError
from verification.domain.events import EventType
from verification.domain.webhooks import (
    GIVE_UP_SECONDS,
    Webhook,
    check_url,
    delay,
    secret_of,
    sign,
)

KEY = b"the identity key, 32 bytes at least"
NOW = 1_800_000_000_000
URL = "https://shop.example/verified"
WEBHOOK = Webhook("w1", "shop", URL)


def test_it_wants_all_or_those_it_named_and_nothing_once_it_is_gone() -> None:
    some = Webhook("w1", "shop", URL, (EventType.VERIFIED,))
    assert WEBHOOK.wants("verification.sent") and some.wants("verification.verified")
    assert not some.wants("verification.sent")
    assert not Webhook("w1", "shop", URL, disabled=True).wants("verification.sent")


def test_two_secrets_sign_during_a_rotation_and_one_before_and_after() -> None:
    rotated = Webhook("w1", "shop", URL, generation=2, overlap_until=NOW + 1)
    first, second = WEBHOOK.key(KEY, 1), WEBHOOK.key(KEY, 2)
    assert WEBHOOK.keys(KEY, NOW) == [first]
    assert rotated.keys(KEY, NOW) == [second, first]
    assert rotated.keys(KEY, NOW + 1) == [second]


def test_no_two_webhooks_have_one_secret() -> None:
    all_ = [WEBHOOK, Webhook("w2", "shop", URL), Webhook("w1", "other", URL)]
    keys = [one.key(key, n) for one in all_ for n in (1, 2) for key in (KEY, b"x" * 32)]
    assert len(set(keys)) == len(keys) and {len(key) for key in keys} == {32}


def test_a_librarys_check_takes_what_is_signed_and_nothing_else() -> None:
    import time

    now, body = int(time.time()), b'{"type":"verification.sent"}'
    key = WEBHOOK.key(KEY, 1)
    headers = {
        "webhook-id": "an id",
        "webhook-timestamp": str(now),
        "webhook-signature": sign(key, "an id", now, body),
    }
    library = Library(secret_of(key))
    library.verify(body, headers)
    for wrong in (
        (body + b" ", headers),
        (body, headers | {"webhook-id": "another"}),
        (body, headers | {"webhook-timestamp": str(now + 1)}),
        (body, headers | {"webhook-signature": sign(b"k" * 32, "an id", now, body)}),
    ):
        with pytest.raises(WebhookVerificationError):
            library.verify(*wrong)


@pytest.mark.parametrize("seconds", [-301, 301])  # on both sides
def test_a_librarys_check_refuses_what_is_older_or_newer_than_five_minutes(seconds: int) -> None:
    import time

    then, key = int(time.time()) + seconds, WEBHOOK.key(KEY, 1)
    headers = {
        "webhook-id": "an id",
        "webhook-timestamp": str(then),
        "webhook-signature": sign(key, "an id", then, b"{}"),
    }
    with pytest.raises(WebhookVerificationError):
        Library(secret_of(key)).verify(b"{}", headers)


def test_waits_grow_to_two_hours_and_some_twenty_fill_a_day() -> None:
    waits = [delay(tries) for tries in range(1, 100)]
    assert waits[:9] == [5, 15, 45, 135, 405, 1215, 3645, 7200, 7200] and max(waits) == 7200
    tries = next(n for n in range(100) if sum(waits[:n]) >= GIVE_UP_SECONDS)
    assert 15 <= tries <= 25


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://shop.example",
        "https://shop.example:8443/a?b=c&d=%20",
        "https://192.0.2.1/",  # looked at when it is resolved
        "https://[2001:db8::1]:443/",
        "http://10.1.0.9:8080/",
    ],
)
def test_urls_that_can_be_webhooks(url: str) -> None:
    assert check_url(url) == url


# That nothing is posted to, whatever their names lead to; see test_outbound.py for the others.
@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example",
        "//shop.example/",
        "ftp://shop.example/",
        "file:///etc/passwd",
        "gopher://shop.example/_x",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https://user@shop.example/",
        "https://user:secret@shop.example/",
        "https://@shop.example/",
        "https://shop.example@169.254.169.254/",
        "https://shop.example\\@169.254.169.254/",
        "https://shop.example#@169.254.169.254/",
        "https://shop.example/#part",
        "https://shop.example:0/",
        "https://shop.example:22/",
        "https://shop.example:25/",
        "https://shop.example:80/",
        "https://shop.example:65536/",
        "https://shop.example:x/",
        "https://shop example/",
        "https://shop.example/\r\nHost: evil",
        "https://sh\u00f6p.example/",
        "https://\u2460\u2461\u2466.0.0.1/",
        "https://shop_.example/",
        "https://-shop.example/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://shop.example/" + "a" * 480,
    ],
)
def test_urls_that_cannot(url: str) -> None:
    with pytest.raises(ValueError, match="^write a URL"):
        check_url(url)
