"""SMS and voice by MessageBird's REST API (`POST /messages`, `POST /voicemessages`).

MessageBird answers when it has taken the message; whether it arrived stands in the reports, which
are sent for messages with a `reference` only.

Errors have numbers, several in one answer, each with the parameter it is about:

    2       the access key              refused
    9, 10   missing, invalid            the recipient or the body: rejected; else refused
    20, 21  not found, bad request      refused
    25      no balance                  refused
    98      no such call: our address   refused
    99      internal error              silent
    100     service unavailable         unavailable
"""

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from pydantic import Field

from ..domain.report import vendor_id
from ..domain.spoken import DEFAULT_LANGUAGE, LANGUAGES
from ..domain.texts import LANGUAGE_OF_COUNTRY
from ..domain.verification import Channel
from ..errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from ..operations.ports import Order, Remaining
from ..valueclass import valueclass
from .http import Answer, HttpApi, without_none
from .settings import BaseUrl, HeaderSecret, ProviderSettings

MAX_SPOKEN = 1_000  # characters of a voice message

_NORWEGIAN = {"no": "nb", "nn": "nb"}

_MEANINGS: Mapping[int, type[ProviderError]] = {
    2: ProviderRefused,
    9: ProviderRefused,
    10: ProviderRefused,
    20: ProviderRefused,
    21: ProviderRefused,
    25: ProviderRefused,
    98: ProviderRefused,
    99: ProviderSilent,
    100: ProviderUnavailable,
}
_WRONG_PARAMETER = (9, 10)
_OF_ONE_MESSAGE = ("recipient", "recipients", "body")
_GRAVEST_FIRST = (ProviderSilent, ProviderRefused, ProviderUnavailable, ProviderRejected)


class Account(ProviderSettings):
    """Settings that `messagebird` and `messagebird-verify` share.

    Args:
        originator: of SMS, unless the client has its own: a number, or 1 to 11 characters.
        voice_originator: the number that calls; None for MessageBird's.
        type: `flash` shows the SMS at once, and most phones do not keep it. One that is started
            so is so with `sms` too.
        datacoding: characters beyond GSM 03.38: none (`plain`), all (`unicode`), as needed.
        voice: that reads the message, unless it was started with another.
    """

    access_key: HeaderSecret
    base_url: BaseUrl = "https://rest.messagebird.com"
    originator: str = Field(default="Code", pattern=r"^(\+?[0-9]{1,15}|[ -~]{1,11})$")
    voice_originator: str | None = Field(default=None, pattern=r"^\+?[0-9]{1,15}$")
    type: Literal["sms", "flash"] = "sms"
    datacoding: Literal["plain", "unicode", "auto"] = "auto"
    voice: Literal["male", "female"] = "female"


class Settings(Account):
    """Settings of `messagebird`.

    Args:
        gateway: the route of SMS at MessageBird; None for its choice.
        repeat: how often a voice message is said, 1 to 10; ours says the code twice by itself.
        if_machine: what to do when a machine answers. MessageBird's default, `delay`, waits for
            the tone and leaves the code on a mailbox, often open to whoever guesses its PIN.
        machine_timeout: milliseconds to find out whether it is a machine, 400 to 10,000.
    """

    gateway: int | None = Field(default=None, ge=0, le=2**31 - 1)
    repeat: int = Field(default=1, ge=1, le=10)
    if_machine: Literal["continue", "delay", "hangup"] = "hangup"
    machine_timeout: int = Field(default=7_000, ge=400, le=10_000)


class MessageBirdApi:
    """MessageBird's REST API, for one of our two providers.

    Args:
        provider: its name.
        reports_url: where the stack takes delivery reports; None for the account's address.
    """

    def __init__(self, provider: str, settings: Account, reports_url: str | None) -> None:
        self._provider = provider
        self._settings = settings
        self._reports_url = reports_url
        self._http = HttpApi(provider)

    def connect(self) -> None:
        """Open the connection of the first send; see `Connects`."""
        self._http.connect(self._settings.base_url)

    def call(
        self,
        method: str,
        path: str,
        remaining: Remaining,
        *,
        json: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once; see `HttpApi.call`."""
        key = self._settings.access_key.get_secret_value()
        return self._http.call(
            method,
            self._settings.base_url + path,
            remaining,
            headers={"Authorization": f"AccessKey {key}"},
            json=json,
            params=params,
        )

    def report_url(self, order: Order) -> str | None:
        """Where this send's reports are to go."""
        return order.report_url(self._reports_url, self._provider)


class MessageBirdMessenger:
    """MessageBird's SMS and voice messages."""

    name = "messagebird"
    channels = frozenset({Channel.SMS, Channel.VOICE})

    def __init__(self, settings: Settings, reports_url: str | None = None) -> None:
        self._settings = settings
        self._api = MessageBirdApi(self.name, settings, reports_url)

    def connect(self) -> None:
        """Open the connection of the first send; see `Connects`."""
        self._api.connect()

    def send(self, order: Order) -> str:
        """Hand the message over once; see `Messenger.send`."""
        if order.channel == Channel.VOICE:
            path, request = "/voicemessages", self._voice_message(order)
        else:
            path, request = "/messages", self._message(order)
        answer = self._api.call("POST", path, order.remaining, json=request)
        if not answer.is_success:
            raise error_of(answer)
        message_id = vendor_id(answer.json().get("id"))
        if message_id is None:
            raise ProviderSilent(self.name, "no_message_id")
        return message_id

    def _message(self, order: Order) -> dict[str, Any]:
        settings = self._settings
        request = {
            "recipients": [msisdn(order.to)],
            "originator": sms_originator(order, settings),
            "body": order.render(order.channel).text,
            "type": "flash" if order.flash else settings.type,
            "datacoding": settings.datacoding,
            "validity": order.validity,
            "gateway": settings.gateway,
            "reference": order.key,
            "reportUrl": self._api.report_url(order),
        }
        return without_none(request)

    def _voice_message(self, order: Order) -> dict[str, Any]:
        settings, body = self._settings, order.render(order.channel).text
        if len(body) > MAX_SPOKEN:
            raise ProviderRejected(self.name, "body_too_long")
        request = {
            "recipients": [msisdn(order.to)],
            "originator": voice_originator(order, settings),
            "body": body,
            "language": language_of(order),
            "voice": order.voice or settings.voice,
            "repeat": settings.repeat,
            "ifMachine": settings.if_machine,
            "machineTimeout": settings.machine_timeout,
            "reference": order.key,
            "reportUrl": self._api.report_url(order),
        }
        return without_none(request)


def msisdn(number: str) -> str:
    """A number in E.164 as MessageBird writes it: the digits alone."""
    return number.removeprefix("+")


def sms_originator(order: Order, settings: Account) -> str:
    """The client's sender, unless it is for another channel; else the stack's."""
    sender = order.sender or ""
    return msisdn(sender if sender and "@" not in sender else settings.originator)


def voice_originator(order: Order, settings: Account) -> str | None:
    """The client's sender where it is a number; else the stack's, if any."""
    sender = order.sender or ""
    number = sender if sender.startswith("+") else settings.voice_originator
    return msisdn(number) if number else None


def language_of(order: Order) -> str:
    """The language of a voice message: by locale, else by country, else English."""
    country = order.country or ""
    spoken_there = LANGUAGE_OF_COUNTRY.get(country, "en")
    found = (_spoken(locale, country) for locale in (order.locale, spoken_there) if locale)
    return next(filter(None, found), DEFAULT_LANGUAGE)


def _spoken(locale: str, country: str) -> str | None:
    """As MessageBird speaks it in the locale's region, else in the country of the number."""
    tag = locale.lower().replace("_", "-")
    if tag in LANGUAGES:
        return tag
    language, *subtags = tag.split("-")
    language = _NORWEGIAN.get(language, language)
    spoken = [one for one in LANGUAGES if one.startswith(f"{language}-")]
    wanted = [f"{language}-{region}" for region in (*subtags, country.lower())]
    return next((one for one in wanted if one in spoken), spoken[0] if spoken else None)


@valueclass
class Fault:
    """One of the errors in an answer.

    Args:
        description: the vendor's words, which may hold anything: never to be kept.
    """

    code: int
    parameter: str | None
    description: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.code} {self.parameter}" if self.parameter else str(self.code)

    @property
    def meaning(self) -> type[ProviderError] | None:
        """What it says of a message; None for what the vendor does not document."""
        if self.code in _WRONG_PARAMETER and self.parameter in _OF_ONE_MESSAGE:
            return ProviderRejected
        return _MEANINGS.get(self.code)


def faults_of(answer: Answer) -> list[Fault]:
    """The errors in an answer; none in an empty one, or a page of HTML: then its status tells."""
    errors = answer.fields.get("errors")
    return [
        Fault(error["code"], _name(error.get("parameter")), _text(error.get("description")))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict) and _is_code(error.get("code"))
    ]


def error_of(answer: Answer) -> ProviderError:
    """What an answer that is no success means: the gravest of its errors, else HTTP's status."""
    faults = faults_of(answer)
    if answer.status != 429:
        for kind in _GRAVEST_FIRST:
            for fault in faults:
                if fault.meaning is kind:
                    return kind(answer.provider, str(fault))
    return answer.error(str(faults[0]) if faults else None)


def _is_code(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9_999


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(value: object) -> str | None:
    """A parameter's name, to be kept beside the code; nothing that could be more than that."""
    return _text(value) if re.fullmatch("[A-Za-z]{1,20}", _text(value)) else None
