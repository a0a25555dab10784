"""MessageBird's Verify: it makes the code, sends it by SMS, voice or e-mail, and checks it.

    POST   /verify                 make one       201, the Verify object
    GET    /verify/{id}?token=…    check a guess  200, or 4xx with error 10
    GET    /verify/{id}            read it        200, or 404 with error 20
    DELETE /verify/{id}            forget it      204, or 404 with error 20

A guess is right when the object says `verified`, never because of HTTP's status: with an empty
token the second call is the third, and answers 200 to anybody.
"""

import re

from pydantic import Field

from ..domain.verification import Channel, Reason
from ..errors import ProviderRefused, ProviderSilent
from ..operations.ports import Order, Remaining, Terms
from .http import Answer, without_none
from .messagebird import (
    Account,
    MessageBirdApi,
    error_of,
    faults_of,
    language_of,
    msisdn,
    sms_originator,
    voice_originator,
)

_PLACEHOLDER = "%token"
_ID = re.compile(r"[A-Za-z0-9]{1,256}")  # it becomes part of an address
_MIN_TIMEOUT, _MAX_TIMEOUT = 30, 172_801  # seconds
_WRONG_TOKEN, _NOT_FOUND = 10, 20

_VERIFIED, _SENT, _DELETED = "verified", "sent", "deleted"
# Why a guess is not right, when its object is in this state.
_REASONS = {
    _SENT: Reason.INCORRECT,
    "expired": Reason.EXPIRED,
    "failed": Reason.EXHAUSTED,
    _DELETED: Reason.EXPIRED,
    _VERIFIED: Reason.ALREADY_VERIFIED,  # by another guess
}


class Settings(Account):
    """Settings of `messagebird-verify`.

    Args:
        email_originator: an address of a domain that is an e-mail channel of the account; without
            it, and without a sender of the client's, e-mail is refused.
    """

    email_originator: str | None = Field(default=None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")


class MessageBirdVerifier:
    """MessageBird's Verify."""

    name = "messagebird-verify"
    channels = frozenset({Channel.SMS, Channel.VOICE, Channel.EMAIL})
    terms = Terms(code_length=(6, 10), validity=(_MIN_TIMEOUT, _MAX_TIMEOUT))

    def __init__(self, settings: Settings, reports_url: str | None = None) -> None:
        self._settings = settings
        self._api = MessageBirdApi(self.name, settings, reports_url)

    def start(self, order: Order) -> str:
        """Have a code made and sent; see `Verifier.start`."""
        request = self._request(order)
        answer = self._api.call("POST", "/verify", order.remaining, json=request)
        if not answer.is_success:
            raise error_of(answer)
        made = answer.json()
        ref = made.get("id")
        if not isinstance(ref, str) or not _ID.fullmatch(ref):
            raise ProviderSilent(self.name, "no_verify_id")
        if made.get("status") != _SENT:
            raise ProviderSilent(self.name, "not_sent")
        return ref

    def _request(self, order: Order) -> dict[str, object]:
        settings = self._settings
        message = order.template(order.channel, _PLACEHOLDER)
        request: dict[str, object | None] = {
            "recipient": order.to if order.channel == Channel.EMAIL else msisdn(order.to),
            "reference": order.key.replace("-", ""),  # "must be alphanumeric"
            "template": message.text,
            "timeout": min(max(order.validity, _MIN_TIMEOUT), _MAX_TIMEOUT),
            "tokenLength": order.code_length,
            "maxAttempts": order.max_attempts,
            "reportUrl": self._api.report_url(order),  # not in the document; its clients send it
        }
        if order.channel == Channel.EMAIL:
            request |= {
                "type": "email",
                "originator": self._email_originator(order),
                "subject": _without_code(message.subject),
            }
        elif order.channel == Channel.VOICE:
            request |= {
                "type": "tts",
                "originator": voice_originator(order, settings),
                "voice": order.voice or settings.voice,
                "language": language_of(order),
            }
        else:
            request |= {
                "type": "flash" if order.flash else settings.type,
                "originator": sms_originator(order, settings),
                "datacoding": settings.datacoding,
            }
        return without_none(request)

    def _email_originator(self, order: Order) -> str:
        by_client = order.sender if order.sender and "@" in order.sender else None
        originator = by_client or self._settings.email_originator
        if not originator:
            raise ProviderRefused(self.name, "email_originator_missing")
        return originator

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        """Ask whether a code is right; see `Verifier.check`."""
        if repeated:
            # A right guess is right once. If the first answer to this one was yes, asking again
            # would say no.
            state = self._state(ref, self._ask("GET", ref, remaining))
            if state != _SENT:
                return _reason(state)
        answer = self._ask("GET", ref, remaining, token=code)
        faults = faults_of(answer)
        if faults and all(fault.code == _WRONG_TOKEN for fault in faults):
            return self._why(ref, faults[0].description, remaining)
        return _reason(self._state(ref, answer))

    def cancel(self, ref: str, remaining: Remaining) -> None:
        """Delete it; see `Verifier.cancel`. One that is gone already is fine."""
        answer = self._ask("DELETE", ref, remaining)
        if not answer.is_success and not _is_gone(answer):
            raise error_of(answer)

    def _ask(self, method: str, ref: str, remaining: Remaining, token: str | None = None) -> Answer:
        if not _ID.fullmatch(ref):
            raise ProviderRefused(self.name, "not_a_verify_id")
        params = None if token is None else {"token": token}
        return self._api.call(method, f"/verify/{ref}", remaining, params=params)

    def _state(self, ref: str, answer: Answer) -> str:
        """What an object's status is, of those in `_REASONS`; one that is gone was deleted.

        Raises:
            ProviderError: the answer is not this object.
        """
        if _is_gone(answer):
            return _DELETED
        if not answer.is_success:
            raise error_of(answer)
        found = answer.json()
        status = found.get("status")
        if found.get("id") != ref or not isinstance(status, str) or status not in _REASONS:
            raise ProviderSilent(self.name, "not_the_verify_object")
        return status

    def _why(self, ref: str, description: str, remaining: Remaining) -> Reason:
        """Why MessageBird said no. It has one number for all, so its words have to tell.

        No words make a guess right: new ones would be taken for a wrong token.
        """
        if "already been processed" in description:  # by a right guess, or the last wrong one
            return _REASONS[self._state(ref, self._ask("GET", ref, remaining))]
        return Reason.EXPIRED if "expired" in description else Reason.INCORRECT


def _without_code(subject: str | None) -> str | None:
    """A subject, or None if the code is in it: MessageBird fills it into the template alone."""
    return None if subject and _PLACEHOLDER in subject else subject


def _reason(state: str) -> Reason | None:
    """Why the guess just asked about is not right; None where it made the object verified."""
    return None if state == _VERIFIED else _REASONS[state]


def _is_gone(answer: Answer) -> bool:
    faults = faults_of(answer)
    return answer.status == 404 and bool(faults) and all(f.code == _NOT_FOUND for f in faults)
