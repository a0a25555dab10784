"""Lookup: what became of a verification, or of those of one destination."""

import hmac
from typing import TYPE_CHECKING

from ..domain.codes import HASH_BYTES, hash_destination, keyed_hash, result_mac
from ..domain.identifiers import make_token, parse_id
from ..domain.policy import RESULT_SECONDS
from ..domain.verification import Record
from ..errors import NotFound
from ..valueclass import valueclass
from .ports import Clock, IdentityKey, Page, Random, Verifications

if TYPE_CHECKING:
    from ..domain.pages import PageResult


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
    """Reads verifications; needs no key but for the list, and changes nothing but by use()."""

    verifications: Verifications
    identity_key: IdentityKey
    clock: Clock
    random: Random

    def one(self, client_id: str, verification_id: str) -> Record:
        """One verification of the client; see find()."""
        return find(self.verifications, client_id, verification_id, self.clock())

    def use(self, record: Record, result: str, idempotency_key: str | None) -> "PageResult":
        """Use the result that the page of a verification handed out; only the first use counts.

        Args:
            record: what one() found for the client that asks.
            result: as it came with whoever was sent back.
            idempotency_key: the caller's; under the same one the first use is answered again.

        Raises:
            TemporarilyUnavailable: it may have been used; repeat it with its key.
        """
        # Imported late: most lookups use none.
        from ..domain.pages import PageResult

        verification, guessed_at = record.verification, record.verification.guessed_at or 0
        known = (str(verification.id), verification.created_at, guessed_at)
        right = make_token(result_mac(self.identity_key(), *known))
        if not verification.is_verified or not hmac.compare_digest(
            result.encode(errors="replace"), right.encode()
        ):
            return PageResult.INVALID
        if self.clock() >= guessed_at + RESULT_SECONDS * 1000:
            return PageResult.EXPIRED
        key = self.random(HASH_BYTES)
        if idempotency_key is not None:
            key = keyed_hash(b"", "result", idempotency_key)[:HASH_BYTES]
        used = self.verifications.use_result(verification, key)
        return PageResult.CONFIRMED if used else PageResult.USED

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
