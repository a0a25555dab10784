"""The guard against SMS pumping: each suspicion at its edge, windows, and what is let through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.guard import (
    Allowed,
    Kind,
    Sighting,
    Suspicion,
    Tally,
    Window,
    network_of,
    parse_allowed,
    suspicions,
)

DAY, HOUR = 86_400, 3_600  # seconds
AT = 20_000 * DAY * 1000  # epoch milliseconds: a day begins, and an hour
KEY = b"a key"


def sighting(
    to: str = "+37255501050", country: str | None = "EE", ip: bytes | None = b"ip", at: int = AT
) -> Sighting:
    return Sighting("shop", to, country, ip, at)


def found(kind: Kind, tally: Tally, seen: Sighting | None = None) -> tuple[Suspicion, ...]:
    return suspicions(seen or sighting(), {kind: tally})


# ------------------------------------------------------------------------------- by conversion

# Sends and verified before this send, which makes one more that verified nobody.
EDGES = [
    # more than so many, whatever was verified
    (Kind.COUNTRY_DAY, 19, 0, False),
    (Kind.COUNTRY_DAY, 20, 0, True),
    (Kind.COUNTRY_HOUR, 19, 0, False),
    (Kind.COUNTRY_HOUR, 20, 0, True),
    (Kind.IP_DAY, 9, 0, False),
    (Kind.IP_DAY, 10, 0, True),
    # and more than one in five of those that verified somebody
    (Kind.COUNTRY_DAY, 120, 100, True),  # 21 of 100
    (Kind.COUNTRY_DAY, 125, 105, False),  # 21 of 105 are 20 %
    (Kind.COUNTRY_DAY, 124, 104, True),  # 21 of 104
    (Kind.COUNTRY_DAY, 599, 500, False),  # 100 of 500
    (Kind.COUNTRY_DAY, 600, 500, True),  # 101 of 500
    (Kind.COUNTRY_HOUR, 599, 500, False),
    (Kind.COUNTRY_HOUR, 600, 500, True),
    (Kind.IP_DAY, 65, 55, False),  # 11 of 55
    (Kind.IP_DAY, 64, 54, True),  # 11 of 54
    # few are few, though they are all there is
    (Kind.COUNTRY_DAY, 19, 19, False),
    (Kind.IP_DAY, 9, 9, False),
]


@pytest.mark.parametrize(("kind", "sends", "verified", "suspect"), EDGES)
def test_sends_that_verify_nobody_are_suspect_over_a_number_and_a_share(
    kind: Kind, sends: int, verified: int, suspect: bool
) -> None:
    expected = (Suspicion(kind),) if suspect else ()
    assert found(kind, Tally(sends, verified)) == expected


def test_where_nothing_was_seen_nothing_is_suspect() -> None:
    assert suspicions(sighting(), {}) == ()
    assert suspicions(sighting(), dict.fromkeys(Kind, Tally())) == ()


def test_all_that_is_suspect_is_said() -> None:
    worst = Tally(100, 0, frozenset({"NL", "LV", "LT"}), frozenset(range(51, 56)))
    assert suspicions(sighting(), dict.fromkeys(Kind, worst)) == tuple(Suspicion)


# --------------------------------------------------------------------------- countries of an IP


@pytest.mark.parametrize(
    ("countries", "country", "suspect"),
    [
        ({"NL", "LV"}, "EE", False),
        ({"NL", "LV", "EE"}, "EE", False),
        ({"NL", "LV", "LT"}, "EE", True),  # the fourth
        ({"NL", "LV", "LT", "EE"}, "EE", True),
        ({"NL", "LV", "LT"}, None, False),  # e-mail, or a number of no country
        ({"NL", "LV", "LT", "EE"}, None, True),
        (set(), "EE", False),
    ],
)
def test_an_address_that_sends_to_a_fourth_country_is_suspect(
    countries: set[str], country: str | None, suspect: bool
) -> None:
    expected = (Suspicion.IP_COUNTRIES,) if suspect else ()
    tally = Tally(countries=frozenset(countries))
    assert found(Kind.IP_DAY, tally, sighting(country=country)) == expected
    assert found(Kind.COUNTRY_DAY, tally, sighting(country=country)) == ()


# ------------------------------------------------------------------------------- runs of numbers


@pytest.mark.parametrize(
    ("numbers", "number", "suspect"),
    [
        ({1, 2, 3, 4}, 5, True),  # at an end
        ({2, 3, 4, 5}, 1, True),
        ({1, 2, 4, 5}, 3, True),  # in the gap that it closes
        ({1, 2, 3}, 4, False),  # four
        ({1, 2, 3, 5}, 6, False),  # with a gap
        ({1, 2, 3, 4}, 4, False),  # one of four once more
        ({1, 2, 3, 4}, 7, True),  # beside the one that was refused, and left no trace
        ({1, 2, 3, 4}, 99, True),
        ({1, 2, 3, 11, 12, 13}, 99, False),
        ({1, 2, 3, 4, 5}, 5, True),  # one of them once more
        ({1, 2, 3, 4, 5}, 6, True),
        # a block ends where its hundred does
        ({95, 96, 97, 98}, 99, True),
        ({1, 2, 3, 4}, 0, True),
        ({97, 98, 99}, 0, False),
        ({0, 1, 2}, 99, False),
        ({97, 98, 99, 0}, 1, False),
        (set(range(100)) - {50}, 50, True),
        (set(), 0, False),
    ],
)
def test_five_numbers_in_a_row_are_suspect(numbers: set[int], number: int, suspect: bool) -> None:
    expected = (Suspicion.NUMBER_RUN,) if suspect else ()
    seen = sighting(f"+372555010{number:02d}")
    assert found(Kind.BLOCK_DAY, Tally(numbers=frozenset(numbers)), seen) == expected


@given(st.sets(st.integers(0, 99)), st.integers(0, 99))
def test_a_run_is_one_that_a_string_of_marks_would_show(numbers: set[int], number: int) -> None:
    def marks(some: set[int]) -> list[str]:
        return "".join("x" if n in some else " " for n in range(100)).split()

    seen = sighting(f"+372555010{number:02d}")
    suspect = bool(found(Kind.BLOCK_DAY, Tally(numbers=frozenset(numbers)), seen))
    with_it = "x" * 5 in " ".join(marks(numbers | {number}))
    without_it = "x" * 4 in " ".join(marks(numbers - {number}))
    assert suspect is (with_it or without_it)


# --------------------------------------------------------------------------------------- windows


def kinds(seen: Sighting) -> set[Kind]:
    return set(seen.windows(KEY))


def test_a_number_counts_by_its_country_its_block_and_its_address() -> None:
    assert kinds(sighting()) == set(Kind)
    assert kinds(sighting(ip=None)) == set(Kind) - {Kind.IP_DAY}
    assert kinds(sighting(country=None)) == set(Kind)  # those of no country are one place


def test_an_email_counts_by_its_address_alone() -> None:
    email = sighting("ann@example.com", None)
    assert kinds(email) == {Kind.IP_DAY}
    assert kinds(sighting("ann@example.com", None, ip=None)) == set()


@pytest.mark.parametrize("kind", Kind)
def test_windows_are_days_and_hours_in_utc(kind: Kind) -> None:
    seconds = HOUR if kind == Kind.COUNTRY_HOUR else DAY
    first = sighting().windows(KEY)[kind]
    assert first.index == AT // 1000 // seconds
    assert first.ends == AT // 1000 + seconds
    last = sighting(at=AT + seconds * 1000 - 1).windows(KEY)[kind]
    assert last == first
    assert sighting(at=AT + seconds * 1000).windows(KEY)[kind].index == first.index + 1


def subject(kind: Kind, seen: Sighting, key: bytes = KEY) -> bytes:
    return seen.windows(key)[kind].subject


def test_every_client_place_address_and_block_is_by_itself() -> None:
    one = sighting()
    assert len({window.subject for window in one.windows(KEY).values()}) == len(Kind)
    for kind in Kind:
        other = Sighting("other", one.to, one.country, one.ip, one.at)
        assert subject(kind, other) != subject(kind, one)
        assert subject(kind, one, b"another key") != subject(kind, one)
    assert subject(Kind.COUNTRY_DAY, sighting(country="NL")) != subject(Kind.COUNTRY_DAY, one)
    assert subject(Kind.IP_DAY, sighting(ip=b"other")) != subject(Kind.IP_DAY, one)
    neighbours = {subject(Kind.BLOCK_DAY, sighting(f"+372555010{n:02d}")) for n in range(100)}
    assert neighbours == {subject(Kind.BLOCK_DAY, one)}
    assert subject(Kind.BLOCK_DAY, sighting("+37255501100")) != subject(Kind.BLOCK_DAY, one)


def test_a_subject_is_a_hash_and_shows_nobodys_number() -> None:
    for window in sighting().windows(KEY).values():
        assert len(window.subject) == 16
        assert b"555" not in window.subject


def test_a_window_can_be_a_key_of_a_mapping() -> None:
    assert len({Window(Kind.IP_DAY, b"a", 1), Window(Kind.IP_DAY, b"a", 1)}) == 1


# ---------------------------------------------------------------------------- what is let through


@pytest.mark.parametrize(
    ("allow", "to", "country", "ip", "covers"),
    [
        # countries
        ("EE", "+37255501050", "EE", None, True),
        ("EE", "+31612345678", "NL", None, False),
        ("EE NL", "+31612345678", "NL", "192.0.2.1", True),
        ("EE", "ann@example.com", None, None, False),
        # prefixes
        ("+3725", "+37255501050", "EE", None, True),
        ("+3726", "+37255501050", "EE", None, False),
        ("+3725", "+3725", None, None, True),
        ("+3725 +316", "+31612345678", "NL", None, True),
        ("+1", "+31612345678", "NL", None, False),
        # networks
        ("192.0.2.0/24", "+31612345678", "NL", "192.0.2.0", True),
        ("192.0.2.0/24", "+31612345678", "NL", "192.0.2.255", True),
        ("192.0.2.0/24", "+31612345678", "NL", "192.0.3.0", False),
        ("192.0.2.0/24", "ann@example.com", None, "192.0.2.1", True),
        ("192.0.2.0/24", "+31612345678", "NL", None, False),
        ("192.0.2.7", "+31612345678", "NL", "192.0.2.7", True),
        ("192.0.2.7", "+31612345678", "NL", "192.0.2.8", False),
        ("2001:db8::/32", "+31612345678", "NL", "2001:db8:ffff::1", True),
        ("2001:db8::/32", "+31612345678", "NL", "2001:db9::1", False),
        ("0.0.0.0/0", "+31612345678", "NL", "2001:db8::1", False),
        ("::/0", "+31612345678", "NL", "192.0.2.1", False),
        # the same address in the other spelling
        ("192.0.2.0/24", "+31612345678", "NL", "::ffff:192.0.2.1", True),
        ("192.0.2.0/24", "+31612345678", "NL", "::ffff:192.0.3.1", False),
        # any of several
        ("LV +44 198.51.100.0/24 2001:db8::/32", "+31612345678", "NL", "2001:db8::1", True),
        ("LV +44 198.51.100.0/24 2001:db8::/32", "+31612345678", "NL", "192.0.2.1", False),
        ("", "+31612345678", "NL", "192.0.2.1", False),
    ],
)
def test_places_are_let_through_by_country_prefix_or_network(
    allow: str, to: str, country: str | None, ip: str | None, covers: bool
) -> None:
    assert parse_allowed(allow).covers(to, country, ip) is covers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", set()),
        ("  EE   +3725 ", {"EE", "+3725"}),
        ("192.0.2.7", {"192.0.2.7/32"}),
        ("192.0.2.0/24 2001:0DB8::/32", {"192.0.2.0/24", "2001:db8::/32"}),
        ("EE EE", {"EE"}),
        ("+1", {"+1"}),
        ("+123456789012345", {"+123456789012345"}),
        ("::1", {"::1/128"}),
    ],
)
def test_what_is_let_through_has_one_spelling(text: str, words: set[str]) -> None:
    assert parse_allowed(text) == Allowed(frozenset(words))


@pytest.mark.parametrize(
    "word",
    [
        "ee",
        "EST",
        "E",
        "\u00c4\u00c4",
        "+",
        "+3725x",
        "+1234567890123456",
        "+\u0663",
        "3725",
        "192.0.2.1/24",  # a host's bits are set: what is meant, the host or the network?
        "192.0.2.0/33",
        "192.0.2",
        "2001:db8::1/32",
        "EE,NL",
        "*",
    ],
)
def test_a_word_that_is_no_place_is_named(word: str) -> None:
    with pytest.raises(ValueError, match="is no network such as 192.0.2.0/24, prefix") as refused:
        parse_allowed(f"NL {word}")
    assert str(refused.value).startswith(f"'{word}' is no")


def test_a_long_word_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match="^'x{64}' is no"):
        parse_allowed("x" * 1000)


# ----------------------------------------------------------------------- what counts as one address


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
    ],
)
def test_a_household_counts_as_one_address(ip: str, network: str) -> None:
    assert network_of(ip) == network
