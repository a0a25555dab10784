"""How long a text is as an SMS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.gsm7 import (
    DEFAULT_ALPHABET,
    EXTENSION,
    encoding_of,
    length_in_units,
    segments,
)

ESCAPE = 0x1B
# 3GPP TS 23.038 §6.2.1: the code point at each position, typed from the table by column.
TABLE = (
    *(0x40, 0xA3, 0x24, 0xA5, 0xE8, 0xE9, 0xF9, 0xEC, 0xF2, 0xC7, 0x0A, 0xD8, 0xF8, 0x0D),
    *(0xC5, 0xE5, 0x394, 0x5F, 0x3A6, 0x393, 0x39B, 0x3A9, 0x3A0, 0x3A8, 0x3A3, 0x398, 0x39E),
    *(ESCAPE, 0xC6, 0xE6, 0xDF, 0xC9, 0x20, 0x21, 0x22, 0x23, 0xA4, *range(0x25, 0x40)),
    *(0xA1, *range(0x41, 0x5B), 0xC4, 0xD6, 0xD1, 0xDC, 0xA7),
    *(0xBF, *range(0x61, 0x7B), 0xE4, 0xF6, 0xF1, 0xFC, 0xE0),
)
# §6.2.1.1, position and code point.
EXTENSION_TABLE = dict(
    [(0x0A, 0x0C), (0x14, 0x5E), (0x28, 0x7B), (0x29, 0x7D), (0x2F, 0x5C)]
    + [(0x3C, 0x5B), (0x3D, 0x7E), (0x3E, 0x5D), (0x40, 0x7C), (0x65, 0x20AC)]
)


def test_the_alphabets_are_those_of_the_standard() -> None:
    assert len(TABLE) == 128
    assert TABLE.index(ESCAPE) == ESCAPE
    assert {ord(c) for c in DEFAULT_ALPHABET} == set(TABLE) - {ESCAPE}
    assert {ord(c) for c in EXTENSION} == set(EXTENSION_TABLE.values())


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("", "gsm7", 0, 1),
        ("a" * 160, "gsm7", 160, 1),
        ("a" * 161, "gsm7", 161, 2),
        ("a" * 306, "gsm7", 306, 2),
        ("a" * 307, "gsm7", 307, 3),
        ("€" * 80, "gsm7", 160, 1),
        ("€" * 81, "gsm7", 162, 2),
        # 153 is odd: the pair at its edge moves on, and 306 units no longer fit two parts.
        ("€" * 153, "gsm7", 306, 3),
        ("a" * 152 + "€" + "a" * 151, "gsm7", 305, 2),
        ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),
        ("ç", "ucs2", 1, 1),
        ("Ç", "gsm7", 1, 1),
        ("`", "ucs2", 1, 1),
        ("\x1b", "ucs2", 1, 1),
        ("я" * 70, "ucs2", 70, 1),
        ("я" * 71, "ucs2", 71, 2),
        ("я" * 134, "ucs2", 134, 2),
        ("я" * 135, "ucs2", 135, 3),
        ("я{€", "ucs2", 3, 1),
        ("\uffff", "ucs2", 1, 1),
        ("\U00010000", "ucs2", 2, 1),
        ("🔑" * 35, "ucs2", 70, 1),
        ("🔑" * 36, "ucs2", 72, 2),
        # 67 is odd too: 33 pairs fit a part.
        ("🔑" * 66, "ucs2", 132, 2),
        ("🔑" * 67, "ucs2", 134, 3),
        ("\ud83d", "ucs2", 1, 1),
    ],
)
def test_lengths(text: str, encoding: str, units: int, parts: int) -> None:
    assert (encoding_of(text), length_in_units(text), segments(text)) == (encoding, units, parts)


def septets(text: str) -> list[bytes] | None:
    """Each character as it goes over the air; None when one cannot."""
    position = {point: bytes([at]) for at, point in enumerate(TABLE) if point != ESCAPE}
    position |= {point: bytes([ESCAPE, at]) for at, point in EXTENSION_TABLE.items()}
    coded = [position.get(ord(character), b"") for character in text]
    return coded if all(coded) else None


def slow_split(text: str) -> list[list[bytes]]:
    """Split by trying: the longest beginning that fits, then the rest."""
    coded, unit, alone, part = septets(text), 1, 160, 153
    if coded is None:
        coded = [character.encode("utf-16-be", "surrogatepass") for character in text]
        unit, alone, part = 2, 70, 67
    if len(b"".join(coded)) <= alone * unit:
        return [coded]
    parts = []
    while coded:
        fitting = [n for n in range(len(coded) + 1) if len(b"".join(coded[:n])) <= part * unit]
        parts.append(coded[: fitting[-1]])
        coded = coded[fitting[-1] :]
    return parts


pieces = st.tuples(st.sampled_from(["a", "€", "{", "é", "\n", "я", "🔑", "ç"]), st.integers(1, 90))
runs = st.lists(pieces, max_size=6).map(lambda many: "".join(text * count for text, count in many))


@given(st.one_of(st.text(max_size=400), runs))
def test_segments_agree_with_a_slow_splitter(text: str) -> None:
    parts = slow_split(text)
    assert segments(text) == len(parts)
    unit = 1 if encoding_of(text) == "gsm7" else 2
    assert length_in_units(text) * unit == sum(len(b"".join(part)) for part in parts)
    assert (encoding_of(text) == "gsm7") == (septets(text) is not None)
