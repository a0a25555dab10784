"""Trusted devices: who typed a right code with a cookie needs none for a while, with that cookie.

    start, cookie C ──> pin, right, cookie C, ip in NL ──> trusted from NL: client + number + C
    start, cookie C, ip in NL ──> VERIFIED, nothing is sent
    start, cookie C, ip elsewhere, unknown or missing ──> a code, as for everybody

The cookie and the addresses are what a client says of *its* user; we cannot check them. So a
client that lets its users choose either lets them in as far as they guess the other's cookie:
cookies have to be random, and each counts for one client and one number only.
"""

import hmac
import re
from collections.abc import Callable
from dataclasses import field, replace
from typing import Protocol

from ..domain.codes import HASH_BYTES, hash_destination, keyed_hash
from ..domain.verification import Verdict, Verification
from ..errors import TemporarilyUnavailable
from ..valueclass import valueclass
from .ports import Clock, IdentityKey, Remaining, Telemetry
from .start import Start, StartCommand, Started
from .verify import Verify, VerifyCommand

# Visible ASCII. Fewer than 16 characters could be guessed; the vendor names no bounds.
_COOKIE = re.compile(r"[\x21-\x7e]{16,4096}")  # RFC 6265 §6.1: browsers keep that much

Countries = Callable[[str], str | None]
"""The country (ISO 3166-1 alpha-2) of an IP address; None for private and unknown ones."""


class Devices(Protocol):
    """The table of trusted devices.

    Every method raises TemporarilyUnavailable when the table is throttled or out of reach.
    """

    def trust(
        self,
        client_id: str,
        destination_hash: bytes,
        device: bytes,
        country: str,
        now: int,
        expires_at: int,
    ) -> None:
        """Trust a device, in place of what was known of it.

        Args:
            country: from which alone it is trusted.
            now: epoch milliseconds; `expires_at`: epoch seconds.
        """
        ...

    def country(
        self, client_id: str, destination_hash: bytes, device: bytes, now: int
    ) -> str | None:
        """From which country a device is trusted now; None when it is not, or no longer."""
        ...

    def forget(self, client_id: str, destination_hash: bytes) -> int:
        """Trust no device of this client and destination any more; how many there were."""
        ...


@valueclass
class Visitor:
    """What a client says of its user.

    Args:
        ip: an IPv4 or IPv6 address.
        cookie: counts only with 16 to 4096 visible ASCII characters.
    """

    ip: str | None = None
    cookie: str | None = field(default=None, repr=False)


@valueclass
class TrustedDevices:
    """Which devices are trusted.

    Args:
        seconds: how long one is trusted after each success; 0: none is ever.
    """

    devices: Devices
    identity_key: IdentityKey
    countries: Countries
    seconds: int
    clock: Clock

    def identify(self, client_id: str, to: str, visitor: Visitor) -> bytes | None:
        """The 16 bytes that stand for a device, of one client and number; None without a cookie
        that counts.

        Raises:
            TemporarilyUnavailable: the identity key is out of reach.
        """
        if not self.seconds or not _COOKIE.fullmatch(visitor.cookie or ""):
            return None
        fields = (client_id, to, visitor.cookie or "")
        return keyed_hash(self.identity_key(), "device", *fields)[:HASH_BYTES]

    def is_trusted(self, command: StartCommand, visitor: Visitor) -> bool:
        """Whether this start's device is trusted, from where it is now.

        Raises:
            TemporarilyUnavailable: nobody knows.
        """
        if command.device is None or (country := self._country(visitor)) is None:
            return False
        hashed = hash_destination(self.identity_key(), command.to.value)
        known = self.devices.country(command.client.id, hashed, command.device, self.clock())
        return known == country

    def trust(self, verification: Verification, visitor: Visitor) -> None:
        """Trust the device that a verification was started with, if it is the one that ended it.

        Raises:
            TemporarilyUnavailable: it may not be trusted.
        """
        client_id, hashed = verification.client_id, verification.destination_hash
        device = self.identify(client_id, verification.to or "", visitor)
        if device is None or hashed is None:
            return
        is_same = hmac.compare_digest(device, verification.device or b"")
        if is_same and (country := self._country(visitor)):
            now = self.clock()
            ends = now // 1000 + self.seconds
            self.devices.trust(client_id, hashed, device, country, now, ends)

    def revoke(self, client_id: str, to: str) -> int:
        """Trust no device of a client for a destination any more; how many there were.

        Raises:
            TemporarilyUnavailable: repeat it; some may be trusted still.
        """
        return self.devices.forget(client_id, hash_destination(self.identity_key(), to))

    def _country(self, visitor: Visitor) -> str | None:
        return self.countries(visitor.ip) if visitor.ip else None


@valueclass
class StartUnlessTrusted:
    """Starts verifications of those whose device is not trusted."""

    start: Start
    devices: TrustedDevices
    telemetry: Telemetry

    def __call__(
        self, command: StartCommand, visitor: Visitor, remaining: Remaining
    ) -> Started | None:
        """As Start; None when the device is trusted: nothing is sent, nothing stored.

        Raises:
            As Start; TemporarilyUnavailable also when nobody knows whether it is trusted.
        """
        device = self.devices.identify(command.client.id, command.to.value, visitor)
        command = replace(command, device=device)
        if self.devices.is_trusted(command, visitor):
            self.telemetry.trusted(command.client.id, command.to)
            return None
        return self.start(command, remaining)


@valueclass
class VerifyAndTrust:
    """Judges guesses, and trusts the device that a right one came from."""

    verify: Verify
    devices: TrustedDevices
    telemetry: Telemetry

    def __call__(
        self, command: VerifyCommand, visitor: Visitor, remaining: Remaining
    ) -> tuple[Verification, Verdict]:
        """As Verify. What is right stays right, whatever becomes of the device."""
        verification, verdict = self.verify(command, remaining)
        if verdict.valid:
            self._trust(verification, visitor)
        return verification, verdict

    def _trust(self, verification: Verification, visitor: Visitor) -> None:
        try:
            self.devices.trust(verification, visitor)
        except TemporarilyUnavailable:
            self.telemetry.warn("device_not_trusted", verification_id=str(verification.id))
        except Exception as fault:  # one of ours: it rings, but the code was right
            self.telemetry.crashed("device_not_trusted", fault)
