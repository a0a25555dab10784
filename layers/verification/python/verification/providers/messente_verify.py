"""Messente's Number Verification: it makes the code, sends it by SMS and checks it.

    verify/start/   OK <id>  VERIFIED                           ERROR n  FAILED 209
    verify/pin/     VERIFIED  INVALID  EXPIRED  THROTTLED       ERROR n  FAILED 209

Every answer is text with HTTP status 200, errors too. The vendor's document names two hosts, and
FAILED 209 as the reason to ask the second one. A start is asked for there only when the first host
has surely sent nothing; a check also when the first host kept silent, since it may be repeated.

We leave out `ip`, `browser` and `cookie`: by them Messente lets a device it knows in without a
code, past our own count of guesses.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

from pydantic import Field

from ..domain.verification import Channel, Reason
from ..errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from ..operations.ports import Order, Remaining, Terms
from .http import HttpApi
from .settings import BaseUrl, ProviderSettings, Secret, Text

_STARTED = re.compile(r"OK ([!-~]{1,256})|VERIFIED")
_CHECKED = re.compile(r"VERIFIED|INVALID|EXPIRED|THROTTLED")
_FAILED = re.compile(r"(?:ERROR|FAILED) [0-9]{3}\b")
_NOT_NOW = "FAILED 209"
_REASONS = {
    "VERIFIED": None,
    "INVALID": Reason.INCORRECT,
    "EXPIRED": Reason.EXPIRED,
    "THROTTLED": Reason.EXHAUSTED,
}
# Wrong parameters (the number is all that varies), unknown verification; and from the vendor's SMS
# API, which counts on with the same numbers: no such country, bad number, not supported, blocked.
_ABOUT_THIS_ONE = frozenset(f"ERROR {code}" for code in (102, 110, 104, 105, 106, 108))


class Settings(ProviderSettings):
    """Settings of `messente-verify`.

    Args:
        username, password: of an API key of the account.
        base_urls: hosts in the order to ask, 1 to 4.
        sender: unless the client has its own; None for Messente's default, `Verigator`.
        max_tries: how often Messente sends the code by itself, 1 to 10. Its own default is 2; ours
            is 1, since we send again when the person asks, or our queue sees the need.
        retry_delay: seconds between those, 1 to 1,800; goes out only when there are several.
    """

    username: Text
    password: Secret
    base_urls: Annotated[tuple[BaseUrl, ...], Field(min_length=1, max_length=4)] = (
        "https://api2.messente.com",
        "https://api3.messente.com",
    )
    sender: Text | None = None
    max_tries: int = Field(default=1, ge=1, le=10)
    retry_delay: int = Field(default=30, ge=1, le=1_800)


class MessenteVerifier:
    """Messente's Number Verification. It has no delivery reports."""

    name = "messente-verify"
    channels = frozenset({Channel.SMS})
    terms = Terms(code_length=(4, 16), validity=(1, 1_800))

    def __init__(self, settings: Settings, reports_url: str | None = None) -> None:
        self._settings = settings
        self._api = HttpApi(self.name)

    def connect(self) -> None:
        """Open the connection of the first send; see `Connects`."""
        self._api.connect(self._settings.base_urls[0])

    def start(self, order: Order) -> str:
        """Have a code made and sent; see `Verifier.start`."""
        settings = self._settings
        parameters = {
            "to": order.to,
            "template": order.template(order.channel, "<PIN>").text,
            "pin_length": str(order.code_length),
            "max_tries": str(settings.max_tries),
            "validity": str(order.validity),
        }
        if sender := order.sender or settings.sender:
            parameters["from"] = sender
        if settings.max_tries > 1:
            parameters["retry_delay"] = str(settings.retry_delay)
        answer = self._ask("start", parameters, _STARTED, order.remaining, ProviderUnavailable)
        if answer[1] is None:
            # It knows this person's device and sent nothing. We named no device: somebody has to
            # look after that, and the next provider sends a code.
            raise ProviderRefused(self.name, "VERIFIED")
        return answer[1]

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        """Ask whether a code is right; see `Verifier.check`."""
        parameters = {"verification_id": ref, "pin": code}
        again = (ProviderUnavailable, ProviderSilent)
        return _REASONS[self._ask("pin", parameters, _CHECKED, remaining, *again)[0]]

    def cancel(self, ref: str, remaining: Remaining) -> None:
        """Nothing: Messente cannot be told to forget one."""

    def _ask(
        self,
        call: str,
        parameters: Mapping[str, str],
        expected: re.Pattern[str],
        remaining: Remaining,
        *again: type[ProviderError],
    ) -> re.Match[str]:
        """Ask the hosts in order, the next one after an error of the kinds in `again`."""
        *firsts, last = self._settings.base_urls
        for base_url in firsts:
            with suppress(*again):
                return self._ask_host(base_url, call, parameters, expected, remaining)
        return self._ask_host(last, call, parameters, expected, remaining)

    def _ask_host(
        self,
        base_url: str,
        call: str,
        parameters: Mapping[str, str],
        expected: re.Pattern[str],
        remaining: Remaining,
    ) -> re.Match[str]:
        credentials = {
            "username": self._settings.username,
            "password": self._settings.password.get_secret_value(),
        }
        answer = self._api.call(
            "POST",
            f"{base_url}/verify/{call}/",
            remaining,
            headers={"Accept": "text/plain"},
            # In the query, as every published client of this API sends them; none uses a form.
            params={**credentials, **parameters},
        )
        if answer.status != 200:
            raise answer.error()
        text = answer.text.strip()
        if found := expected.fullmatch(text):
            return found
        raise self._error(text)

    def _error(self, text: str) -> ProviderError:
        failed = _FAILED.match(text)
        if not failed:
            return ProviderSilent(self.name, "unknown_answer")
        code = failed[0]
        if code == _NOT_NOW:
            return ProviderUnavailable(self.name, code)
        if code.startswith("FAILED"):
            return ProviderSilent(self.name, code)
        return (ProviderRejected if code in _ABOUT_THIS_ONE else ProviderRefused)(self.name, code)
