"""Messente's delivery reports, as they come and as nobody should send them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.api.reports.bodies import MAX_BODY_BYTES
from verification.api.reports.messente import STATUSES, read
from verification.domain.report import Report
from verification.domain.verification import Delivery

VECTORS = json.loads((Path(__file__).parent / "vectors/messente/omnichannel.json").read_text())
PUBLISHED: dict[str, Any] = VECTORS["reports"][0]["body"]
ID = "d7248cda-6c1a-4436-acf5-aaf249bb67d3"


def body(**changes: Any) -> bytes:
    return json.dumps(PUBLISHED | changes).encode()


@pytest.mark.parametrize("vector", VECTORS["reports"], ids=lambda vector: vector["source"])
def test_published_reports(vector: dict[str, Any]) -> None:
    assert read("the-token", {}, json.dumps(vector["body"]).encode()) == Report(
        provider="messente",
        delivery=Delivery.DELIVERED,
        token="the-token",
        message_id=vector["message_id"],
        vendor_code="DELIVRD",
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("ACK", None),
        ("ACCEPTD", None),
        ("UNKNOWN", None),
        ("DELIVRD", Delivery.DELIVERED),
        ("SEEN", Delivery.DELIVERED),
        ("UNDELIV", Delivery.UNDELIVERED),
        ("FAILED", Delivery.UNDELIVERED),
        ("REJECTD", Delivery.UNDELIVERED),
        ("EXPIRED", Delivery.UNDELIVERED),
        ("NACK", Delivery.UNDELIVERED),
        ("DELETED", Delivery.UNDELIVERED),
    ],
)
def test_each_status_is_an_end_or_no_report(status: str, expected: Delivery | None) -> None:
    assert status in STATUSES
    report = read("t", {}, body(status=status))
    assert (report and report.delivery) == expected


@pytest.mark.parametrize(
    ("err", "expected"),
    [(err, f"REJECTD {err}") for err in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 999)]
    + [(err, "REJECTD") for err in (0, None, -1, 1000, 10**30, True, 8.0, "8", [8], {"8": 8})],
)
def test_the_vendor_s_number_is_kept_beside_its_word(err: object, expected: str) -> None:
    report = read("t", {}, body(status="REJECTD", err=err, error="+31612345678 said no"))
    assert report and report.vendor_code == expected


@pytest.mark.parametrize(
    ("last", "status", "channel", "expected"),
    [
        ("sms", "UNDELIV", "viber", None),  # Messente tries SMS now
        ("sms", "EXPIRED", "viber", None),
        ("sms", "UNDELIV", None, None),
        ("sms", "UNDELIV", "sms", Delivery.UNDELIVERED),
        ("sms", "DELIVRD", "viber", Delivery.DELIVERED),
        ("sms", "SEEN", "viber", Delivery.DELIVERED),
        (None, "UNDELIV", "viber", Delivery.UNDELIVERED),
        (None, "UNDELIV", None, Delivery.UNDELIVERED),
    ],
)
def test_a_failure_counts_on_the_last_channel_alone(
    last: str | None, status: str, channel: str | None, expected: Delivery | None
) -> None:
    query = {"last": last} if last else {}
    report = read("t", query, body(status=status, channel=channel))
    assert (report and report.delivery) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ID, ID),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
        ("", None),
        ("a\nb", None),
        (None, None),
        (7, None),
        ([ID], None),
    ],
)
def test_the_id_is_the_one_that_send_gave_or_none(value: object, expected: str | None) -> None:
    report = read("t", {}, body(omnimessage_id=value))
    assert report and report.message_id == expected


def test_an_id_may_be_missing() -> None:
    assert read("t", {}, b'{"status": "DELIVRD"}') == Report(
        "messente", Delivery.DELIVERED, "t", None, "DELIVRD"
    )


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"7",
        b'"DELIVRD"',
        b"[]",
        b'[{"status": "DELIVRD"}]',
        b"{}",
        b'{"status": null}',
        b'{"status": 7}',
        b'{"status": true}',
        b'{"status": ["DELIVRD"]}',
        b'{"status": {"DELIVRD": 1}}',
        b'{"status": "delivrd"}',
        b'{"status": "SENT"}',
        b'{"status": "DELIVRD"',
        b"status=DELIVRD",
        b"<html>DELIVRD</html>",
        b"\xff\xfe\x00",
        b"\x00" * 100,
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"status": "DELIVRD", "a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"status": "DELIVRD", "err": ' + b"9" * 5_000 + b"}",
    ],
)
def test_what_is_no_report_is_none_and_never_an_error(hostile: bytes) -> None:
    assert read("t", {}, hostile) is None


def test_a_body_up_to_64_kb_is_read_and_no_more() -> None:
    report = b'{"status": "DELIVRD"}'
    assert read("t", {}, report.ljust(MAX_BODY_BYTES)) is not None
    assert read("t", {}, report.ljust(MAX_BODY_BYTES + 1)) is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_without_an_error(data: bytes) -> None:
    assert read("t", {}, data) is None


@given(
    st.fixed_dictionaries({name: JSON_VALUES for name in PUBLISHED}), st.sampled_from([*STATUSES])
)
def test_any_value_in_any_field_is_taken_without_an_error(
    fields: dict[str, Any], status: str
) -> None:
    assert read("t", {"last": "sms"}, json.dumps(fields).encode()) is None
    report = read("t", {}, json.dumps(fields | {"status": status}).encode())
    assert (report and report.delivery) == STATUSES[status]
    if report:
        code = report.vendor_code or ""
        assert len(code) <= 64 and code.isascii() and code.isprintable()
