"""SMS by Amazon SNS (`Publish` to a phone number).

AWS answers when it has queued the message; whether it arrived stands in CloudWatch Logs only.
"""

from typing import Any

from ..domain.verification import Channel
from ..operations.ports import Order
from .amazon import send

# `InvalidParameter` is what a number that is none gets.
_REJECTIONS = frozenset({"InvalidParameter", "ParameterValueInvalid", "ValidationException"})


class SnsMessenger:
    """Amazon SNS.

    Args:
        client: a low-level SNS client that never repeats: `Publish` has no idempotency key.
        default_sender: alphanumeric sender id of the stack, 1 to 11 characters; None for AWS's.
    """

    name = "sns"
    channels = frozenset({Channel.SMS})

    def __init__(self, client: Any, default_sender: str | None) -> None:
        self._client = client
        self._default_sender = default_sender

    def send(self, order: Order) -> str:
        """Publish to a phone number; see `Messenger.send`."""
        attributes = {"AWS.SNS.SMS.SMSType": "Transactional"}
        if from_whom := order.sender or self._default_sender:
            number = from_whom.startswith("+")
            kind = "AWS.MM.SMS.OriginationNumber" if number else "AWS.SNS.SMS.SenderID"
            attributes[kind] = from_whom
        return send(
            self.name,
            self._client.publish,
            _REJECTIONS,
            PhoneNumber=order.to,
            Message=order.render(order.channel).text,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in attributes.items()
            },
        )
