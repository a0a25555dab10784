"""MessageBird's delivery reports, for SMS and voice."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.api.reports.messagebird import STATUSES, read
from verification.domain.report import Report
from verification.domain.verification import Delivery

VECTORS = json.loads(
    (Path(__file__).parent / "vectors/messagebird/rest.json").read_text(encoding="utf-8")
)
ID = "e8077d803532c0b5937c639b60216938"
TOKEN = "a token"


def fields(**changes: str) -> dict[str, str]:
    return {"id": ID, "recipient": "31612345678", "status": "delivered"} | changes


def as_query(values: Mapping[str, Any]) -> Report | None:
    return read(TOKEN, values, b"")


def as_form(values: Mapping[str, Any]) -> Report | None:
    return read(TOKEN, {}, urlencode(values).encode())


def as_json(values: Mapping[str, Any]) -> Report | None:
    return read(TOKEN, {}, json.dumps(values).encode())


WAYS = [as_query, as_form, as_json]


def test_the_published_report_is_a_delivery() -> None:
    vector = VECTORS["status_report_get"]
    query = dict(parse_qsl(urlsplit(vector["url"]).query))
    assert read(TOKEN, query, b"") == Report(
        provider="messagebird",
        delivery=Delivery.DELIVERED,
        token=TOKEN,
        message_id=ID,
        vendor_code="delivered",
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "delivery"),
    [
        ("scheduled", None),
        ("sent", None),
        ("buffered", None),
        ("delivered", Delivery.DELIVERED),
        ("expired", Delivery.UNDELIVERED),
        ("delivery_failed", Delivery.UNDELIVERED),
        ("calling", None),
        ("answered", Delivery.DELIVERED),
        ("failed", Delivery.UNDELIVERED),
        ("busy", Delivery.UNDELIVERED),
        ("machine", Delivery.UNDELIVERED),
    ],
)
def test_each_status_is_a_delivery_a_failure_or_in_between(
    way: Callable[[Mapping[str, Any]], Report | None], status: str, delivery: Delivery | None
) -> None:
    expected = delivery and Report("messagebird", delivery, TOKEN, ID, status)
    assert way(fields(status=status)) == expected


def test_no_status_is_without_a_row() -> None:
    assert len(STATUSES) == 11


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "status", ["", "Delivered", "delivered ", "no-answer", "verified", "unknown", "\x00"]
)
def test_a_status_that_is_not_the_vendors_is_no_report(
    way: Callable[[Mapping[str, Any]], Report | None], status: str
) -> None:
    assert way(fields(status=status)) is None


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "error", "vendor_code"),
    [
        ("delivery_failed", "1", "delivery_failed 1"),
        ("expired", "34", "expired 34"),
        ("delivery_failed", "0", "delivery_failed 0"),
        ("failed", "9999", "failed 9999"),
        ("delivered", "0", "delivered"),
        ("failed", "", "failed"),
        ("failed", "31612345678", "failed"),
        ("failed", "1\n", "failed"),
        ("failed", "-1", "failed"),
        ("failed", "١", "failed"),
        ("failed", "null", "failed"),
    ],
)
def test_of_a_failure_the_error_code_is_kept_when_it_is_one(
    way: Callable[[Mapping[str, Any]], Report | None], status: str, error: str, vendor_code: str
) -> None:
    report = way(fields(status=status, statusErrorCode=error))
    assert report and report.vendor_code == vendor_code


@pytest.mark.parametrize(
    ("error", "vendor_code"),
    [(5, "failed 5"), (None, "failed"), (True, "failed"), (5.0, "failed"), ([5], "failed")],
)
def test_in_json_an_error_code_may_be_a_number(error: Any, vendor_code: str) -> None:
    report = as_json({"status": "failed", "statusErrorCode": error})
    assert report and report.vendor_code == vendor_code


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("message_id", ["", "a\nb", "\x00", "x" * 257])
def test_a_report_without_a_usable_id_is_one_by_its_token(
    way: Callable[[Mapping[str, Any]], Report | None], message_id: str
) -> None:
    report = way(fields(id=message_id))
    assert report and (report.token, report.message_id) == (TOKEN, None)


@pytest.mark.parametrize("message_id", [None, 7, [], {}, True, "\ud800"])
def test_in_json_an_id_that_is_no_text_is_none(message_id: Any) -> None:
    report = as_json({"status": "delivered", "id": message_id})
    assert report and report.message_id is None


def test_the_query_counts_before_the_body() -> None:
    report = read(TOKEN, fields(status="delivered"), b'{"status": "failed"}')
    assert report and report.delivery == Delivery.DELIVERED
    assert read(TOKEN, fields(status="sent"), b'{"status": "failed"}') is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"delivered"',
        b"NaN",
        b'{"status": null}',
        b'{"status": ["delivered"]}',
        b'{"status": {"delivered": 1}}',
        b'{"status": 1}',
        b'{"status": "delivered"',
        b"status",
        b"status=",
        b"status=%ff",
        b"status=\xff\xfe",
        b"&" * 1_000 + b"status=delivered",
        b"a=1&" * 101 + b"status=delivered",
        b"[" * 60_000,
        b'{"status":' * 6_000,
        b"\xff\xfe\x00",
        b"7" * 60_000,
        b'{"status": "delivered", "pad": "' + b"x" * 65_536 + b'"}',
    ],
)
def test_a_body_of_another_shape_is_no_report(body: bytes) -> None:
    assert read(TOKEN, {}, body) is None


@pytest.mark.parametrize("depth", [10, 100, 500, 900, 990, 2_000, 9_000])
@pytest.mark.parametrize("name", ["id", "statusErrorCode", "status"])
def test_what_is_nested_to_the_sky_is_not_looked_into(name: str, depth: int) -> None:
    body = f'{{"status": "failed", "{name}": {"[" * depth}{"]" * depth}}}'.encode()
    report = read(TOKEN, {}, body)
    assert report in (None, Report("messagebird", Delivery.UNDELIVERED, TOKEN, None, "failed"))


texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from([*STATUSES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["id", "status", "statusErrorCode", "reference"]) | texts


def is_plain(report: Report | None) -> bool:
    """Nothing or a report that can be stored and logged."""
    if report is None:
        return True
    code, message_id = report.vendor_code or "", report.message_id or ""
    return code.isascii() and code.isprintable() and len(code) <= 64 and message_id.isprintable()


@given(st.dictionaries(names, texts | st.sampled_from([*STATUSES])), st.binary(max_size=200))
def test_any_query_and_any_bytes_are_a_plain_report_or_none(
    query: dict[str, str], body: bytes
) -> None:
    assert is_plain(read(TOKEN, query, body))


@given(st.dictionaries(names, values))
def test_any_json_is_a_plain_report_or_none(body: dict[str, Any]) -> None:
    assert is_plain(read(TOKEN, {}, json.dumps(body).encode()))
