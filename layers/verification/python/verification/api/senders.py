"""Who a message says it is from: what each channel takes."""

import re

from ..domain.verification import Channel
from ..errors import FieldFault, InvalidFields

# Amazon SNS: 1 to 11 letters, digits and hyphens, a letter among them, no hyphen at the ends.
_SENDER_ID = re.compile(r"(?=.*[A-Za-z])(?=.{1,11}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")

_VISIBLE = re.compile(r"[!-~]+")  # ASCII
_QUOTING = set('<>,;:"')  # what parts addresses from one another, and from names


def check_sender(sender: str, channel: Channel) -> None:
    """An e-mail address for e-mail; else a number, or 1 to 11 characters with a letter.

    Args:
        sender: of one line; a number begins with `+`.

    Raises:
        InvalidFields: none of those, as a fault of the field `sender`.
    """
    if channel == Channel.EMAIL:
        name, _, domain = sender.partition("@")
        fits = bool(name and domain) and "@" not in domain and _is_plain(sender)
    elif sender.startswith("+"):
        fits = sender[1:].isdecimal() and sender.isascii() and len(sender) <= 16
    else:
        fits = bool(_SENDER_ID.fullmatch(sender))
    if not fits:
        fault = FieldFault(
            "sender",
            "should be an e-mail address for e-mail; else a number in E.164 with its +, or 1 to 11 "
            "letters, digits and hyphens with a letter among them",
        )
        raise InvalidFields(faults=[fault])


def _is_plain(address: str) -> bool:
    return bool(_VISIBLE.fullmatch(address)) and not set(address) & _QUOTING
