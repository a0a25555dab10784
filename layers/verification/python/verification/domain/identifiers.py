"""Public ids: one character that names the code key, then 128 bits that name the item."""

import base64
import re

from ..valueclass import valueclass

TOKEN = "[a-z2-7]{26}"  # noqa: S105 a pattern: 128 bits in base32 without padding
_ID = re.compile(f"[a-z0-9]{TOKEN}")
_REPORT_TOKEN = re.compile(
    f"(?P<id>{_ID.pattern})-(?P<number>[0-9]{{1,3}})-(?P<began>[0-9]{{1,14}})-(?P<mac>{TOKEN})"
)


@valueclass
class VerificationId:
    """The public id of a verification.

    Args:
        kid: the one-character id of the code key.
        token: 128 bits in lower-case base32. The item's key is made of the token alone, so that
            a repeated Idempotency-Key finds its verification also after a change of keys.
    """

    kid: str
    token: str

    def __str__(self) -> str:
        return self.kid + self.token


def make_token(bits: bytes) -> str:
    """Write 16 bytes as a token.

    Raises:
        ValueError: there are not 16 bytes.
    """
    if len(bits) != 16:
        raise ValueError("a token is made of 16 bytes")
    return base64.b32encode(bits).decode().rstrip("=").lower()


def parse_id(text: str) -> VerificationId | None:
    """Read a public id; None when it cannot be one."""
    return VerificationId(text[0], text[1:]) if _ID.fullmatch(text) else None


@valueclass
class ReportToken:
    """What a provider's report on one send must show: which send, and that we said so.

    Args:
        number: of the send.
        began: the verification's `created_at`: an id may be used again, after its end.
        mac: 16 bytes.
    """

    id: VerificationId
    number: int
    began: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.id}-{self.number}-{self.began}-{make_token(self.mac)}"


def parse_report_token(text: str) -> ReportToken | None:
    """Read a report token; None when it cannot be one."""
    match = _REPORT_TOKEN.fullmatch(text)
    if not match:
        return None
    verification_id = VerificationId(match["id"][0], match["id"][1:])
    mac = read_token(match["mac"])
    token = ReportToken(verification_id, int(match["number"]), int(match["began"]), mac)
    return token if str(token) == text else None  # one spelling each: Base32 has spare bits


def read_token(text: str) -> bytes:
    """The 16 bytes of a token; of its spare bits nothing is said."""
    return base64.b32decode(text.upper() + "======")
