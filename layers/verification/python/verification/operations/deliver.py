"""Deliver: events go to the webhooks of their client, again while they fail, for a day.

The queue is the only memory: each try that failed puts what is left to do back with a later date,
and what nobody took within the day goes to the dead letters, from where it can be replayed. A crash
in the middle repeats: each event is posted at least once, with the same id each time.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..domain.webhooks import GIVE_UP_SECONDS, Posting, Webhook, delay, sign
from ..errors import ProviderError
from ..valueclass import valueclass
from .ports import (
    Circuit,
    Clock,
    IdentityKey,
    Post,
    Postings,
    Profiles,
    Remaining,
    Telemetry,
    Webhooks,
)

_LET_BE, _LONGEST_LET_BE = 30, 900  # seconds that one which keeps failing is left alone
_GONE = 410  # Standard Webhooks, "Responding to webhooks": post there no more


@valueclass(kw_only=True)
class Deliver:
    """Posts events.

    Args:
        jitter: a factor close to 1, drawn anew for each wait.
    """

    webhooks: Webhooks
    profiles: Profiles
    postings: Postings
    post: Post
    circuit: Circuit
    identity_key: IdentityKey
    telemetry: Telemetry
    clock: Clock
    jitter: Callable[[], float]

    def event(self, event: Mapping[str, Any], remaining: Remaining) -> None:
        """Post an event to every webhook of its client that wants it.

        Raises:
            TemporarilyUnavailable: table or queue are out of reach; it has to come again.
        """
        client_id = str(event["client_id"])
        wanted = [one for one in self._webhooks(client_id) if one.wants(str(event["type"]))]
        if len(wanted) == 1:
            self._try(wanted[0], Posting(client_id, wanted[0].id, event), remaining)
            return
        for webhook in wanted:  # each by itself: one that hangs must not cost the others their time
            self.postings.again(Posting(client_id, webhook.id, event), 0)

    def again(self, posting: Posting, remaining: Remaining) -> None:
        """Post an event to one webhook, when its time has come.

        Raises:
            TemporarilyUnavailable: table or queue are out of reach; it has to come again.
        """
        if (wait := posting.due - self.clock()) > 0:
            self.postings.again(posting, wait)
            return
        for webhook in self._webhooks(posting.client_id):
            if webhook.id != posting.webhook_id:
                continue
            if webhook.disabled:  # it can be replayed, once an operator has enabled it
                self._bury(posting, "disabled")
            else:
                self._try(webhook, posting, remaining)

    def _webhooks(self, client_id: str) -> tuple[Webhook, ...]:
        """A client's; none of one that is shut out."""
        found = self.webhooks.of(client_id)
        return found if found and self.profiles.profile(client_id) else ()

    def _try(self, webhook: Webhook, posting: Posting, remaining: Remaining) -> None:
        now = self.clock()
        posting = replace(posting, began=posting.began or now)
        if self.circuit.is_open(webhook.id) and not _is_over(posting, now):
            # It keeps failing: others must not wait for it, and the older the event the longer.
            age = (now - posting.began) // 1000
            self._again(posting, now, max(_LET_BE, min(_LONGEST_LET_BE, age // 10)))
            return
        outcome, status = self._ask(webhook, posting, now, remaining)
        self.circuit.note(webhook.id, failed=outcome != "taken")
        posting = replace(posting, tries=posting.tries + 1)
        self.telemetry.posted(posting, outcome)
        if status == _GONE:
            self.webhooks.disable(webhook)
            self.telemetry.warn(
                "webhook_disabled", client_id=webhook.client_id, webhook_id=webhook.id
            )
        if outcome == "taken":
            return
        if status == _GONE or _is_over(posting, now):
            self._bury(posting, outcome)
        else:
            self._again(posting, self.clock(), delay(posting.tries))

    def _ask(
        self, webhook: Webhook, posting: Posting, now: int, remaining: Remaining
    ) -> tuple[str, int]:
        """Post once; `taken` or why not, and the HTTP status if there was one."""
        event, seconds = posting.event, now // 1000
        said = {"type": event["type"], "timestamp": event["time"], "data": event}
        body = json.dumps(said, separators=(",", ":")).encode()
        message_id = str(event["id"])
        keys = webhook.keys(self.identity_key(), now)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(sign(key, message_id, seconds, body) for key in keys),
        }
        try:
            status = self.post(webhook.url, headers, body, remaining)
        except ProviderError as error:
            return error.vendor_code, 0
        return ("taken" if 200 <= status < 300 else f"http_{status}"), status

    def _bury(self, posting: Posting, outcome: str) -> None:
        self.postings.bury(posting, outcome)
        self.telemetry.buried(posting, outcome)

    def _again(self, posting: Posting, now: int, seconds: int) -> None:
        wait = round(seconds * 1000 * self.jitter())
        self.postings.again(replace(posting, due=now + wait), wait)


def _is_over(posting: Posting, now: int) -> bool:
    return now - posting.began >= GIVE_UP_SECONDS * 1000
