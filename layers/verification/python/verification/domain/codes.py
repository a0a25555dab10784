"""Codes: derived from a key, never stored.

The item in the table holds a random nonce and a MAC of the code. Who reads the table cannot
make a code of them; who holds the key can make the same code again for a re-send.
"""

import hashlib
import hmac
from collections.abc import Iterator

MIN_CODE_LENGTH, MAX_CODE_LENGTH = 4, 16
HASH_BYTES = 16  # of what only has to be told apart: 128 bits

# The largest multiple of ten that fits a byte: bytes from here on would favour small digits.
_FAIR_BYTES = 250


def encode(label: str, *fields: str | bytes | int) -> bytes:
    """Encode fields so that no two different inputs ever give the same bytes.

    Args:
        label: what the result is for; no two uses share one.
        fields: each is preceded by its length in four bytes; integers take eight bytes.
    """
    parts = []
    for field in (label, *fields):
        if isinstance(field, int):
            field = field.to_bytes(8)
        elif isinstance(field, str):
            field = field.encode()
        parts += [len(field).to_bytes(4), field]
    return b"".join(parts)


def keyed_hash(key: bytes, label: str, *fields: str | bytes | int) -> bytes:
    """HMAC-SHA-256 (RFC 2104) of the encoded fields, 32 bytes."""
    return hmac.digest(key, encode(label, *fields), hashlib.sha256)


def hash_destination(identity_key: bytes, destination: str) -> bytes:
    """The 16 bytes that stand for a destination in indexes and limits."""
    return keyed_hash(identity_key, "destination", destination)[:HASH_BYTES]


def _digits(key: bytes, verification_id: str, nonce: bytes, length: int) -> Iterator[str]:
    block = 0
    while True:
        for byte in keyed_hash(key, "code", verification_id, nonce, length, block):
            if byte < _FAIR_BYTES:
                yield str(byte % 10)
        block += 1


def derive_code(key: bytes, verification_id: str, nonce: bytes, length: int) -> str:
    """Derive the code of a verification; every code but 00…0 is equally likely.

    Rejection sampling, not `% 10` alone, so that no digit is favoured. All zeros are drawn
    again: one vendor's client refuses them before it even calls.

    Args:
        key: the code key that the verification's `kid` names.
        verification_id: the public id.
        nonce: the item's 128 random bits, so that a reused id gives a new code.
        length: digits, 4 to 16 (ASVS 5.0 §6.5.4 asks for 20 bits: six digits or more).

    Raises:
        ValueError: the length is out of bounds.
    """
    if not MIN_CODE_LENGTH <= length <= MAX_CODE_LENGTH:
        raise ValueError(f"code length must be {MIN_CODE_LENGTH} to {MAX_CODE_LENGTH}")
    digits = _digits(key, verification_id, nonce, length)
    while True:
        code = "".join(next(digits) for _ in range(length))
        if code.strip("0"):
            return code


def code_mac(key: bytes, verification_id: str, code: str) -> bytes:
    """The 32 bytes that are stored in place of a code, and compared with those of a guess."""
    return keyed_hash(key, "mac", verification_id, code)


def nobodys_mac(key: bytes, verification_id: str) -> bytes:
    """The 32 bytes that stand in place of a code's when a verifier has made the code.

    Of another label than codes are: no guess has them.
    """
    return keyed_hash(key, "delegated", verification_id)


def report_mac(
    identity_key: bytes, verification_id: str, began: int, number: int, provider: str
) -> bytes:
    """The 16 bytes that a provider's report on a send must show."""
    fields = (verification_id, began, number, provider)
    return keyed_hash(identity_key, "report", *fields)[:HASH_BYTES]


def page_mac(identity_key: bytes, verification_id: str, began: int) -> bytes:
    """The 16 bytes that the address of a verification's page must show."""
    return keyed_hash(identity_key, "page", verification_id, began)[:HASH_BYTES]


def result_mac(identity_key: bytes, verification_id: str, began: int, guessed_at: int) -> bytes:
    """The 16 bytes that say that a verification was verified on its page, by a certain guess."""
    fields = (verification_id, began, guessed_at)
    return keyed_hash(identity_key, "result", *fields)[:HASH_BYTES]


def normalise_guess(typed: str) -> str | None:
    """What a person typed, without spaces and hyphens; None when it cannot be a code."""
    guess = "".join(typed.replace("-", " ").split())
    fits = MIN_CODE_LENGTH <= len(guess) <= MAX_CODE_LENGTH
    return guess if fits and guess.isascii() and guess.isdigit() else None
