"""Destinations, and those that exist in tests only."""

from datetime import UTC, datetime

import pytest
from verification.api.destinations import parse_destination
from verification.domain.destination import (
    Destination,
    TestDestination,
    TestDestinationError,
    parse_test_destinations,
)
from verification.domain.verification import Channel


def test_the_channels_of_a_destination_begin_with_its_default() -> None:
    by_phone = (Channel.SMS, Channel.VOICE, Channel.WHATSAPP, Channel.VIBER, Channel.TOTP)
    assert Destination("+31612345678", "NL").channels == by_phone
    assert Destination("ann@example.com").channels == (Channel.EMAIL,)


def test_a_test_destination_works_through_its_last_day() -> None:
    found = parse_test_destinations(
        "+12025550100=123456@2027-01-31; ann@example.com=0042@2028-02-29;"
    )
    first_of_february = int(datetime(2027, 2, 1, tzinfo=UTC).timestamp()) * 1000
    first_of_march = int(datetime(2028, 3, 1, tzinfo=UTC).timestamp()) * 1000
    assert found == {
        "+12025550100": TestDestination("123456", first_of_february),
        "ann@example.com": TestDestination("0042", first_of_march),
    }


@pytest.mark.parametrize("written", ["Ann@Example.com", "ANN@EXAMPLE.COM", "ann@example.com"])
def test_a_test_destination_is_known_by_the_spelling_of_starts(written: str) -> None:
    (only,) = parse_test_destinations(f"{written}=0042@2028-02-29")
    assert only == parse_destination(written).value


@pytest.mark.parametrize("text", ["", " ", ";;", " ; "])
def test_none_is_allowed(text: str) -> None:
    assert parse_test_destinations(text) == {}


RANGE = "is not in a range reserved for fiction"
CODE = "needs a code of 4 to 16 digits, not all zeros"
DAY = "needs a last day such as 2027-01-31"


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("+31612345678=123456@2027-01-31", RANGE),  # could be somebody's
        ("ann@gmail.com=123456@2027-01-31", RANGE),
        ("12025550100=123456@2027-01-31", RANGE),
        ("=123456@2027-01-31", RANGE),
        ("+12025550100", RANGE),
        ("+12025550100 =123456@2027-01-31", RANGE),
        ("+12025550100=123@2027-01-31", CODE),
        ("+12025550100=" + "1" * 17 + "@2027-01-31", CODE),
        ("+12025550100=000000@2027-01-31", CODE),
        ("+12025550100=12345a@2027-01-31", CODE),
        ("+12025550100=@2027-01-31", CODE),
        ("+12025550100=\u0661\u0662\u0663\u0664@2027-01-31", CODE),
        ("+12025550100=123456", DAY),
        ("+12025550100=123456@", DAY),
        ("+12025550100=123456@2027-02-30", DAY),
        ("+12025550100=123456@tomorrow", DAY),
    ],
)
def test_a_wrong_one_is_refused_by_its_number_and_never_quoted(entry: str, fault: str) -> None:
    with pytest.raises(TestDestinationError) as refused:
        parse_test_destinations(f"ann@example.com=4711@2027-01-31; {entry}")
    assert str(refused.value) == f"test destination 2 {fault}"
