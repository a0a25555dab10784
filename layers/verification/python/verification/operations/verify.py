"""Verify: count a guess and judge it, in one conditional write."""

from ..domain.codes import HASH_BYTES, code_mac, hash_destination, keyed_hash
from ..domain.identifiers import parse_id
from ..domain.verification import Guess, Verdict, Verification
from ..errors import (
    IdempotencyConflict,
    NotFound,
    ProviderError,
    TemporarilyUnavailable,
    VerifierUnavailable,
)
from ..valueclass import valueclass
from .ports import (
    Clock,
    CodeKeys,
    IdentityKey,
    Random,
    Remaining,
    Telemetry,
    Verifications,
    Verifiers,
)

# Seconds after which a verifier is asked about the same guess again, when its answer got lost: no
# function that checks guesses may run for longer, so nobody is still asking.
ASK_AGAIN = 15


@valueclass
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


@valueclass
class Verify:
    """Judges guesses. Fails closed: without an answer of the table nothing is valid."""

    verifications: Verifications
    code_keys: CodeKeys
    identity_key: IdentityKey
    verifiers: Verifiers
    telemetry: Telemetry
    clock: Clock
    random: Random

    def __call__(
        self, command: VerifyCommand, remaining: Remaining
    ) -> tuple[Verification, Verdict]:
        """Count and judge one guess.

        Where a provider made the code: count, ask it, settle. Nobody is asked about a guess
        that was not counted before.

        Raises:
            NotFound: the client has no such verification, for this `to` and `purpose`.
            IdempotencyConflict: the key came with another code just before.
            VerifierUnavailable: counted, but the provider that made the code has no answer.
            TemporarilyUnavailable: not judged; it may have been counted.
        """
        verification_id = parse_id(command.id)
        key = self.code_keys.get(verification_id.kid) if verification_id else None
        if verification_id is None or key is None:
            raise NotFound
        guess = Guess(
            verification_id,
            command.client_id,
            code_mac(key, command.id, command.code),
            self._request_key(command),
            self.clock(),
            hash_destination(self.identity_key(), command.to) if command.to else None,
            command.purpose,
        )
        found = self.verifications.guess(guess)
        if found and found[1].unsettled:
            found = self._ask_verifier(guess, command.code, *found, remaining)
        if found is None:
            raise NotFound
        verification, verdict = found
        if verdict.conflict:
            raise IdempotencyConflict
        self.telemetry.judged(verification, verdict)
        return verification, verdict

    def _ask_verifier(
        self,
        guess: Guess,
        code: str,
        counted: Verification,
        verdict: Verdict,
        remaining: Remaining,
    ) -> tuple[Verification, Verdict] | None:
        if verdict.repeated and not self.verifications.ask_again(
            guess, guess.now - ASK_AGAIN * 1000
        ):
            raise TemporarilyUnavailable("The first one is being asked.", retry_after=ASK_AGAIN)
        # With other guesses around, what the vendor knows may come from one of those.
        alone = verdict.repeated and counted.attempts == 1
        try:
            reason = self.verifiers(counted.verifier or "").check(
                counted.verifier_ref or "",
                counted.to or "",
                code,
                repeated=alone,
                remaining=remaining,
            )
        except ProviderError as error:
            self.telemetry.verifier_failed(counted, error)
            raise VerifierUnavailable(
                "The attempt is spent; repeat it with its Idempotency-Key to ask again.",
                verification_id=str(counted.id),
            ) from error
        if reason is None:
            return self.verifications.confirm(guess, alone=alone)
        self.verifications.dismiss(guess, reason)
        return counted, Verdict(False, reason)

    def _request_key(self, command: VerifyCommand) -> bytes:
        if command.idempotency_key is None:
            return self.random(16)
        return keyed_hash(b"", "guess", command.idempotency_key)[:HASH_BYTES]
