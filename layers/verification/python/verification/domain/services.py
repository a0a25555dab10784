"""Services and their users, as Verigator has them: who is verified again and again."""

import re
import uuid

from ..valueclass import valueclass
from .destination import Destination
from .messages import MAX_BRAND
from .verification import Channel

_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def make_id(bits: bytes) -> str:
    """The id of a service or a user, made of 16 random bytes: a UUID (RFC 9562, version 4)."""
    return str(uuid.UUID(bytes=bits, version=4))


def is_id(text: str) -> bool:
    """Whether it can be an id of ours."""
    return bool(_ID.fullmatch(text))


@valueclass
class Service:
    """What a client verifies its users for.

    Args:
        fqdn: its host name; a client has one service for each.
        name: what its users know it by, 1 to 64 printable characters.
        created_at: epoch milliseconds.
    """

    id: str
    client_id: str
    fqdn: str
    name: str
    created_at: int

    @property
    def brand(self) -> str | None:
        """Its name, for our messages; None when it is too long for them."""
        return self.name if len(self.name) <= MAX_BRAND and self.name.strip() else None


@valueclass
class Auth:
    """The verification that a user's next guess is about, and whether an app shows its codes.

    Args:
        started_at: epoch milliseconds; of two the later one counts.
    """

    verification_id: str
    method: Channel
    started_at: int


@valueclass
class User:
    """A person as a service knows them.

    Args:
        id_in_service: what the service calls them, 1 to 255 printable characters.
        created_at: epoch milliseconds.
        auth: the last verification that was started; None before the first.
        totp_nonce: what the seed of their authenticator app is made of; None without an app.
        totp_pending: the same of an app that has yet to show its first code.
    """

    id: str
    service_id: str
    client_id: str
    id_in_service: str
    to: Destination
    created_at: int
    auth: Auth | None = None
    totp_nonce: bytes | None = None
    totp_pending: bytes | None = None
