"""Settings from the environment; `template.yaml` sets them from the stack's parameters.

Each is read and checked when it is asked for, so a function needs only its own. A wrong one
stops at INIT with a sentence that names it.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from .domain.destination import TestDestination, parse_test_destinations
from .domain.limits import Limit, Limits, parse_limits
from .domain.routes import Routes, parse_routes
from .errors import ConfigurationError

_T = TypeVar("_T")

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
    def send_limits(self) -> tuple[Limit, ...]:
        return self._limits("destination_sends", "SEND_LIMITS")

    @property
    def limits(self) -> Limits:
        return Limits(
            self.send_limits,
            self._limits("destination_guesses", "GUESS_LIMITS"),
            self._limits("destination_short_code_guesses", "SHORT_CODE_GUESS_LIMITS"),
        )

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

    def _limits(self, name: str, variable: str) -> tuple[Limit, ...]:
        return self._read(variable, lambda text: parse_limits(name, text))

    def _read(self, variable: str, parse: Callable[[str], _T]) -> _T:
        text = self.required(variable)
        try:
            return parse(text)
        except ValueError as error:
            raise ConfigurationError(f"{variable}: {error}.") from error


def _calling_code(country: str) -> int | None:
    # Imported late: number plans are large, and most routes name no country.
    import phonenumbers

    return phonenumbers.country_code_for_region(country) or None
