"""Any carrier behind a URL: a signed POST by the Standard Webhooks specification, version 1.0.0.

    POST {url}
    webhook-id: the send's key        webhook-timestamp: seconds        webhook-signature: v1,…

    {"type": "verification.send", "timestamp": "2026-11-22T10:00:00Z", "data": {
        "to": "+31612345678", "channel": "sms", "text": "…", "subject"?, "html"?, "sender"?,
        "locale"?, "country"?, "validity": 300, "report_url"?}}

    2xx        taken; {"id": "…"}, if there is such an answer, is the id of the message
    422        no to this message; {"code": "…"} may say why, here and in every other refusal
    408, 425, 429, 503   not now, and nothing was sent
    other 3xx, 4xx    no to all messages: the address, the signature, our account there
    other 5xx         nobody knows whether it was sent

Who gets the same id again must not send again: the specification makes it an idempotency key. So
where an answer stays out or says nothing, we ask once more, with the same id and body, if that
leaves time for the next provider.
"""

import base64
import json
import re
import time
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from ..domain.report import vendor_id
from ..domain.verification import Channel
from ..domain.webhooks import SECRET_PREFIX, sign
from ..errors import ProviderError, ProviderRejected, ProviderSilent
from ..operations.ports import SEND_ROOM, Order
from .http import TOTAL_SECONDS, Answer, HttpApi
from .settings import BaseUrl, ProviderSettings, Secret

MIN_SECRET, MAX_SECRET = 24, 64  # bytes; Standard Webhooks, "Signature scheme"

_VENDOR_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _keep_slash(url: Any, check: ValidatorFunctionWrapHandler) -> Any:
    check(url)
    return url  # as it is: a slash at its end belongs to it


def _check_secret(secret: SecretStr) -> SecretStr:
    if not MIN_SECRET <= len(_key_of(secret)) <= MAX_SECRET:
        raise ValueError(f"should be {MIN_SECRET} to {MAX_SECRET} bytes before base64")
    return secret


def _key_of(secret: SecretStr) -> bytes:
    text = secret.get_secret_value()
    if not text.startswith(SECRET_PREFIX):
        raise ValueError(f"should begin with {SECRET_PREFIX}")
    return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)


class Settings(ProviderSettings):
    """Settings of `webhook`, and of each `webhook-…`.

    Args:
        url: where to post, https.
        secrets: 1 to 3, newest first, each `whsec_` and 24 to 64 bytes in base64. All of them
            sign, so that the other side may change from one to the next when it likes.
    """

    url: Annotated[BaseUrl, WrapValidator(_keep_slash)]
    secrets: Annotated[
        tuple[Annotated[Secret, AfterValidator(_check_secret)], ...],
        Field(min_length=1, max_length=3),
    ]


class WebhookMessenger:
    """A carrier behind a URL.

    Args:
        reports_url: of this stack's delivery reports; None for none.
        name: tells one webhook of a stack from another, as in `webhook-acme`.
    """

    channels = frozenset(
        {Channel.SMS, Channel.VOICE, Channel.EMAIL, Channel.WHATSAPP, Channel.VIBER}
    )

    def __init__(
        self, settings: Settings, reports_url: str | None = None, name: str = "webhook"
    ) -> None:
        self.name = name
        self._url = settings.url
        self._keys = [_key_of(secret) for secret in settings.secrets]
        self._reports_url = reports_url
        self._api = HttpApi(name)

    def connect(self) -> None:
        """Open the connection of the first send; see `Connects`."""
        self._api.connect(self._url)

    def send(self, order: Order) -> str:
        """Hand the message over, once for whoever heeds the id; see `Messenger.send`."""
        body = self._body(order)
        try:
            return self._post(order, body)
        except ProviderSilent as error:
            if order.remaining() < TOTAL_SECONDS * 1000 + SEND_ROOM:
                raise
            silent = error
        try:
            return self._post(order, body)
        except ProviderError:
            raise silent from None  # whatever became of this one, the first may have been sent

    def _post(self, order: Order, body: bytes) -> str:
        now = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": order.key,
            "webhook-timestamp": str(now),
            "webhook-signature": " ".join(sign(key, order.key, now, body) for key in self._keys),
        }
        answer = self._api.call("POST", self._url, order.remaining, headers=headers, data=body)
        if not answer.is_success:
            raise self._error(answer, order)
        return vendor_id(answer.fields.get("id")) or order.key

    def _body(self, order: Order) -> bytes:
        message = order.render(order.channel)
        data = {
            "to": order.to,
            "channel": order.channel,
            "text": message.text,
            "subject": message.subject,
            "html": message.html,
            "sender": order.sender,
            "locale": order.locale,
            "country": order.country,
            "validity": order.validity,
            "report_url": order.report_url(self._reports_url, self.name),
        }
        event = {
            "type": "verification.send",
            "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),  # RFC 3339
            "data": {name: value for name, value in data.items() if value is not None},
        }
        return json.dumps(event, separators=(",", ":")).encode()

    def _error(self, answer: Answer, order: Order) -> ProviderError:
        vendor_code = _vendor_code(answer, order)
        if answer.status == 422:
            return ProviderRejected(self.name, vendor_code or "http_422")
        return answer.error(vendor_code)


def _vendor_code(answer: Answer, order: Order) -> str | None:
    """The other side's own code, unless it only repeats what must not be kept."""
    found = answer.fields.get("code")
    if not (isinstance(found, str) and _VENDOR_CODE.fullmatch(found)):
        return None
    repeats = order.code() in found or order.to.lstrip("+") in found
    return None if repeats else found
