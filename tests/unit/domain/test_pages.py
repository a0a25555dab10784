"""Page tokens: read in one spelling, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.identifiers import VerificationId, make_token
from verification.domain.pages import PageToken, parse_page_token

BEGAN = 1_800_000_000_000
MAC = "q" * 26
PAGE = f"a{MAC}-{BEGAN}-{MAC}"


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=16, max_size=16),
    st.sampled_from("az09"),
    st.integers(0, 10**14 - 1),
)
def test_a_page_token_is_read_as_it_was_written(
    bits: bytes, mac: bytes, kid: str, began: int
) -> None:
    made = PageToken(VerificationId(kid, make_token(bits)), began, mac)
    assert parse_page_token(str(made)) == made
    assert str(made).isascii() and len(str(made)) <= 69


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--",
        f"a{MAC}",
        f"a{MAC}-{MAC}",
        f"a{MAC}-{BEGAN}-",
        f"{PAGE[:-1]}r",  # the same bytes in another spelling
        f"a{MAC}-x-{MAC}",
        f"a{MAC}--1-{MAC}",
        f"a{MAC}-{'9' * 15}-{MAC}",
        f"a{MAC}-0{BEGAN}-{MAC}",
        f"a{MAC}-1-{BEGAN}-{MAC}",  # of a report
        f"a{MAC}-\u0661-{MAC}",
        f"a{MAC}-{BEGAN}-{MAC.upper()}",
        f"A{MAC}-{BEGAN}-{MAC}",
        f"{PAGE}\n",
        f" {PAGE}",
        f"{PAGE}/",
        "\ud800" * 68,
        "a" * 100_000,
    ],
)
def test_what_cannot_be_a_page_token_is_none(text: str) -> None:
    assert parse_page_token(PAGE) is not None
    assert parse_page_token(text) is None


@given(st.text() | st.from_regex(r"[a-z0-9-]{60,70}", fullmatch=True))
def test_reading_never_raises(text: str) -> None:
    parsed = parse_page_token(text)
    assert parsed is None or str(parsed) == text
