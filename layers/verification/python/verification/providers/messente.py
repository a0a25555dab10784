"""SMS, Viber and WhatsApp by Messente's Omnichannel API (`POST /omnimessage`).

Messente answers when it has taken the message, not when it arrived. Of its two ids we keep
`omnimessage_id`: each delivery report has it, whichever channel it speaks of, and Messente's own
status call asks for it. A `message_id` belongs to one channel.

Messente can fall back to other channels by itself: each gets its share of the validity, so that
the last one still carries a code that works.

WhatsApp takes nothing but an approved template from a business that was not written to first. The
code goes into its body and its button (WhatsApp, *Authentication templates*).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ..domain.report import vendor_id
from ..domain.verification import Channel
from ..errors import ProviderError, ProviderRefused, ProviderRejected, ProviderSilent
from ..operations.ports import Order
from .http import Answer, HttpApi, without_none
from .settings import BaseUrl, ProviderSettings, Secret, Text

_CHANNELS = frozenset({Channel.SMS, Channel.VIBER, Channel.WHATSAPP})
_SERVER_ERROR = "104"
_WRONG_DATA = frozenset({"105", "106"})  # invalid, missing
# What `source` names, as in payload[sms][sender], when it is a setting that Messente does not like.
_OUR_SETTINGS = frozenset(
    {"channel", "sender", "template", "autoconvert", "priority", "text_store", "dlr_url"}
)


class WhatsAppTemplate(ProviderSettings):
    """A template of the category *authentication*.

    Args:
        name, language: as it was approved; a language is `en` or `en_GB`.
        button: whether it has the button that copies or fills in the code, as new ones must.
    """

    name: Text
    language: Text
    button: bool = True


class Settings(ProviderSettings):
    """Settings of `messente`.

    Args:
        username, password: of an API key of the account.
        sender: of SMS, unless the client has its own.
        viber_sender, whatsapp_sender: None, here too, for the account's default.
        autoconvert: characters beyond GSM 03.38 in SMS: replaced by the account's table (`on`),
            all replaced (`full`), left (`off`); None for Messente's default, `on`.
        priority: among all messages of the account.
        text_store: whether Messente keeps the text: no, as it is, as a hash.
        whatsapp_template: without it WhatsApp messages are refused.
        fallback: the channels that Messente is to try after a channel, in order.
        fallback_after: seconds until it does, 10 to 3,600; fewer when the code ends earlier.
    """

    username: Text
    password: Secret
    base_url: BaseUrl = "https://api.messente.com/v1"
    sender: Text | None = None
    viber_sender: Text | None = None
    whatsapp_sender: Text | None = None
    autoconvert: Literal["on", "full", "off"] | None = None
    priority: Literal["low", "regular", "high"] = "high"
    text_store: Literal["nostore", "plaintext", "sha256"] = "nostore"
    whatsapp_template: WhatsAppTemplate | None = None
    fallback: Mapping[Channel, tuple[Channel, ...]] = {}
    fallback_after: int = Field(default=60, ge=10, le=3_600)

    @model_validator(mode="after")
    def _check_fallback(self) -> Self:
        for channel, others in self.fallback.items():
            if not _CHANNELS.issuperset({channel, *others}):
                raise ValueError("fallback: Messente carries sms, viber and whatsapp only")
            if len({channel, *others}) < 1 + len(others):
                raise ValueError(f"fallback: {channel} should have other channels, each once")
            if Channel.WHATSAPP in others and not self.whatsapp_template:
                raise ValueError("fallback: whatsapp needs whatsapp_template")
        return self


class MessenteMessenger:
    """Messente's Omnichannel API.

    Args:
        reports_url: where the stack takes delivery reports; None for the account's address.
    """

    name = "messente"
    channels = _CHANNELS

    def __init__(self, settings: Settings, reports_url: str | None = None) -> None:
        self._settings = settings
        self._reports_url = reports_url
        self._api = HttpApi(self.name)

    def connect(self) -> None:
        """Open the connection of the first send; see `Connects`."""
        self._api.connect(self._settings.base_url)

    def send(self, order: Order) -> str:
        """Hand the message over once; see `Messenger.send`."""
        answer = self._api.call(
            "POST",
            f"{self._settings.base_url}/omnimessage",
            order.remaining,
            auth=(self._settings.username, self._settings.password.get_secret_value()),
            json=self._request(order),
        )
        if not answer.is_success:
            raise _error(answer)
        message_id = vendor_id(answer.json().get("omnimessage_id"))
        if message_id is None:
            raise ProviderSilent(self.name, "no_message_id")
        return message_id

    def _request(self, order: Order) -> dict[str, Any]:
        settings = self._settings
        channels = (order.channel, *settings.fallback.get(order.channel, ()))
        seconds = _shares(order.validity, len(channels), settings.fallback_after)
        request = {
            "to": order.to,
            "messages": [
                self._message(order, channel) | {"channel": channel, "ttl": ttl}
                for channel, ttl in zip(channels, seconds, strict=True)
            ],
            "priority": settings.priority,
            "text_store": settings.text_store,
            "dlr_url": self._report_address(order, channels),
        }
        return without_none(request)

    def _message(self, order: Order, channel: Channel) -> dict[str, Any]:
        settings = self._settings
        message: dict[str, Any]
        if channel == Channel.WHATSAPP:
            template = self._filled_template(order)
            message = {"sender": settings.whatsapp_sender, "template": template}
        elif channel == Channel.VIBER:
            message = {"sender": settings.viber_sender, "text": order.render(channel).text}
        else:
            message = {
                "sender": order.sender or settings.sender,
                "text": order.render(channel).text,
                "autoconvert": settings.autoconvert,
            }
        return without_none(message)

    def _filled_template(self, order: Order) -> dict[str, Any]:
        template = self._settings.whatsapp_template
        if not template:
            raise ProviderRefused(self.name, "whatsapp_template_missing")
        code = [{"type": "text", "text": order.code()}]
        components: list[dict[str, Any]] = [{"type": "body", "parameters": code}]
        if template.button:  # "url" for all three kinds: copy code, one-tap and zero-tap
            button = {"type": "button", "sub_type": "url", "index": 0, "parameters": code}
            components.append(button)
        return {
            "name": template.name,
            "language": {"code": template.language},
            "components": components,
        }

    def _report_address(self, order: Order, channels: Sequence[Channel]) -> str | None:
        address = order.report_url(self._reports_url, self.name)
        # Each channel is reported on; a failure means something on the last one alone.
        return f"{address}?last={channels[-1]}" if address and len(channels) > 1 else address


def _shares(validity: int, count: int, fallback_after: int) -> list[int]:
    """Seconds for each channel, at least 1; together as long as the code is valid."""
    early = max(1, min(fallback_after, validity // count))
    return [early] * (count - 1) + [max(1, validity - early * (count - 1))]


def _error(answer: Answer) -> ProviderError:
    """What an answer that is no success means.

    Of 101 to 107, all but these speak of our account or address: 104, a fault on their side, and
    105 and 106, which speak of this message unless they name what is the same in all of ours.
    """
    complaints = _complaints(answer)
    code = complaints[0][0] if complaints else None
    if code is None or answer.status == 429 or not 400 <= answer.status < 500:
        return answer.error(code)
    codes = {complaint[0] for complaint in complaints}
    if _SERVER_ERROR in codes:
        return ProviderSilent(answer.provider, _SERVER_ERROR)
    if codes <= _WRONG_DATA and not any(names & _OUR_SETTINGS for _, names in complaints):
        return ProviderRejected(answer.provider, code)
    return answer.error(code)


def _complaints(answer: Answer) -> list[tuple[str, set[str]]]:
    """The codes in an answer, each with the names in its `source`; none in a page of HTML."""
    errors = answer.fields.get("errors")
    return [
        (str(error["code"]), set(re.findall(r"\w+", str(error.get("source")))))
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict) and re.fullmatch(r"[0-9]{3}", str(error.get("code")))
    ]
