"""E-mail by Amazon SES (API version 2, `SendEmail`)."""

from typing import Any

from ..domain.messages import Message
from ..domain.verification import Channel
from .amazon import send


class SesMessenger:
    """Amazon SES.

    Args:
        client: a low-level SES v2 client that never repeats.
        default_sender: the address e-mail comes from; verified in SES.
        configuration_set: SES's name for how it follows the messages; may be None.
    """

    name = "ses"
    channels = frozenset({Channel.EMAIL})

    def __init__(self, client: Any, default_sender: str, configuration_set: str | None) -> None:
        self._client = client
        self._default_sender = default_sender
        self._configuration_set = configuration_set

    def send(self, message: Message, to: str, channel: Channel, sender: str | None) -> str:
        """Send one e-mail, as text and HTML; see `Messenger.send`."""
        body = {"Text": _utf8(message.text)}
        if message.html:
            body["Html"] = _utf8(message.html)
        options = {}
        if self._configuration_set:
            options["ConfigurationSetName"] = self._configuration_set
        return send(
            self.name,
            self._client.send_email,
            FromEmailAddress=sender or self._default_sender,
            Destination={"ToAddresses": [to]},
            Content={"Simple": {"Subject": _utf8(message.subject or ""), "Body": body}},
            **options,
        )


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
