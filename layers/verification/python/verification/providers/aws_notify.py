"""Codes that AWS makes and checks: AWS End User Messaging's *Notify*.

    start    SendNotifyCodeVerification       under a reference of ours
    check    ValidateNotifyCodeVerification   the same reference, whom it was sent to, and the code
    cancel   there is no such thing: AWS forgets it after the validity

AWS says VALID or INVALID: not whether a code was wrong, too late or tried too often. It does not
say either whether a VALID code is VALID again.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ..domain.verification import Channel, Reason
from ..errors import ProviderRefused, ProviderSilent, ProviderUnavailable
from ..operations.ports import SEND_ROOM, Order, Remaining, Terms
from .amazon import call, message_id
from .aws_sms import CountryParameters, Identity, Resource
from .aws_voice import calling_number, choose_voice
from .settings import ProviderSettings

CODE = "{{code}}"  # where AWS puts its code
SPOKEN_CODE = f'<say-as interpret-as="digits">{CODE}</say-as>'  # else Polly reads one large number
MAX_MINUTES = 60

_CHANNELS = {Channel.SMS: "TEXT", Channel.VOICE: "VOICE", Channel.WHATSAPP: "WHATSAPP"}
_CODE = re.compile(r"[0-9]{4,8}")
# AWS gives no reasons here. Of `pinpoint-sms-voice-v2`, which carries these messages, we know that
# it says the first of a wrong number and the second of one that has opted out.
_REJECTIONS = frozenset({"ValidationException", "ConflictException"})


class WhatsAppTemplate(ProviderSettings):
    """A template of the category *authentication*.

    Args:
        name, language: as it was approved; a language is BCP 47.
    """

    name: Annotated[str, Field(pattern=r"^\S{1,512}$")]
    language: Annotated[str, Field(pattern=r"^\S{2,35}$")]


class Settings(ProviderSettings):
    """Settings of `aws-notify`.

    Args:
        origination_identity: a phone number, sender id or pool; for calls a number or pool.
        whatsapp_origination_identity: for WhatsApp, where it is another.
        notify_code_configuration: id or ARN; for what we do not say with each message.
        configuration_set: the name (no ARN) of the one whose event destinations are told.
        voice_id: of Amazon Polly, for everybody; None for what AWS has for the language.
        destination_country_parameters: for numbers of India.
        whatsapp_template: without it the configuration should have one.
    """

    origination_identity: Identity
    whatsapp_origination_identity: Identity | None = None
    notify_code_configuration: Resource | None = None
    configuration_set: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,256}$")] | None = None
    voice_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$")] | None = None
    destination_country_parameters: CountryParameters | None = None
    whatsapp_template: WhatsAppTemplate | None = None


class AwsNotifyVerifier:
    """AWS End User Messaging's Notify.

    Args:
        client: a low-level client that never repeats: there is no idempotency key.
    """

    name = "aws-notify"
    channels = frozenset(_CHANNELS)
    terms = Terms(code_length=(4, 8), validity=(60, MAX_MINUTES * 60), max_attempts=(1, 5))

    def __init__(self, client: Any, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def start(self, order: Order) -> str:
        """Have a code made and sent; see `Verifier.start`. Its id is the order's key."""
        settings = self._settings
        answer = call(
            self.name,
            self._client.send_notify_code_verification,
            _REJECTIONS,
            channel=_CHANNELS[order.channel],
            destinationIdentity=order.to,
            originationIdentity=self._sender(order),
            notifyCodeConfiguration=settings.notify_code_configuration,
            overrideChannelParameters=self._message(order),
            overrideCodeConfigurationParameters={
                "codeType": "NUMERIC",
                "codeLength": order.code_length,
                "validityPeriodMinutes": min(-(-order.validity // 60), MAX_MINUTES),
                "maxAttempts": min(order.max_attempts, self.terms.max_attempts[1]),
            },
            configurationSetName=settings.configuration_set,
            # AWS's events on it are those of any SMS or call: who sent it has to be said, too.
            context={"report_token": order.report_token(self.name), "provider": self.name},
            referenceId=order.key,
        )
        message_id(self.name, answer, "verificationId")  # it did make one
        return order.key

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        """Ask whether a code is right; see `Verifier.check`.

        A right code whose answer got lost may be INVALID when it is asked about once more: then
        it counts as wrong, since nobody could tell it from one that is.
        """
        if not _CODE.fullmatch(code):  # AWS makes no such codes: it would call it our mistake
            return Reason.INCORRECT
        if remaining() < SEND_ROOM:
            raise ProviderUnavailable(self.name, "no_time_left")
        answer = call(
            self.name,
            self._client.validate_notify_code_verification,
            _REJECTIONS,
            destinationIdentity=to,
            referenceId=ref,
            code=code,
        )
        status = answer.get("status")
        if status not in ("VALID", "INVALID"):
            raise ProviderSilent(self.name, "NoStatus")
        return None if status == "VALID" else Reason.INCORRECT

    def cancel(self, ref: str, remaining: Remaining) -> None:
        """Nothing: AWS cannot be made to forget; see `Verifier.cancel`."""

    def _sender(self, order: Order) -> str:
        settings = self._settings
        if order.channel == Channel.WHATSAPP:
            return settings.whatsapp_origination_identity or settings.origination_identity
        sender = order.sender if order.channel == Channel.SMS else calling_number(order)
        return sender or settings.origination_identity

    def _message(self, order: Order) -> Mapping[str, Any] | None:
        """What is sent; None where the configuration says it."""
        if order.channel == Channel.SMS:
            return {"text": self._text(order)}
        if order.channel == Channel.VOICE:
            return {"voice": self._speech(order)}
        template = self._settings.whatsapp_template
        if template:
            name, language = template.name, template.language
            return {"whatsApp": {"whatsAppTemplateName": name, "languageCode": language}}
        if not self._settings.notify_code_configuration:
            raise ProviderRefused(self.name, "whatsapp_template_missing")
        return None

    def _text(self, order: Order) -> Mapping[str, Any]:
        text: dict[str, Any] = {"inlineTemplateBody": order.template(order.channel, CODE).text}
        if self._settings.destination_country_parameters and order.country == "IN":
            text["destinationCountryParameters"] = self._settings.destination_country_parameters
        return text

    def _speech(self, order: Order) -> Mapping[str, Any]:
        text = order.template(order.channel, CODE).text
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(character, entity)
        speech = {
            "inlineTemplateBody": f"<speak>{text.replace(CODE, SPOKEN_CODE)}</speak>",
            "voiceMessageBodyTextType": "SSML",
        }
        voice = choose_voice(order.locale, order.country)
        if self._settings.voice_id:
            speech["voiceId"] = self._settings.voice_id
        elif voice:
            speech["languageCode"] = voice.language
        return speech
