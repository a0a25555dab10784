"""An order to begin with; a test says only what it is about."""

from dataclasses import replace
from typing import Any

from verification.domain.messages import Content, Message, render
from verification.domain.texts import choose
from verification.domain.verification import Channel
from verification.operations.ports import Order

CODE = "123456"
CONTENT = Content(texts=choose("en", None), brand="Shop", validity=300)
PLENTY = 15_000  # milliseconds


def make_order(**changes: Any) -> Order:
    """A send by SMS of the code 123456 to a number of the Netherlands, with plenty of time."""

    def template(channel: Channel, placeholder: str) -> Message:
        return render(channel, CODE, replace(CONTENT, placeholder=placeholder))

    values: dict[str, Any] = {
        "key": "aqqqqqqqqqqqqqqqqqqqqqqqqqq-1",
        "to": "+31612345678",
        "country": "NL",
        "channel": Channel.SMS,
        "validity": 300,
        "code_length": 6,
        "max_attempts": 5,
        "code": lambda: CODE,
        "render": lambda channel: render(channel, CODE, CONTENT),
        "template": template,
        "report_token": lambda provider: f"token-for-{provider}",
        "remaining": lambda: PLENTY,
    }
    return Order(**values | changes)
