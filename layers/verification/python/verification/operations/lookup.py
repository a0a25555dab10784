"""Lookup: what became of a verification, or of those of one destination."""

from ..domain.codes import hash_destination
from ..domain.identifiers import parse_id
from ..domain.verification import Record
from ..errors import NotFound
from ..valueclass import valueclass
from .ports import Clock, IdentityKey, Page, Verifications


def find(verifications: Verifications, client_id: str, verification_id: str, now: int) -> Record:
    """One verification of the client.

    Args:
        now: epoch milliseconds.

    Raises:
        NotFound: this client has none with this id (any more).
        TemporarilyUnavailable: the table is out of reach.
    """
    parsed = parse_id(verification_id)
    record = verifications.read(parsed.token) if parsed else None
    if record is None or not _is_there(record, now):
        raise NotFound
    if record.verification.client_id != client_id or record.verification.id != parsed:
        raise NotFound
    return record


def _is_there(record: Record, now: int) -> bool:
    # TTL deletes hours or days late; for callers it is gone on time.
    return record.verification.expires_at > now // 1000


@valueclass
class Lookup:
    """Reads verifications; changes nothing and needs no key, but for the list."""

    verifications: Verifications
    identity_key: IdentityKey
    clock: Clock

    def one(self, client_id: str, verification_id: str) -> Record:
        """One verification of the client; see find()."""
        return find(self.verifications, client_id, verification_id, self.clock())

    def list(self, client_id: str, to: str, limit: int, cursor: str | None) -> Page:
        """The client's verifications of a destination, newest first.

        Args:
            to: in the one spelling we know it by.
            limit: at most this many, 1 to 50.
            cursor: from the page before; None for the first.

        Raises:
            InvalidFields: the cursor is not one of ours.
            TemporarilyUnavailable: the table is out of reach.
        """
        hashed = hash_destination(self.identity_key(), to)
        page = self.verifications.list(client_id, hashed, limit, cursor)
        now = self.clock()
        there = tuple(record for record in page.records if _is_there(record, now))
        return Page(there, page.cursor)
