"""How long a text is as an SMS.

Alphabets: 3GPP TS 23.038 §6.2.1 (default) and §6.2.1.1 (extension). Lengths: 140 bytes hold 160
characters of seven bits or 70 of sixteen (TS 23.038 §4), less six bytes of header in every part
of a longer message (TS 23.040 §9.2.3.24.1: 153 and 67).
"""

from typing import Final, Literal

Encoding = Literal["gsm7", "ucs2"]

# Each takes one unit. Position 9 is Ç: the small ç of French or Turkish makes a text UCS-2.
DEFAULT_ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each takes two: an escape comes first.
EXTENSION: Final = frozenset("\f^{}\\[~]|€")

_GSM7 = DEFAULT_ALPHABET | EXTENSION

_BEYOND_ONE_UTF16_UNIT = 0xFFFF
_UNITS_OF: Final[dict[Encoding, tuple[int, int]]] = {
    # encoding: units in a message of its own, units in one part of several
    "gsm7": (160, 153),
    "ucs2": (70, 67),
}


def encoding_of(text: str) -> Encoding:
    """The alphabet a text is sent in: one character outside GSM-7 makes all of it UCS-2."""
    return "gsm7" if _GSM7.issuperset(text) else "ucs2"


def _widths(text: str) -> list[int]:
    """The units of each character; a pair (escape or surrogates) is one character of two."""
    if encoding_of(text) == "gsm7":
        return [2 if character in EXTENSION else 1 for character in text]
    return [2 if ord(character) > _BEYOND_ONE_UTF16_UNIT else 1 for character in text]


def length_in_units(text: str) -> int:
    """The length in septets (GSM-7) or UTF-16 code units (UCS-2)."""
    return sum(_widths(text))


def segments(text: str) -> int:
    """How many SMS a text is, which is what it costs; an empty one is one.

    A pair is never cut in two: it moves to the next part whole, as phones and carriers do.
    """
    alone, room_of_a_part = _UNITS_OF[encoding_of(text)]
    widths = _widths(text)
    if sum(widths) <= alone:
        return 1
    parts, room = 1, room_of_a_part
    for width in widths:
        if width > room:
            parts, room = parts + 1, room_of_a_part
        room -= width
    return parts
