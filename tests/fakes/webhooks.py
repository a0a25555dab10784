"""Webhooks, their queue and their receivers in memory, around the real operation."""

from collections.abc import Mapping
from typing import Any

from verification.domain.webhooks import Posting, Webhook
from verification.operations.deliver import Deliver
from verification.operations.ports import Remaining, Telemetry
from verification.providers.circuit import Circuit

from .clock import SettableClock
from .keys import identity_key
from .profiles import FixedProfiles
from .samples import NOW
from .telemetry import RecordingTelemetry

EVENT: dict[str, Any] = {
    "id": "q3k5n2xw7mzt4hd6yvbrcsaf2e",
    "type": "verification.verified",
    "time": "2026-11-22T10:00:12.345Z",
    "client_id": "shop",
}
WEBHOOK = Webhook("w1", "shop", "https://shop.example/verified")


class Receivers:
    """Deliver, and what it uses.

    Attributes:
        webhooks: those there are.
        answers: statuses of the next posts, or what is raised in place of one; then 204.
        posted: URL, headers and body of each post.
        waiting, buried, disabled: what was done with them.
        failing: raised by the queue.
    """

    def __init__(self, telemetry: Telemetry | None = None) -> None:
        self.clock = SettableClock(NOW)
        self.webhooks = [WEBHOOK]
        self.profiles = FixedProfiles()
        self.recorded = RecordingTelemetry()
        self.answers: list[int | Exception] = []
        self.posted: list[tuple[str, Mapping[str, str], bytes]] = []
        self.waiting: list[tuple[Posting, int]] = []
        self.buried: list[tuple[Posting, str]] = []
        self.disabled: list[str] = []
        self.failing: Exception | None = None
        self.deliver = Deliver(
            webhooks=self,
            profiles=self.profiles,
            postings=self,
            post=self.post,
            circuit=Circuit(self.clock),
            identity_key=identity_key,
            telemetry=telemetry or self.recorded,
            clock=self.clock,
            jitter=lambda: 1.2,
        )

    def of(self, client_id: str) -> tuple[Webhook, ...]:
        return tuple(one for one in self.webhooks if one.client_id == client_id)

    def disable(self, webhook: Webhook) -> None:
        self.disabled.append(webhook.id)

    def again(self, posting: Posting, wait: int) -> None:
        if self.failing:
            raise self.failing
        self.waiting.append((posting, wait))

    def bury(self, posting: Posting, outcome: str) -> None:
        self.buried.append((posting, outcome))

    def post(self, url: str, headers: Mapping[str, str], body: bytes, remaining: Remaining) -> int:
        self.posted.append((url, headers, body))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        return answer
