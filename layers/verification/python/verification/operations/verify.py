"""Verify: count a guess and judge it, in one conditional write."""

from dataclasses import dataclass

from ..domain.codes import HASH_BYTES, code_mac, hash_destination, keyed_hash
from ..domain.identifiers import parse_id
from ..domain.verification import Guess, Verdict, Verification
from ..errors import IdempotencyConflict, NotFound
from .ports import Clock, CodeKeys, IdentityKey, Random, Telemetry, Verifications


@dataclass(frozen=True, slots=True)
class VerifyCommand:
    """A guess, checked and normalised.

    Args:
        code: 4 to 16 digits.
        to, purpose: what must match what the verification was started for, when given.
    """

    client_id: str
    id: str
    code: str
    to: str | None = None
    purpose: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Verify:
    """Judges guesses. Fails closed: without an answer of the table nothing is valid."""

    verifications: Verifications
    code_keys: CodeKeys
    identity_key: IdentityKey
    telemetry: Telemetry
    clock: Clock
    random: Random

    def __call__(self, command: VerifyCommand) -> tuple[Verification, Verdict]:
        """Count and judge one guess.

        Raises:
            NotFound: the client has no such verification, for this `to` and `purpose`.
            IdempotencyConflict: the key came with another code just before.
            TemporarilyUnavailable: not judged; it may have been counted.
        """
        verification_id = parse_id(command.id)
        key = self.code_keys.get(verification_id.kid) if verification_id else None
        if verification_id is None or key is None:
            raise NotFound
        found = self.verifications.guess(
            Guess(
                verification_id,
                command.client_id,
                code_mac(key, command.id, command.code),
                self._request_key(command),
                self.clock(),
                hash_destination(self.identity_key(), command.to) if command.to else None,
                command.purpose,
            )
        )
        if found is None:
            raise NotFound
        verification, verdict = found
        if verdict.conflict:
            raise IdempotencyConflict
        self.telemetry.judged(verification, verdict)
        return verification, verdict

    def _request_key(self, command: VerifyCommand) -> bytes:
        if command.idempotency_key is None:
            return self.random(16)
        return keyed_hash(b"", "guess", command.idempotency_key)[:HASH_BYTES]
