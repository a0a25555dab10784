"""What the webhooks' queue brings: events from the bus, and those on their way to one webhook."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ..domain.events import EventType
from ..domain.webhooks import Posting
from ..operations.ports import Remaining
from .queue import Take

POSTING_ROOM = 10_000  # milliseconds that one message may take: a slow receiver, and the queue
AT_ONCE = 10  # messages of a batch

_MESSAGE = ConfigDict(extra="ignore", strict=True)


class _Event(BaseModel):
    """What we look at of an event; the rest goes on as it is."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: Annotated[str, Field(min_length=1, max_length=64)]
    type: Annotated[str, Field(pattern=f"^({'|'.join(EventType)})$")]
    time: str
    client_id: Annotated[str, Field(min_length=1, max_length=64)]


class _FromBus(BaseModel):
    """An event as EventBridge hands it over."""

    model_config = _MESSAGE

    detail: _Event


class _OnItsWay(BaseModel):
    """The body of a message, as `storage.webhooks` writes it."""

    model_config = _MESSAGE

    client_id: str
    webhook_id: str
    event: _Event
    tries: Annotated[int, Field(ge=0)]
    began: Annotated[int, Field(ge=0)]
    due: Annotated[int, Field(ge=0)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="allow")


class Deliver(Protocol):
    """The operation; see `operations.deliver.Deliver`."""

    def event(self, event: Mapping[str, Any], remaining: Remaining) -> None: ...
    def again(self, posting: Posting, remaining: Remaining) -> None: ...


def read_posting(deliver: Deliver) -> Take:
    """Take messages of the webhooks' queue."""

    def take(body: str, remaining: Remaining) -> None:
        fields = _Message.model_validate_json(body).model_extra or {}
        if "detail" in fields:
            deliver.event(_FromBus.model_validate(fields).detail.model_dump(), remaining)
            return
        found = _OnItsWay.model_validate(fields)
        deliver.again(
            Posting(
                found.client_id,
                found.webhook_id,
                found.event.model_dump(),
                found.tries,
                found.began,
                found.due,
            ),
            remaining,
        )

    return take


def at_once(
    do: Callable[[Mapping[str, Any]], bool], records: Iterable[Mapping[str, Any]]
) -> Iterable[bool]:
    """Do the messages of a batch side by side: a receiver that hangs holds up its own alone."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(do, records))
