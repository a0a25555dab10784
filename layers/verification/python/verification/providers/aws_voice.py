"""Calls by AWS End User Messaging (`pinpoint-sms-voice-v2`, `SendVoiceMessage`).

Amazon Polly reads the text out: plain text, since our digits stand apart ("1, 2, 3") as it is.
"""

import re
from typing import Annotated, Any

from pydantic import Field

from ..domain.texts import choose
from ..domain.verification import Channel
from ..operations.ports import Order
from ..valueclass import valueclass
from .amazon import send
from .aws_sms import REJECTIONS, CommonSettings, EndUserMessenger, Identity, Price


@valueclass
class Voice:
    """A voice of Amazon Polly.

    Args:
        id: as `SendVoiceMessage` spells it.
        language: Polly's code of what it speaks.
        male: the one that takes its place when a male voice was asked for, if there is one.
    """

    id: str
    language: str
    male: str | None = None

    def of(self, gender: str | None) -> str:
        """Its id, or that of the male voice where that was asked for."""
        return self.male if gender == "male" and self.male else self.id


# By the language of our texts, or language and country.
VOICES = {
    "ar": Voice("ZEINA", "arb"),
    "da": Voice("NAJA", "da-DK", "MADS"),
    "de": Voice("VICKI", "de-DE", "HANS"),
    "en": Voice("JOANNA", "en-US", "MATTHEW"),
    "en-AU": Voice("NICOLE", "en-AU", "RUSSELL"),
    "en-GB": Voice("AMY", "en-GB", "BRIAN"),
    "en-IE": Voice("AMY", "en-GB", "BRIAN"),
    "en-IN": Voice("RAVEENA", "en-IN"),
    "en-NZ": Voice("NICOLE", "en-AU", "RUSSELL"),
    "es": Voice("LUPE", "es-US", "MIGUEL"),
    "es-ES": Voice("LUCIA", "es-ES", "ENRIQUE"),
    "es-MX": Voice("MIA", "es-MX"),
    "fr": Voice("LEA", "fr-FR", "MATHIEU"),
    "fr-CA": Voice("CHANTAL", "fr-CA"),
    "it": Voice("BIANCA", "it-IT", "GIORGIO"),
    "ja": Voice("MIZUKI", "ja-JP", "TAKUMI"),
    "ko": Voice("SEOYEON", "ko-KR"),
    "nb": Voice("LIV", "nb-NO"),
    "nl": Voice("LOTTE", "nl-NL", "RUBEN"),
    "pl": Voice("EWA", "pl-PL", "JACEK"),
    "pt": Voice("INES", "pt-PT", "CRISTIANO"),
    "pt-BR": Voice("CAMILA", "pt-BR", "RICARDO"),
    "ro": Voice("CARMEN", "ro-RO"),
    "ru": Voice("TATYANA", "ru-RU", "MAXIM"),
    "sv": Voice("ASTRID", "sv-SE"),
    "tr": Voice("FILIZ", "tr-TR"),
    "zh": Voice("ZHIYU", "cmn-CN"),
    "zh-Hant": Voice("ZHIYU", "cmn-CN"),
}


def choose_voice(locale: str | None, country: str | None) -> Voice | None:
    """The voice for the text that somebody gets, see `domain.texts.choose`.

    Returns:
        None where Polly has none for the language: then AWS's own, which reads English, has at
        least the digits right.
    """
    language = choose(locale, country).language
    regions = [part for part in re.split("[-_]", locale or "")[1:] if len(part) == 2]
    region = (regions[0] if regions else country or "").upper()
    return VOICES.get(f"{language}-{region}") or VOICES.get(language)


class Settings(CommonSettings):
    """Settings of `aws-voice`.

    Args:
        origination_identity: a phone number or a pool; no sender id can call.
        voice_id: for everybody, in place of one for each language; `MATTHEW`, say.
        max_price_per_minute: a dearer call is rejected.
    """

    origination_identity: Identity
    voice_id: Annotated[str, Field(pattern=r"^[A-Z]{1,64}$")] | None = None
    max_price_per_minute: Price | None = None


class AwsVoiceMessenger(EndUserMessenger):
    """Calls by AWS End User Messaging.

    Args:
        client: a low-level client that never repeats: there is no idempotency key.
    """

    name = "aws-voice"
    channels = frozenset({Channel.VOICE})

    def __init__(self, client: Any, settings: Settings) -> None:
        super().__init__(client, settings)
        self._settings = settings

    def send(self, order: Order) -> str:
        """Have the message read out once; see `Messenger.send`."""
        settings = self._settings
        voice = choose_voice(order.locale, order.country)
        return send(
            self.name,
            self._client.send_voice_message,
            REJECTIONS,
            **self._common_parameters(order),
            OriginationIdentity=calling_number(order) or settings.origination_identity,
            MessageBodyTextType="TEXT",
            VoiceId=settings.voice_id or (voice.of(order.voice) if voice else None),
            MaxPricePerMinute=settings.max_price_per_minute,
        )


def calling_number(order: Order) -> str | None:
    """The order's sender if it is a number: a name may be on an SMS, and cannot call."""
    return order.sender if order.sender and order.sender.startswith("+") else None
