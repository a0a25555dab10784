"""Pages: what their addresses show, and what there is to say of the results that they hand out.

Only functions that have to do with a page import this.
"""

import re
from enum import StrEnum

from ..valueclass import valueclass
from .identifiers import TOKEN, VerificationId, make_token, read_token

_PAGE_TOKEN = re.compile(f"(?P<id>[a-z0-9]{TOKEN})-(?P<began>[0-9]{{1,14}})-(?P<mac>{TOKEN})")


@valueclass
class PageToken:
    """What the address of a page must show: of which verification it is, and that we made it.

    Args:
        began: the verification's `created_at`: an id may be used again, after its end.
        mac: 16 bytes.
    """

    id: VerificationId
    began: int
    mac: bytes

    def __str__(self) -> str:
        return f"{self.id}-{self.began}-{make_token(self.mac)}"


def parse_page_token(text: str) -> PageToken | None:
    """Read a page token; None when it cannot be one."""
    match = _PAGE_TOKEN.fullmatch(text)
    if not match:
        return None
    verification_id = VerificationId(match["id"][0], match["id"][1:])
    token = PageToken(verification_id, int(match["began"]), read_token(match["mac"]))
    return token if str(token) == text else None  # one spelling each: Base32 has spare bits


class PageResult(StrEnum):
    """What there is to say of a result that a page has handed out."""

    CONFIRMED = "confirmed"  # the first time that anybody asks, and no other
    USED = "used"
    EXPIRED = "expired"
    INVALID = "invalid"  # not of this verification, or made up
