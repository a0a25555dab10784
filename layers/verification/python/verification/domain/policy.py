"""The numbers we hold ourselves to, and a client's own policy."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from ..valueclass import valueclass
from .guard import Mode
from .limits import DEFAULT_ATTEMPTS, Limits


@valueclass
class Bound:
    """A number's default (None: it may be absent), lowest and highest value."""

    default: int | None
    lowest: int
    highest: int


# The native API's; each drop-in API keeps its vendor's (DESIGN.md, *Numbers*).
CODE_LENGTH = Bound(6, 4, 16)  # digits; ASVS 5.0 §6.5.4: 20 bits, so 6
VALIDITY = Bound(300, 30, 172_800)  # seconds; ASVS 5.0 §6.5.5 and NIST 800-63B: at most 600
MAX_ATTEMPTS = Bound(DEFAULT_ATTEMPTS, 1, 10)
MAX_SENDS = Bound(5, 1, 10)
RESEND_AFTER = Bound(None, 15, 172_800)  # seconds; off unless asked for

LONG_VALIDITY = 600  # seconds; over this the log warns (NIST 800-63B §3.1.3)
SHORT_CODE = 6  # under this many digits the smaller guess budget counts
RESEND_INTERVAL = 30  # seconds between two sends that were asked for
MAX_DOUBTS = 2  # times that one send may be handed over without our knowing that it was
MAX_RETURN_URL = 500  # characters
RESULT_SECONDS = 600  # that a page's result is good for, from the right guess on
AUTOMATIC_SENDS = 1  # at most, when `resend_after` is given


class Scope(StrEnum):
    """What a client may do."""

    START = "start"  # and send again, and enrol an app
    VERIFY = "verify"
    LOOKUP = "lookup"
    DELETE = "delete"
    ADMIN = "admin"  # create and delete services


# Kinds of numbers, as phonenumbers calls them; what each costs, or who can have one by the dozen.
NUMBER_KINDS = (
    "fixed_line",
    "mobile",
    "fixed_line_or_mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
)


@valueclass
class Profile:
    """A client's policy; what it does not say comes from the stack's parameters.

    Args:
        brand: the name in our messages, 1 to 20 characters.
        locale: BCP 47; None chooses by the country of the number.
        countries: send to numbers of these only; None: as the stack says, empty: to all.
        refused_kinds: of numbers, see NUMBER_KINDS; None: as the stack says.
        senders, templates: by country, for requests that name none.
        limits: in place of the stack's of the same names.
        guard: None: as the stack says.
        return_urls: where its pages may send people, see domain.return_urls; none: it has no pages.
        counts_alone: its sends and starts count against limits of its own, not with those of the
            other clients to the same destinations.
    """

    brand: str
    locale: str | None = None
    countries: frozenset[str] | None = None
    refused_kinds: frozenset[str] | None = None
    senders: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    guard: Mode | None = None
    counts_alone: bool = False
    return_urls: tuple[str, ...] = ()


@valueclass
class Client:
    """An application that calls us and owns its verifications.

    Args:
        test: may use the test destinations, where nothing is sent.
        direct_invoke: may be named in the payload of a direct invoke.
        networks: may call over HTTPS from there only, such as `192.0.2.0/24`; none: from anywhere.
        senders: may name these only as senders; none: any that fit the channel.
        scopes: what it may do.
    """

    id: str
    profile: Profile
    test: bool = False
    direct_invoke: bool = False
    networks: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = tuple(Scope)

    def may_call_from(self, address: str) -> bool:
        """Whether it may call from an address, as the gateway saw it; not from one unreadable."""
        if not self.networks:
            return True
        # Imported late: most clients have no list.
        from ipaddress import ip_address, ip_network

        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in ip_network(network) for network in self.networks)

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def may_send_as(self, sender: str | None) -> bool:
        return sender is None or not self.senders or sender in self.senders
