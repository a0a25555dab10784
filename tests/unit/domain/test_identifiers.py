"""Public ids, and the tokens of delivery reports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.identifiers import (
    ReportToken,
    VerificationId,
    make_token,
    parse_id,
    parse_report_token,
)

TOKEN = "abcdefghijklmnopqrstuvwxyz"  # 26 characters, as 128 bits make


@given(st.binary(min_size=16, max_size=16), st.sampled_from("abcxyz0189"))
def test_an_id_is_read_as_it_was_written(bits: bytes, kid: str) -> None:
    made = VerificationId(kid, make_token(bits))
    assert len(str(made)) == 27
    assert parse_id(str(made)) == made


@given(st.sets(st.binary(min_size=16, max_size=16), min_size=2, max_size=2))
def test_different_bits_make_different_tokens(bits: set[bytes]) -> None:
    assert len({make_token(each) for each in bits}) == 2


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_token_is_made_of_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        make_token(bytes(size))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a" + TOKEN[:-1],
        "a" + TOKEN + "a",
        "A" + TOKEN,
        "a" + TOKEN.upper(),
        "-" + TOKEN,
        "a" + TOKEN[:-1] + "1",
        "a" + TOKEN[:-1] + "=",
        "a" + TOKEN + "\n",
        " a" + TOKEN,
        "a" + TOKEN[:-1] + "\u00e9",
        "a" + TOKEN[:-1] + "\x00",
        "\ud800" * 27,
        "a" * 100_000,
    ],
)
def test_what_cannot_be_an_id_is_none(text: str) -> None:
    assert parse_id("a" + TOKEN) is not None
    assert parse_id(text) is None


@given(st.text())
def test_reading_never_raises(text: str) -> None:
    parsed = parse_id(text)
    assert parsed is None or str(parsed) == text


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
    st.sampled_from("az09"),
    st.integers(1, 999),
    st.integers(0, 10**14 - 1),
)
def test_a_report_token_is_read_as_it_was_written(
    bits: bytes, mac: bytes, kid: str, number: int, began: int
) -> None:
    made = ReportToken(VerificationId(kid, make_token(bits)), number, began, mac)
    assert parse_report_token(str(made)) == made
    assert str(made).isascii() and len(str(made)) <= 73  # as a path and as a vendor's reference


MAC = "q" * 26
BEGAN = 1_800_000_000_000
REPORT = f"a{TOKEN}-1-{BEGAN}-{MAC}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "--",
        f"a{TOKEN}",
        f"a{TOKEN}-1",
        f"a{TOKEN}-1-{MAC}",
        f"a{TOKEN}-1-{BEGAN}",
        f"a{TOKEN}-1-{BEGAN}-",
        f"{REPORT[:-1]}r",  # the same bytes in another spelling
        f"a{TOKEN}--{BEGAN}-{MAC}",
        f"a{TOKEN}-x-{BEGAN}-{MAC}",
        f"a{TOKEN}-1--{MAC}",
        f"a{TOKEN}-1-x-{MAC}",
        f"a{TOKEN}-1-{BEGAN}-{MAC[:-1]}",
        f"a{TOKEN}-1-{BEGAN}-{MAC}q",
        f"a{TOKEN}-1-{BEGAN}-{MAC}-",
        f"a{TOKEN}-1-{BEGAN}-{MAC.upper()}",
        f"A{TOKEN}-1-{BEGAN}-{MAC}",
        f"a{TOKEN}-1-{BEGAN}-{MAC[:-1]}1",
        f"a{TOKEN}-1-{BEGAN}-{MAC[:-1]}=",
        f"a{TOKEN}--1-{BEGAN}-{MAC}",
        f"a{TOKEN}-1--{BEGAN}-{MAC}",
        f"a{TOKEN}-1.5-{BEGAN}-{MAC}",
        f"a{TOKEN}-1234-{BEGAN}-{MAC}",
        f"a{TOKEN}-1-{'9' * 15}-{MAC}",
        f"a{TOKEN}-" + "9" * 10_000 + f"-{BEGAN}-{MAC}",
        f"a{TOKEN}-1-" + "9" * 10_000 + f"-{MAC}",
        f"a{TOKEN}-\u0661-{BEGAN}-{MAC}",
        f"a{TOKEN}-1-\u0661-{MAC}",
        f"{REPORT}\n",
        f" {REPORT}",
        f"{REPORT}\x00",
        f"{REPORT}/../../",
        "\ud800" * 56,
        "a" * 100_000,
    ],
)
def test_what_cannot_be_a_report_token_is_none(text: str) -> None:
    assert parse_report_token(REPORT) is not None
    assert parse_report_token(text) is None


@given(st.text() | st.from_regex(r"[a-z0-9-]{65,75}", fullmatch=True))
def test_reading_a_report_token_never_raises(text: str) -> None:
    parsed = parse_report_token(text)
    assert parsed is None or len(parsed.mac) == 16
