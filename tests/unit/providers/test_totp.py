"""What authenticator apps show, by the vectors of RFC 6238, Appendix B."""

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.providers.totp import code_at

SEED = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "eight_digits"),
    [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ],
)
def test_codes_are_those_of_the_rfc(seconds: int, eight_digits: str) -> None:
    assert code_at(SEED, seconds // 30) == eight_digits[-6:]


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**40))
def test_every_code_has_six_digits(seed: bytes, step: int) -> None:
    code = code_at(seed, step)
    assert len(code) == 6 and code.isascii() and code.isdigit()


def test_an_app_that_was_told_the_uri_shows_the_same() -> None:
    secret = pyotp.random_base32()
    app = pyotp.parse_uri(f"otpauth://totp/Shop:ann?secret={secret}&issuer=Shop")
    assert isinstance(app, pyotp.TOTP)
    assert code_at(app.byte_secret(), 60_000_000) == app.at(1_800_000_000)
