"""Every provider there is, and how each is made: those of the routes at INIT, others when needed.

A provider is a class in `providers/`, in the file of its name, with its `Settings` beside it. To
add one, write that file and put its class into the table below (docs/providers.md has an example).
"""

import importlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from botocore.exceptions import ClientError
from pydantic import ValidationError

from .aws import error_code, make_client
from .domain.verification import Reason
from .errors import (
    ConfigurationError,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    TemporarilyUnavailable,
)
from .operations.ports import Connects, Messenger, Order, Remaining, Telemetry, Verifier
from .providers.routing import Offer, ask_renewed
from .settings import Settings
from .storage.secrets import StoredProviderSettings

# By its name in `ROUTES`: its class, and for those on AWS the service it is a client of.
CLASSES = {
    "aws-notify": "AwsNotifyVerifier",
    "aws-sms": "AwsSmsMessenger",
    "aws-voice": "AwsVoiceMessenger",
    "messagebird": "MessageBirdMessenger",
    "messagebird-verify": "MessageBirdVerifier",
    "messente": "MessenteMessenger",
    "messente-verify": "MessenteVerifier",
    "sandbox": "SandboxMessenger",
    "ses": "SesMessenger",
    "sns": "SnsMessenger",
    "verigator": "VerigatorVerifier",
    "webhook": "WebhookMessenger",
}
SERVICES = {
    "aws-notify": "endusermessaging",
    "aws-sms": "pinpoint-sms-voice-v2",
    "aws-voice": "pinpoint-sms-voice-v2",
    "ses": "sesv2",
    "sns": "sns",
}
# Their settings are parameters of the stack.
SET_BY_TEMPLATE = ("sandbox", "ses", "sns")
# A stack may have several webhooks, each with settings of its own: `webhook-acme`.
_WEBHOOK = "webhook"


class Catalogue:
    """The providers of one stack.

    Args:
        settings: of the stack.
        secret: the providers' own; see `providers.settings`.
        dynamodb: a low-level client; for the sandbox alone.
        clock: epoch milliseconds.
    """

    def __init__(
        self,
        settings: Settings,
        secret: StoredProviderSettings,
        dynamodb: Callable[[], Any],
        telemetry: Telemetry,
        clock: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._secret = secret
        self._dynamodb = dynamodb
        self._telemetry = telemetry
        self._clock = clock
        self._made: dict[str, tuple[Any, Messenger | Verifier]] = {}

    def names(self) -> Iterable[str]:
        missing = set()
        if not self._settings.sandbox_enabled:
            missing.add("sandbox")
        if not self._settings.optional("EMAIL_SENDER"):
            missing.add("ses")
        named = self._settings.routes.names
        several = {name for name in named if name.startswith(f"{_WEBHOOK}-")}
        return (CLASSES.keys() | several) - missing

    def offer(self, name: str) -> Offer:
        provider = _class_of(name)
        return Offer(provider.channels, getattr(provider, "terms", None))

    def get(self, name: str) -> Messenger | Verifier:
        """The provider of this name.

        Raises:
            ProviderRefused: its settings are missing or wrong; the log names the key.
            ProviderUnavailable: its settings are out of reach.
        """
        own = self._own_settings(name)
        if name not in self._made or self._made[name][0] != own:
            self._made[name] = own, self._make(name, own)
        return self._made[name][1]

    def warm_up(self, names: Iterable[str]) -> None:
        """Make and connect those that the first send would else make, and wait for."""
        for name in names:
            with suppress(ProviderError):  # the log says it, and whoever sends by it meets it again
                provider = self.get(name)
                if isinstance(provider, Connects):
                    provider.connect()

    def verifier(self, name: str) -> Verifier:
        """As get(), for what has to be a verifier.

        Raises:
            ProviderRefused: it is none, or there is none of this name any more.
        """
        if not _is_known(name):
            raise ProviderRefused(name, "no_such_provider")
        if not isinstance(self.get(name), Verifier):
            raise ProviderRefused(name, "no_verifier")
        return _Renewing(name, self)

    def renew(self, name: str) -> bool:
        if name in SET_BY_TEMPLATE:
            return False
        before = self._own_settings(name)
        try:
            self._secret.look_again()
        except (ClientError, ConfigurationError, TemporarilyUnavailable):
            return False  # the refusal that led here says enough
        return bool(before != self._own_settings(name))

    def _make(self, name: str, own: Any) -> Messenger | Verifier:
        provider = _class_of(name)
        made: Messenger | Verifier
        if name == "sandbox":
            table = self._settings.required("SESSIONS_TABLE")
            made = provider(self._dynamodb(), table, self._clock)
        elif name == "sns":
            made = provider(_once(name), self._settings.optional("SMS_SENDER_ID"))
        elif name == "ses":
            sender = self._settings.required("EMAIL_SENDER")
            configuration_set = self._settings.optional("EMAIL_CONFIGURATION_SET")
            made = provider(_once(name), sender, configuration_set)
        elif name in SERVICES:
            made = provider(_once(name), self._check(name, own))
        else:
            reports_url = self._settings.optional("REPORTS_URL")
            several = (name,) if name.startswith(_WEBHOOK) else ()
            made = provider(self._check(name, own), reports_url, *several)
        return made

    def _own_settings(self, name: str) -> Any:
        if name in SET_BY_TEMPLATE:
            return None
        try:
            return self._secret.get(name)
        except TemporarilyUnavailable as error:
            raise ProviderUnavailable(name, "settings_unreachable") from error
        # Providers without settings there go on working.
        except ConfigurationError as error:
            self._telemetry.warn("provider_settings_wrong", key=name, problem=str(error))
            raise ProviderRefused(name, "settings_wrong") from None
        except ClientError as error:
            self._telemetry.warn("provider_settings_wrong", key=name, problem=error_code(error))
            raise ProviderRefused(name, "settings_unreadable") from None

    def _check(self, name: str, own: Any) -> Any:
        """The settings as the provider's model.

        Raises:
            ProviderRefused: some are missing or wrong; the log names each, without its value.
        """
        try:
            return read_settings(name, own)
        except WrongSettings as error:
            for key, problem in error.faults:
                self._telemetry.warn("provider_settings_wrong", key=key, problem=problem)
            raise ProviderRefused(name, "settings_wrong") from None


@dataclass
class _Renewing:
    """A verifier that is asked once more where it refused us and its settings are new."""

    name: str
    catalogue: Catalogue

    def start(self, order: Order) -> str:
        return self._ask(lambda verifier: verifier.start(order))

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        return self._ask(
            lambda verifier: verifier.check(ref, to, code, repeated=repeated, remaining=remaining)
        )

    def cancel(self, ref: str, remaining: Remaining) -> None:
        self._ask(lambda verifier: verifier.cancel(ref, remaining))

    def _ask[T](self, ask: Callable[[Verifier], T]) -> T:
        return ask_renewed(
            self.catalogue,
            self.name,
            lambda: ask(cast(Verifier, self.catalogue.get(self.name))),
        )


class WrongSettings(ValueError):
    """A provider's settings are missing or wrong.

    Args:
        faults: each key with what is the matter; never its value.
    """

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {problem}" for key, problem in faults))
        self.faults = tuple(faults)


def read_settings(name: str, own: Any) -> Any:
    """A provider's settings as its model.

    Args:
        own: what the secret says of it; None where it says nothing.

    Raises:
        WrongSettings: some are missing or wrong, or there is no such provider, or it has none.
    """
    model = getattr(_module_of(name), "Settings", None) if _is_known(name) else None
    if model is None:
        raise WrongSettings([(name, "there is no provider of this name that has settings")])
    try:
        return model.model_validate({} if own is None else own)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise WrongSettings(
            [(".".join(str(part) for part in (name, *f["loc"])), f["msg"]) for f in faults]
        ) from None


def _is_known(name: str) -> bool:
    return name in CLASSES or name.startswith(f"{_WEBHOOK}-")


def _module_of(name: str) -> Any:
    file = _WEBHOOK if name.startswith(f"{_WEBHOOK}-") else name.replace("-", "_")
    return importlib.import_module(f".providers.{file}", __package__)


def _class_of(name: str) -> Any:
    known = _WEBHOOK if name.startswith(f"{_WEBHOOK}-") else name
    return getattr(_module_of(name), CLASSES[known])


def _once(name: str) -> Any:
    """A client that never repeats a call: a message may have been sent by the first."""
    return make_client(SERVICES[name], attempts=1, read=5)
