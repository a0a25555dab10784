"""E-mail by Amazon SES (API version 2, `SendEmail`)."""

from typing import Any

from ..domain.verification import Channel
from ..operations.ports import Order
from .amazon import send

# SES says the first of a message's content, and of an address that its sandbox does not know.
_REJECTIONS = frozenset({"MessageRejected", "BadRequestException"})


class SesMessenger:
    """Amazon SES.

    Args:
        client: a low-level SES v2 client that never repeats.
        default_sender: the address e-mail comes from; verified in SES.
        configuration_set: SES's name for how it follows the messages; None for no reports.
    """

    name = "ses"
    channels = frozenset({Channel.EMAIL})

    def __init__(self, client: Any, default_sender: str, configuration_set: str | None) -> None:
        self._client = client
        self._default_sender = default_sender
        self._configuration_set = configuration_set

    def send(self, order: Order) -> str:
        """Send one e-mail, as text and HTML; see `Messenger.send`."""
        message = order.render(order.channel)
        body = {"Text": _utf8(message.text)}
        if message.html:
            body["Html"] = _utf8(message.html)
        tag = {"Name": "report_token", "Value": order.report_token(self.name)}
        return send(
            self.name,
            self._client.send_email,
            _REJECTIONS,
            FromEmailAddress=order.sender or self._default_sender,
            Destination={"ToAddresses": [order.to]},
            Content={"Simple": {"Subject": _utf8(message.subject or ""), "Body": body}},
            ConfigurationSetName=self._configuration_set,
            EmailTags=[tag] if self._configuration_set else None,
        )


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
