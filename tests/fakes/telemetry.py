"""Telemetry that is kept instead of logged."""

from collections.abc import Sequence

from verification.domain.destination import Destination
from verification.domain.guard import Suspicion
from verification.domain.identifiers import VerificationId
from verification.domain.limits import Budget
from verification.domain.report import Report
from verification.domain.verification import Send, Verdict, Verification
from verification.domain.webhooks import Posting
from verification.errors import ProviderError


class RecordingTelemetry:
    """What was reported, in order: an event's name, then what tells one from another."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def started(self, verification: Verification) -> None:
        self.events.append(("started", str(verification.id)))

    def sent(self, verification: Verification, send: Send) -> None:
        self.events += [("sent", send.number, one.provider, one.outcome) for one in send.tries]

    def judged(self, verification: Verification, verdict: Verdict) -> None:
        self.events.append(("judged", verdict.valid, verdict.reason))

    def verifier_failed(self, verification: Verification, error: ProviderError) -> None:
        self.events.append(("verifier_failed", error.provider, error.vendor_code))

    def reported(self, token: str, report: Report) -> None:
        self.events.append(("reported", report.provider, report.delivery))

    def canceled(self, verification_id: VerificationId) -> None:
        self.events.append(("canceled", str(verification_id)))

    def trusted(self, client_id: str, to: Destination) -> None:
        self.events.append(("trusted", client_id, to.value))

    def suspected(
        self, verification: Verification, found: Sequence[Suspicion], *, blocked: bool
    ) -> None:
        self.events.append(("suspected", tuple(found), blocked))

    def budget_nearly_spent(self, budget: Budget) -> None:
        self.events.append(("budget_nearly_spent", budget.limit.name, budget.percent))

    def spent(self, provider: str, country: str | None, price: int) -> None:
        self.events.append(("spent", provider, country, price))

    def crashed(self, event: str, error: BaseException) -> None:
        self.events.append(("crashed", event, type(error)))

    def posted(self, posting: Posting, outcome: str) -> None:
        self.events.append(("posted", posting.webhook_id, posting.event["id"], outcome))

    def buried(self, posting: Posting, outcome: str) -> None:
        self.events.append(("buried", posting.webhook_id, posting.event["id"], outcome))

    def warn(self, event: str, **fields: str | int) -> None:
        self.events.append(("warn", event, fields))
