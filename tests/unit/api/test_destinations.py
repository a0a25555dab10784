"""Destinations: many spellings, one that we know each by."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.api.destinations import kind_of, parse_destination
from verification.domain.destination import Destination
from verification.domain.policy import NUMBER_KINDS
from verification.errors import InvalidFields


@pytest.mark.parametrize(
    ("to", "country", "value", "of"),
    [
        ("+31612345678", None, "+31612345678", "NL"),
        ("+31612345678", "NL", "+31612345678", "NL"),
        ("+31612345678", "DE", "+31612345678", "NL"),  # the number knows best
        (" +31 6 12 34 56 78 ", None, "+31612345678", "NL"),
        ("+31 (0)6-1234.5678", None, "+31612345678", "NL"),
        ("+31\u00a0612345678", None, "+31612345678", "NL"),
        ("06 12345678", "NL", "+31612345678", "NL"),
        ("0031612345678", "NL", "+31612345678", "NL"),
        ("(202) 456-1111", "US", "+12024561111", "US"),
        ("2024561111", "US", "+12024561111", "US"),
        ("+1 204 234 5678", None, "+12042345678", "CA"),
        ("030/23125000", "DE", "+493023125000", "DE"),
        ("+44 7400 123456", None, "+447400123456", "GB"),
        ("+39 02 1234567", None, "+39021234567", "IT"),  # Italy keeps its zero
        ("+3725555555", None, "+3725555555", "EE"),
        ("+881612345678", None, "+881612345678", None),  # satellite: of no country
        ("+12025550100", None, "+12025550100", "US"),  # of fiction, allowed
        ("+447700900123", None, "+447700900123", "GB"),
    ],
)
def test_a_number_is_written_in_e164(
    to: str, country: str | None, value: str, of: str | None
) -> None:
    assert parse_destination(to, country) == Destination(value, of)


@pytest.mark.parametrize(
    ("to", "kind"),
    [
        ("+31612345678", "mobile"),
        ("+3225550123", "fixed_line"),
        ("+12025550100", "fixed_line_or_mobile"),
        ("+18005550100", "toll_free"),
        ("+449001234567", "premium_rate"),
        ("+39848123456", "shared_cost"),
        ("+445612345678", "voip"),
        ("+883510000000", "voip"),  # of no country
        ("+447012345678", "personal_number"),
        ("+31880123456", "uan"),
        ("+37290012345", "unknown"),
    ],
)
def test_a_number_is_of_a_kind(to: str, kind: str) -> None:
    assert kind_of(parse_destination(to).value) == kind


def test_operators_can_refuse_every_kind_that_there_is() -> None:
    kinds = phonenumbers.PhoneNumberType
    assert {kinds.to_string(kind).lower() for kind in kinds.values()} == set(NUMBER_KINDS)


@pytest.mark.parametrize(
    ("to", "value"),
    [
        ("ann@example.com", "ann@example.com"),
        (" Ann@Example.COM ", "ann@example.com"),
        ("ann+shop@gmail.com", "ann+shop@gmail.com"),
        ("a.n.n@sub.gmail.com", "a.n.n@sub.gmail.com"),
        ("ann@b\u00fccher.de", "ann@xn--bcher-kva.de"),
        ("ann@shop.test", "ann@shop.test"),
        ("ann@x.example", "ann@x.example"),
        ("o'neil@gmail.com", "o'neil@gmail.com"),
        ("a" * 64 + "@gmail.com", "a" * 64 + "@gmail.com"),
    ],
)
def test_an_address_is_written_in_small_letters(to: str, value: str) -> None:
    assert parse_destination(to) == Destination(value, None)


@pytest.mark.parametrize("to", ["+31612345678", "ann@b\u00fccher.de", "Ann@Example.com"])
def test_the_one_spelling_is_its_own(to: str) -> None:
    once = parse_destination(to)
    assert parse_destination(once.value) == once


NEITHER = "is neither a phone number nor an e-mail address"
NO_COUNTRY = "needs a + and the country code, or the field country"
IMPOSSIBLE = "is not a possible phone number: wrong length or country code"
NO_ADDRESS = "is not an e-mail address that can be reached"


@pytest.mark.parametrize(
    ("to", "country", "fault"),
    [
        ("", None, NEITHER),
        ("ann", None, NEITHER),
        ("+", None, NEITHER),
        ("+3161234567a", None, NEITHER),
        ("1-800-FLOWERS", "US", NEITHER),
        ("+31612345678 ext. 5", None, NEITHER),
        ("+31612345678;ext=5", None, NEITHER),
        ("tel:+31612345678", None, NEITHER),
        ("++31612345678", None, NEITHER),
        ("\uff0b31612345678", None, NEITHER),
        ("+\u0663\u0661\u0666\u0661\u0662\u0663\u0664\u0665", None, NEITHER),
        ("+31612345678\x00", None, NEITHER),
        ("+31612345678\n+31687654321", None, NEITHER),
        ("+" + "1" * 100, None, NEITHER),
        ("\ud800\ud800\ud800\ud800\ud800", None, NEITHER),
        ("0612345678", None, NO_COUNTRY),
        ("112", "NL", NEITHER),
        ("+31 6 12", None, IMPOSSIBLE),
        ("+1 456 1111", None, IMPOSSIBLE),  # local only: not to be reached from elsewhere
        ("4561111", "US", IMPOSSIBLE),
        ("+3161234567890123", None, IMPOSSIBLE),
        ("061234567890123", "NL", IMPOSSIBLE),
        ("+4915123456789012", None, "is not a phone number: too long"),  # possible in Germany
        ("+999123456789", None, "is not a phone number"),
        ("@", None, NO_ADDRESS),
        ("ann@", None, NO_ADDRESS),
        ("@example.com", None, NO_ADDRESS),
        ("ann@localhost", None, NO_ADDRESS),
        ("ann@127.0.0.1", None, NO_ADDRESS),
        ("ann@[127.0.0.1]", None, NO_ADDRESS),
        ("ann@exa mple.com", None, NO_ADDRESS),
        ("ann@gmail..com", None, NO_ADDRESS),
        ("ann..b@gmail.com", None, NO_ADDRESS),
        ("Ann <ann@gmail.com>", None, NO_ADDRESS),
        ("ann@gmail.com, bob@gmail.com", None, NO_ADDRESS),
        ("ann@gmail.com\nbcc: bob@gmail.com", None, NO_ADDRESS),
        ("an\x00n@gmail.com", None, NO_ADDRESS),
        ("\u00e4nn@gmail.com", None, NO_ADDRESS),  # SMTPUTF8: few providers take it
        ("a" * 65 + "@gmail.com", None, NO_ADDRESS),
        ("a b@x.test", None, NO_ADDRESS),
        ("ann@a b.test", None, NO_ADDRESS),  # reserved names are names all the same
        ("ann@x\r\nbcc: bob.test", None, NO_ADDRESS),
        ("ann@\x00.example", None, NO_ADDRESS),
        ("ann@..test", None, NO_ADDRESS),
        ("ann@-.example.com", None, NO_ADDRESS),
        ("ann@" + "a" * 64 + ".test", None, NO_ADDRESS),
        ("\ud800@gmail.com", None, NO_ADDRESS),
        ("ann@\ud800.com", None, NO_ADDRESS),
        ("ann@invalid", None, NO_ADDRESS),
    ],
)
def test_what_cannot_be_reached_is_refused(to: str, country: str | None, fault: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        parse_destination(to, country)
    (only,) = refused.value.faults
    assert (only.field, only.message) == ("to", fault)


@pytest.mark.parametrize("country", ["XX", "001", "nl", "UK", ""])
def test_a_country_without_phone_numbers_is_refused(country: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        parse_destination("0612345678", country)
    (only,) = refused.value.faults
    assert only.field in ("country", "to")


def check(to: str, country: str | None) -> None:
    try:
        found = parse_destination(to, country)
    except InvalidFields as refused:
        assert refused.faults
    else:
        assert type(found) is Destination
        assert found.value.isascii() and found.value == found.value.strip().lower()
        assert parse_destination(found.value).value == found.value


COUNTRIES = st.sampled_from([None, "NL", "US", "XX"])


@given(st.text(), COUNTRIES)
def test_any_text_gives_a_destination_or_a_named_fault(to: str, country: str | None) -> None:
    check(to, country)


@given(st.from_regex(r"\+?[0-9 ().\-/]{4,40}", fullmatch=True), COUNTRIES)
def test_anything_like_a_number_gives_one_or_a_named_fault(to: str, country: str | None) -> None:
    check(to, country)


@given(st.from_regex(r"[^@]{0,12}@[^@]{0,12}\.(com|test|\w+)", fullmatch=True))
def test_anything_like_an_address_gives_one_or_a_named_fault(to: str) -> None:
    check(to, None)
