"""The operations on fakes: everything but AWS."""

from collections.abc import Mapping, Sequence

from verification.domain.destination import Destination, TestDestination
from verification.domain.guard import Mode, parse_allowed
from verification.domain.limits import parse_all_limits
from verification.domain.policy import Client, Profile
from verification.domain.verification import Channel, Details
from verification.operations.charging import Charging
from verification.operations.delete import Delete
from verification.operations.devices import StartUnlessTrusted, TrustedDevices, VerifyAndTrust
from verification.operations.lookup import Lookup
from verification.operations.ports import Change, Sent
from verification.operations.report import TakeReport
from verification.operations.resend import LookAfter, Resend
from verification.operations.screening import Screening
from verification.operations.sending import Sender
from verification.operations.start import Start, StartCommand
from verification.operations.tally import Tally
from verification.operations.verify import Verify
from verification.providers.routing import Routing

from .clock import CountingRandom, SettableClock, plenty
from .counters import InMemoryCounters
from .devices import InMemoryDevices
from .keys import FixedCodeKeys, identity_key
from .prices import FixedPrices
from .profiles import FixedProfiles
from .providers import FakeMessenger, FakeProviders, FakeVerifier, read_routes, routes_to
from .tallies import InMemoryTallies
from .telemetry import RecordingTelemetry
from .verifications import InMemoryVerifications
from .watches import RecordingWatches

CLIENT = Client("shop", Profile("Shop"))
RETENTION = 3600  # seconds
TRUSTED = 30 * 86_400  # seconds


class FakeStack:
    """One stack in memory; its parts are public, to be set and looked at.

    Args:
        sends, guesses, short_code_guesses: limits such as `5/10m`; wide by default.
        limits: others, as in `LIMITS`.
        countries, refused_kinds, guard, allowed: see `Screening`.
        test_destinations: see `parse_test_destinations`.
        providers: asked in this order on every channel they carry; one messenger by default.
        routes: in place of that, as in `ROUTES`.
    """

    def __init__(
        self,
        sends: str = "1000/10m",
        guesses: str = "1000/24h",
        short_code_guesses: str = "1000/24h",
        limits: str = "",
        countries: frozenset[str] = frozenset(),
        refused_kinds: frozenset[str] = frozenset(),
        guard: Mode = Mode.MONITOR,
        allowed: str = "",
        test_destinations: Mapping[str, TestDestination] | None = None,
        providers: Sequence[FakeMessenger | FakeVerifier] = (),
        routes: str | None = None,
    ) -> None:
        self.journal: list[str] = []
        self.clock = SettableClock()
        self.verifications = InMemoryVerifications(journal=self.journal)
        self.watches = RecordingWatches(self.journal)
        self.messenger = FakeMessenger(journal=self.journal)
        self.code_keys = FixedCodeKeys()
        self.telemetry = RecordingTelemetry()
        providers = providers or (self.messenger,)
        self.providers = FakeProviders(*providers)
        route = Routing(
            read_routes(routes) if routes else routes_to(*providers), self.providers, self.clock
        )
        self.sender = Sender(
            self.verifications,
            route,
            self.code_keys,
            identity_key,
            self.telemetry,
            self.clock,
            frozenset({"followed"}),
        )
        self.tallies = InMemoryTallies()
        self.kinds: dict[str, str] = {}  # of numbers
        self.screening = Screening(
            countries=countries,
            refused_kinds=refused_kinds,
            kind_of=lambda number: self.kinds.get(number, "mobile"),
            mode=guard,
            allowed=parse_allowed(allowed),
            tallies=self.tallies,
            identity_key=identity_key,
            telemetry=self.telemetry,
        )
        self.prices = FixedPrices()
        self.charging = Charging(
            parse_all_limits(
                f"destination_sends={sends}; destination_guesses={guesses}; "
                f"destination_short_code_guesses={short_code_guesses}; {limits}"
            ),
            identity_key,
            route,
            self.prices,
        )
        self.start = Start(
            verifications=self.verifications,
            watches=self.watches,
            sender=self.sender,
            code_keys=self.code_keys,
            identity_key=identity_key,
            screening=self.screening,
            charging=self.charging,
            test_destinations=test_destinations or {},
            retention_seconds=RETENTION,
            telemetry=self.telemetry,
            clock=self.clock,
            random=CountingRandom(),
        )
        self.verify = Verify(
            verifications=self.verifications,
            code_keys=self.code_keys,
            identity_key=identity_key,
            verifiers=self.providers.verifier,
            telemetry=self.telemetry,
            clock=self.clock,
            random=CountingRandom(),
        )
        self.devices = InMemoryDevices()
        self.countries: dict[str, str] = {}  # of IP addresses
        self.trusted_devices = TrustedDevices(
            self.devices, identity_key, self.countries.get, TRUSTED, self.clock
        )
        self.start_unless_trusted = StartUnlessTrusted(
            self.start, self.trusted_devices, self.telemetry
        )
        self.verify_and_trust = VerifyAndTrust(self.verify, self.trusted_devices, self.telemetry)
        self.lookup = Lookup(self.verifications, identity_key, self.clock, CountingRandom())
        self.delete = Delete(self.verifications, self.providers.verifier, self.telemetry)
        self.take_report = TakeReport(
            self.verifications, self.watches, identity_key, self.telemetry, self.clock
        )
        self.resend = Resend(
            verifications=self.verifications,
            watches=self.watches,
            sender=self.sender,
            charging=self.charging,
            clock=self.clock,
        )
        self.profiles = FixedProfiles()
        self.look_after = LookAfter(
            verifications=self.verifications,
            watches=self.watches,
            sender=self.sender,
            charging=self.charging,
            profiles=self.profiles,
            telemetry=self.telemetry,
            clock=self.clock,
        )
        self.counters = InMemoryCounters(self.verifications)
        self.tally = Tally(self.counters, self.tallies, identity_key, self.prices, self.telemetry)

    def take_stream(self) -> None:
        """Take what the table's stream has brought since the last time."""
        changes: list[Change | Sent] = [*self.verifications.changes, *self.verifications.sent]
        self.verifications.changes.clear()
        self.verifications.sent.clear()
        self.tally(changes, [], plenty)


def start_command(
    to: str = "+31612345678",
    *,
    client: Client = CLIENT,
    country: str | None = "NL",
    channel: Channel | None = None,
    code_length: int = 6,
    validity: int = 300,
    max_attempts: int = 5,
    max_sends: int = 5,
    request: bytes = b"{}",
    resend_after: int | None = None,
    automatic_sends: int | None = None,
    fallback: tuple[Channel, ...] = (),
    details: Details | None = None,
    sender: str | None = None,
    flash: bool = False,
    voice: str | None = None,
    device: bytes | None = None,
    test_code: str | None = None,
    purpose: str | None = None,
    idempotency_key: str | None = None,
) -> StartCommand:
    """A start with the native defaults; also as many automatic sends as the native API gives."""
    if automatic_sends is None:
        automatic_sends = len(fallback) or (1 if resend_after else 0)
    destination = Destination(to, None if "@" in to else country)
    return StartCommand(
        client=client,
        to=destination,
        channel=channel or destination.channels[0],
        code_length=code_length,
        validity=validity,
        max_attempts=max_attempts,
        max_sends=max_sends,
        request=request,
        resend_after=resend_after,
        automatic_sends=automatic_sends,
        fallback=fallback,
        details=details,
        sender=sender,
        flash=flash,
        voice=voice,
        device=device,
        test_code=test_code,
        purpose=purpose,
        idempotency_key=idempotency_key,
    )
