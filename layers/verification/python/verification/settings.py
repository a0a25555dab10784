"""Settings from the environment; `template.yaml` sets them from the stack's parameters.

Each is read and checked when it is asked for, so a function needs only its own. A wrong one
stops at INIT with a sentence that names it.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from .domain.destination import TestDestination, parse_test_destinations
from .domain.guard import Allowed, Mode, parse_allowed
from .domain.limits import LimitName, Limits, parse_all_limits
from .domain.policy import NUMBER_KINDS
from .domain.routes import Routes, parse_routes
from .errors import ConfigurationError

_T = TypeVar("_T")

# Without these anybody could guess for ever, or flood a number.
_NEVER_WITHOUT = (
    LimitName.DESTINATION_SENDS,
    LimitName.DESTINATION_GUESSES,
    LimitName.SHORT_CODE_GUESSES,
)

_TEST_CODE = re.compile("[0-9]{4,16}")
_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9._:-]+(/[A-Za-z0-9._/-]*)?")


class Settings:
    """The settings of one function.

    Args:
        environ: `os.environ`, or a test's.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def required(self, name: str) -> str:
        """A setting that must be there.

        Raises:
            ConfigurationError: it is missing or empty.
        """
        value = self._environ.get(name, "")
        if not value:
            raise ConfigurationError(f"The environment variable {name} is not set.")
        return value

    def optional(self, name: str) -> str | None:
        """A setting that may be missing or empty."""
        return self._environ.get(name) or None

    @property
    def brand(self) -> str:
        brand = self.required("BRAND")
        if not brand.strip():
            raise ConfigurationError("BRAND must not be blank.")
        return brand

    @property
    def retention_seconds(self) -> int:
        hours = self._read("RETENTION_HOURS", int)
        if not 1 <= hours <= 8_760:
            raise ConfigurationError("RETENTION_HOURS must be 1 to 8760.")
        return hours * 3600

    @property
    def trusted_device_seconds(self) -> int:
        """How long a device is trusted after a success; 0: never."""
        days = self._read("TRUSTED_DEVICE_DAYS", int)
        if not 0 <= days <= 365:
            raise ConfigurationError("TRUSTED_DEVICE_DAYS must be 0 to 365.")
        return days * 86_400

    @property
    def limits(self) -> Limits:
        limits = self._read("LIMITS", parse_all_limits)
        if missing := [name for name in _NEVER_WITHOUT if not limits.of(name)]:
            raise ConfigurationError(f"LIMITS: {missing[0]} is missing.")
        for place in limits.places:
            if not _calling_code(place):
                raise ConfigurationError(f"LIMITS: '{place}' is not a country.")
        return limits

    @property
    def countries(self) -> frozenset[str]:
        """Those that anything is sent to; empty: all."""
        return self._words("COUNTRIES", lambda word: bool(_calling_code(word)), "a country")

    @property
    def refused_kinds(self) -> frozenset[str]:
        """Kinds of numbers that nothing is sent to."""
        kinds = f"one of {', '.join(NUMBER_KINDS)}"
        return self._words("REFUSED_NUMBER_KINDS", lambda word: word in NUMBER_KINDS, kinds)

    @property
    def guard_mode(self) -> Mode:
        mode = self.required("GUARD_MODE")
        if mode not in list(Mode):
            raise ConfigurationError(f"GUARD_MODE must be one of {', '.join(Mode)}.")
        return Mode(mode)

    @property
    def guard_allow(self) -> Allowed:
        text = self.optional("GUARD_ALLOW")
        return self._read("GUARD_ALLOW", parse_allowed) if text else Allowed(frozenset())

    @functools.cached_property
    def routes(self) -> Routes:
        return self._read("ROUTES", lambda text: parse_routes(text, _calling_code))

    @property
    def followed(self) -> frozenset[str]:
        """Providers whose reports name nothing but their message."""
        return frozenset((self.optional("FOLLOWED_PROVIDERS") or "").split())

    @property
    def sandbox_enabled(self) -> bool:
        return self.optional("SANDBOX_ENABLED") == "true"

    @property
    def test_destinations(self) -> Mapping[str, TestDestination]:
        text = self.optional("TEST_DESTINATIONS")
        return self._read("TEST_DESTINATIONS", parse_test_destinations) if text else {}

    @property
    def test_code(self) -> str | None:
        """What verifies all that is started with a key for tests; None: there are no such keys."""
        code = self.optional("TEST_CODE")
        # All zeros are no code of ours, and a vendor's client refuses them.
        if code and not (_TEST_CODE.fullmatch(code) and code.strip("0")):
            raise ConfigurationError("TEST_CODE must be 4 to 16 digits, not all zeros.")
        return code

    @property
    def public_url(self) -> str | None:
        """Where callers find the API, without a slash at the end; None: where they asked."""
        url = self.optional("PUBLIC_URL")
        if url and not _PUBLIC_URL.fullmatch(url):
            raise ConfigurationError("PUBLIC_URL must be an http or https URL without a query.")
        return url and url.rstrip("/")

    @property
    def webhook_networks(self) -> frozenset[str]:
        """Private networks that webhooks may be in."""
        return self._words("WEBHOOK_NETWORKS", _is_network, "a network such as 10.1.0.0/16")

    @property
    def page_url(self) -> str | None:
        """Where people find pages: as `public_url`, else on the stack's own host name."""
        domain = self.optional("DOMAIN_NAME")
        return self.public_url or (domain and f"https://{domain}")

    def _words(self, variable: str, fits: Callable[[str], bool], wanted: str) -> frozenset[str]:
        words = frozenset((self.optional(variable) or "").split())
        if wrong := sorted(word for word in words if not fits(word)):
            raise ConfigurationError(f"{variable}: '{wrong[0]}' is not {wanted}.")
        return words

    def _read(self, variable: str, parse: Callable[[str], _T]) -> _T:
        text = self.required(variable)
        try:
            return parse(text)
        except ValueError as error:
            raise ConfigurationError(f"{variable}: {error}.") from error


def _is_network(word: str) -> bool:
    # Imported late: the functions that post to webhooks alone ask for it.
    from ipaddress import ip_network

    try:
        ip_network(word)
    except ValueError:
        return False
    return True


def _calling_code(country: str) -> int | None:
    # Imported late: number plans are large, and most routes name no country.
    import phonenumbers

    return phonenumbers.country_code_for_region(country) or None
