"""Codes: every one possible, none favoured, none readable from what is stored."""

import hashlib
import hmac
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain import codes
from verification.domain.codes import (
    code_mac,
    derive_code,
    encode,
    keyed_hash,
    nobodys_mac,
    normalise_guess,
    report_mac,
)

KEY = bytes(range(32))
ID = "a" + "q" * 26
BEGAN = 1_800_000_000_000  # epoch milliseconds
SAMPLES = 1_000_000


def critical(degrees: int) -> float:
    """What chi-squared exceeds once in a million times (Wilson and Hilferty, 1931)."""
    z = NormalDist().inv_cdf(1 - 1e-6)
    spread = 2 / (9 * degrees)
    return float(degrees * (1 - spread + z * math.sqrt(spread)) ** 3)


def chi_squared(observed: Sequence[float], weights: Sequence[float]) -> float:
    scale = sum(observed) / sum(weights)
    return sum(
        (seen - weight * scale) ** 2 / (weight * scale)
        for seen, weight in zip(observed, weights, strict=True)
    )


@pytest.fixture(scope="module")
def counts() -> Counter[str]:
    """How often each of a million six-digit codes came; fixed nonces, so always the same."""
    return Counter(derive_code(KEY, ID, n.to_bytes(16), 6) for n in range(SAMPLES))


def test_the_critical_value_is_that_of_the_tables() -> None:
    # scipy.stats.chi2.isf(1e-6, [9, 99, 999])
    for degrees, value in ((9, 46.0), (99, 178.6), (999, 1225)):
        assert critical(degrees) == pytest.approx(value, rel=0.02)


def test_bytes_modulo_ten_would_be_noticed() -> None:
    biased = [SAMPLES * (26 if digit < 6 else 25) / 256 for digit in range(10)]
    assert chi_squared(biased, [1] * 10) > critical(9)


@pytest.mark.parametrize("position", range(6))
def test_no_digit_is_favoured_at_any_position(counts: Counter[str], position: int) -> None:
    seen = Counter[str]()
    for code, count in counts.items():
        seen[code[position]] += count
    # 000000 is never drawn, so a zero is a millionth rarer.
    weights = [10**5 - 1] + [10**5] * 9
    assert chi_squared([seen[str(digit)] for digit in range(10)], weights) < critical(9)


@pytest.mark.parametrize("first", range(5))
def test_no_pair_of_neighbours_is_favoured(counts: Counter[str], first: int) -> None:
    seen = Counter[str]()
    for code, count in counts.items():
        seen[code[first : first + 2]] += count
    weights = [10**4 - 1] + [10**4] * 99
    assert chi_squared([seen[f"{pair:02}"] for pair in range(100)], weights) < critical(99)


@pytest.mark.parametrize("digits", [3, 4])
def test_no_part_of_the_range_is_favoured(counts: Counter[str], digits: int) -> None:
    buckets = 10**digits
    seen = [0] * buckets
    for code, count in counts.items():
        seen[int(code) * buckets // 10**6] += count
    weights = [10**6 // buckets - 1] + [10**6 // buckets] * (buckets - 1)
    assert chi_squared(seen, weights) < critical(buckets - 1)


def test_as_many_values_come_as_if_all_were_equally_likely(counts: Counter[str]) -> None:
    # Of n cells after n throws 1/e stay empty, with variance n(e^-1 - 2e^-2).
    missing = 10**6 - len(counts)
    deviation = math.sqrt(10**6 * (math.exp(-1) - 2 * math.exp(-2)))
    assert abs(missing - 10**6 / math.e) < 5 * deviation


def test_every_four_digit_code_is_possible_but_zeros() -> None:
    found = {derive_code(KEY, ID, n.to_bytes(16), 4) for n in range(150_000)}
    assert found == {f"{value:04}" for value in range(1, 10_000)}


# Made by another implementation (openssl dgst -mac HMAC over hand-made bytes): a code in the air
# must stay right after an update.
VECTORS = [
    (4, b"\x00" * 16, "5882"),
    (6, b"\x00" * 16, "662838"),
    (6, b"\xff" * 16, "300438"),
    (16, b"\x00" * 16, "2601531008898969"),
]


@pytest.mark.parametrize(("length", "nonce", "code"), VECTORS)
def test_codes_stay_what_they_are(length: int, nonce: bytes, code: str) -> None:
    assert derive_code(KEY, ID, nonce, length) == code


def test_macs_stay_what_they_are() -> None:
    assert (
        code_mac(KEY, ID, "123456").hex()
        == "fa60b57797e416f91f5cb67bb52eea9c0a93d393e5c0b62c1d0817fc9043a76b"
    )


def test_a_reports_mac_stays_what_it_is() -> None:
    assert report_mac(KEY, ID, BEGAN, 1, "messente").hex() == "278d83ab637b0b67d66f25541232cb27"


def test_key_id_beginning_number_and_provider_each_make_another_mac_of_a_report() -> None:
    inputs = [
        (KEY, ID, BEGAN, 1, "messente"),
        (KEY[::-1], ID, BEGAN, 1, "messente"),
        (KEY, ID[:-1] + "r", BEGAN, 1, "messente"),
        (KEY, "b" + ID[1:], BEGAN, 1, "messente"),
        (KEY, ID, BEGAN + 1, 1, "messente"),
        (KEY, ID, 1, BEGAN, "messente"),
        (KEY, ID, BEGAN, 2, "messente"),
        (KEY, ID, BEGAN, 1, "messente-verify"),
        (KEY, ID, BEGAN, 1, ""),
    ]
    found = {report_mac(*each) for each in inputs}
    assert len(found) == len(inputs) and {len(mac) for mac in found} == {16}


def test_nobodys_mac_is_that_of_no_code() -> None:
    nobodys = nobodys_mac(KEY, ID)
    assert len(nobodys) == 32
    assert nobodys not in {code_mac(KEY, ID, f"{code:04}") for code in range(10_000)}
    assert nobodys not in {code_mac(KEY, ID, text) for text in ("", "delegated", ID)}
    # not by chance: what is hashed begins with another label, whatever the code is
    assert nobodys == keyed_hash(KEY, "delegated", ID)
    assert nobodys != nobodys_mac(KEY, ID[:-1] + "r") != nobodys_mac(KEY[::-1], ID)


def scripted(monkeypatch: pytest.MonkeyPatch, *blocks: bytes) -> None:
    def block(key: bytes, label: str, *fields: str | bytes | int) -> bytes:
        number = fields[-1]
        assert isinstance(number, int)
        return blocks[number]

    monkeypatch.setattr(codes, "keyed_hash", block)


def test_bytes_that_would_favour_small_digits_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scripted(monkeypatch, bytes([250, 1, 255, 249, 251, 13, 252, 7]))
    assert derive_code(KEY, ID, b"", 4) == "1937"


def test_the_next_block_continues_the_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, bytes([1, 2, 250]), bytes([3, 4]))
    assert derive_code(KEY, ID, b"", 4) == "1234"


def test_zeros_only_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, bytes([0, 10, 20, 30]), bytes(4), bytes([0, 0, 0, 1]))
    assert derive_code(KEY, ID, b"", 4) == "0001"


@given(st.binary(min_size=16, max_size=16), st.integers(4, 16))
def test_a_code_has_its_length_and_is_never_all_zeros(nonce: bytes, length: int) -> None:
    code = derive_code(KEY, ID, nonce, length)
    assert len(code) == length and code.isascii() and code.isdigit() and code.strip("0")


@pytest.mark.parametrize("length", [-1, 0, 3, 17, 1000])
def test_a_length_out_of_bounds_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="4 to 16"):
        derive_code(KEY, ID, bytes(16), length)


def test_key_id_nonce_and_length_each_make_another_code() -> None:
    inputs = [
        (KEY, ID, bytes(16), 16),
        (KEY[::-1], ID, bytes(16), 16),
        (KEY, ID[:-1] + "r", bytes(16), 16),
        (KEY, ID, bytes(15) + b"\x01", 16),
        (KEY, ID, bytes(16), 15),
    ]
    found = [derive_code(*each)[:15] for each in inputs]
    assert len(set(found)) == len(inputs)


Field = str | bytes | int
FIELDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])), st.binary(), st.integers(0, 2**64 - 1)
)


def as_bytes(field: Field) -> bytes:
    if isinstance(field, int):
        return field.to_bytes(8)
    return field.encode() if isinstance(field, str) else field


def decode(encoded: bytes) -> list[bytes]:
    fields = []
    while encoded:
        size = int.from_bytes(encoded[:4])
        fields.append(encoded[4 : 4 + size])
        encoded = encoded[4 + size :]
    return fields


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(FIELDS))
def test_what_was_encoded_can_be_read_back_so_no_two_inputs_are_one(
    label: str, fields: list[Field]
) -> None:
    assert decode(encode(label, *fields)) == [as_bytes(field) for field in (label, *fields)]


def test_fields_do_not_run_into_each_other() -> None:
    inputs: list[tuple[Field, ...]] = [
        ("ab", "c"),
        ("a", "bc"),
        ("abc",),
        ("abc", ""),
        ("a", "", "bc"),
    ]
    for one, other in itertools.combinations(inputs, 2):
        assert encode("x", *one) != encode("x", *other)


def test_a_keyed_hash_is_hmac_sha256_of_the_encoded_fields() -> None:
    expected = hmac.new(KEY, b"\0\0\0\x03mac\0\0\0\x01a", hashlib.sha256).digest()
    assert keyed_hash(KEY, "mac", "a") == expected


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("12-34-56", "123456"),
        ("1 2-3\u00a04\t5\n6", "123456"),
        ("0000", "0000"),
        ("1" * 16, "1" * 16),
        ("1" * 17, None),
        ("123", None),
        ("", None),
        (" - ", None),
        ("12345a", None),
        ("+12345", None),
        ("12.345", None),
        ("\uff11\uff12\uff13\uff14", None),  # full width
        ("\u0661\u0662\u0663\u0664", None),  # Arabic-Indic
        ("\u00b2\u00b2\u00b2\u00b2", None),  # superscript
        ("1234\x00", None),
        ("12\u201334", None),  # an en dash is no hyphen
    ],
)
def test_a_guess_is_digits_once_spaces_and_hyphens_are_gone(typed: str, code: str | None) -> None:
    assert normalise_guess(typed) == code


@given(st.text())
def test_whatever_is_typed_gives_a_code_or_nothing(typed: str) -> None:
    guess = normalise_guess(typed)
    assert guess is None or (4 <= len(guess) <= 16 and set(guess) <= set("0123456789"))
