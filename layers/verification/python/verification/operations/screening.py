"""Whom a client may send to, and which starts look like fraud."""

from collections.abc import Callable

from ..domain.destination import Destination
from ..domain.guard import Allowed, Mode, Sighting, Suspicion, suspicions
from ..domain.policy import Client
from ..domain.verification import Verification
from ..errors import DestinationNotAllowed, SuspectedFraud, TemporarilyUnavailable
from ..valueclass import valueclass
from .ports import IdentityKey, Tallies, Telemetry


@valueclass
class Screening:
    """What a start has to pass before it costs anything.

    Args:
        countries: send to numbers of these only; empty: to all. A client's own go first.
        refused_kinds: of numbers that nothing is sent to; a client's own go first.
        kind_of: the kind of a number.
        mode: what the guard does, for clients that do not say.
        allowed: places it lets through; operators add others for a while.
    """

    countries: frozenset[str]
    refused_kinds: frozenset[str]
    kind_of: Callable[[str], str]
    mode: Mode
    allowed: Allowed
    tallies: Tallies
    identity_key: IdentityKey
    telemetry: Telemetry

    def admit(self, client: Client, to: Destination) -> None:
        """Check a destination against what the client may send to.

        Raises:
            DestinationNotAllowed: its country or its kind of number is not for this client.
        """
        if "@" in to.value:
            return
        own = client.profile
        countries = self.countries if own.countries is None else own.countries
        if countries and to.country not in countries:
            raise DestinationNotAllowed(f"Not to numbers of {to.country or 'no country'}.")
        refused = self.refused_kinds if own.refused_kinds is None else own.refused_kinds
        if refused and (kind := self.kind_of(to.value)) in refused:
            raise DestinationNotAllowed(f"Not to numbers of the kind {kind}.")

    def suspect(
        self, client: Client, verification: Verification, ip: str | None
    ) -> tuple[Suspicion, ...]:
        """Why a start looks like fraud; nothing where it does not, or nobody looks.

        Args:
            ip: the address that the client named.

        Raises:
            SuspectedFraud: it does, and the guard's mode is to block.
            TemporarilyUnavailable: the table is out of reach, and the guard's mode is to block.
        """
        mode = client.profile.guard or self.mode
        to, country = verification.to or "", verification.country
        if mode == Mode.OFF or verification.test or self.allowed.covers(to, country, ip):
            return ()
        sighting = sighted(verification)
        try:
            tallies, unblocked = self.tallies.read(
                sighting.windows(self.identity_key()).values(), verification.created_at
            )
        except TemporarilyUnavailable:
            if mode == Mode.BLOCK:
                raise
            self.telemetry.warn("guard_without_tallies", verification_id=str(verification.id))
            return ()
        found = suspicions(sighting, {window.kind: tally for window, tally in tallies.items()})
        if not found or unblocked.covers(to, country, ip):
            return ()
        if mode == Mode.BLOCK:
            self.telemetry.suspected(verification, found, blocked=True)
            raise SuspectedFraud  # its reasons are for the log: they would tell what to change
        return found


def sighted(verification: Verification) -> Sighting:
    """What the guard knows of a verification."""
    return Sighting(
        verification.client_id,
        verification.to or "",
        verification.country,
        verification.ip,
        verification.created_at,
    )
