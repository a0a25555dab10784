"""Destinations that can belong to nobody."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.reserved import is_reserved

# First and last of each range, with the numbers just outside it.
RANGES = [
    # North America
    ("+12025550100", "+12025550199"),
    ("+19895550100", "+19895550199"),
    ("+15555550100", "+15555550199"),
    # United Kingdom
    *(
        (f"+44{area}4960000", f"+44{area}4960999")
        for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161)
    ),
    ("+442079460000", "+442079460999"),
    ("+441914980000", "+441914980999"),
    ("+442920180000", "+442920180999"),
    ("+441632960000", "+441632960999"),
    ("+447700900000", "+447700900999"),
    ("+448081570000", "+448081570999"),
    ("+449098790000", "+449098790999"),
    ("+443069990000", "+443069990999"),
    # Australia
    *((f"+61{area}55500000"[:12], f"+61{area}55509999"[:12]) for area in (2, 3, 7, 8)),
    *((f"+61{area}70100000"[:12], f"+61{area}70109999"[:12]) for area in (2, 3, 7, 8)),
    # France
    *((f"+33{root}0000", f"+33{root}9999") for root in (19900, 26191, 35301, 46571, 53649, 63998)),
    # Sweden
    ("+46701740605", "+46701740699"),
    ("+46313900600", "+46313900699"),
    ("+46406280400", "+46406280499"),
    ("+46846500400", "+46846500499"),
    ("+46980319200", "+46980319299"),
    # Germany
    ("+493023125000", "+493023125999"),
    ("+496990009000", "+496990009999"),
    ("+494066969000", "+494066969999"),
    ("+492214710000", "+492214710999"),
    ("+498999998000", "+498999998999"),
    ("+491713920000", "+491713920099"),
    ("+4917604069000", "+4917604069099"),
]


@pytest.mark.parametrize(("first", "last"), RANGES)
def test_a_range_ends_where_it_is_published_to_end(first: str, last: str) -> None:
    middle = f"+{(int(first) + int(last)) // 2}"
    assert all(is_reserved(number) for number in (first, middle, last))
    for outside in (f"+{int(first) - 1}", f"+{int(last) + 1}", f"{middle}0", middle[:-1]):
        assert not is_reserved(outside), outside


SINGLE = """
    +61491570006 +61491570110 +61491570156 +61491570157 +61491570158 +61491570159 +61491570313
    +61491570737 +61491571266 +61491571491 +61491571804 +61491572549 +61491572665 +61491572983
    +61491573087 +61491573770 +61491574118 +61491574632 +61491575254 +61491575789 +61491576398
    +61491576801 +61491577426 +61491577644 +61491578148 +61491578888 +61491578957 +61491579212
    +61491579455 +61491579760
    +611800160401 +611800975707 +611800975708 +611800975709 +611800975710 +611800975711
    +611300975707 +611300975708 +611300975709 +611300975710 +611300975711
    +4915228817386 +4915228895456 +4915254599371 +491729925904 +491729968532 +491729973185
    +491729973186 +491729980752 +491749091317 +491749464308
""".split()


@pytest.mark.parametrize("number", SINGLE)
def test_single_numbers_and_not_their_neighbours(number: str) -> None:
    assert is_reserved(number)
    for step in (-1, 1):
        neighbour = f"+{int(number) + step}"
        assert is_reserved(neighbour) == (neighbour in SINGLE)


@pytest.mark.parametrize(
    "number",
    [
        "+18005550199",  # toll-free
        "+18885550150",
        "+19115550150",  # no area code
        "+11235550150",
        "+12955550150",  # [2-9]9X is kept back for longer numbers
        "+12025551212",  # directory assistance
        "+12025550099",
        "+442890180000",  # Northern Ireland: the sources disagree
        "+442896496000",
        "+61491570999",  # in the regulator's block, not on its list
        "+4768050000",
        "+353209100000",
        "+4915112345678",
        "+31612345678",
        "+447911123456",
    ],
)
def test_numbers_somebody_may_hold(number: str) -> None:
    assert not is_reserved(number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "447700900123",
        "07700 900123",
        "+44 7700 900123",
        "+447700900123\n",
        "+44770090012３",
        "+٤٤٧٧٠٠٩٠٠١٢٣",
        "tel:+447700900123",
    ],
)
def test_only_e164_counts(text: str) -> None:
    assert not is_reserved(text)


@pytest.mark.parametrize(
    "address",
    [
        "a@example.com",
        "a@EXAMPLE.Com",
        "a.b+c@mail.example.org",
        "a@deep.mail.example.net",
        "a@anything.test",
        "a@anything.example",
        "a@test",
        "a@example",
    ],
)
def test_addresses_of_reserved_domains(address: str) -> None:
    assert is_reserved(address)


@pytest.mark.parametrize(
    "address",
    [
        "a@example.de",
        "a@notexample.com",
        "a@example.com.attacker.org",
        "a@contest",
        "a@attacker.invalid",
        "a@localhost",
        "a@example.com.",
        "a@example.com ",
        "a@example.com\n",
        "@example.com",
        "a@b@example.com",
        "example.com",
        "a@ｅxample.com",
        "a@",
    ],
)
def test_other_addresses(address: str) -> None:
    assert not is_reserved(address)


@given(st.text(alphabet="+0123456789@.aexmplcotsn", max_size=30))
def test_whatever_is_reserved_has_one_of_the_known_shapes(text: str) -> None:
    known = r"\+(1|33|44|46|49|61)[0-9]+|[^@]+@([^@]*\.)?(test|example(\.(com|net|org))?)"
    assert not is_reserved(text) or re.fullmatch(known, text)
