"""Telemetry that is kept instead of logged."""

from verification.domain.identifiers import VerificationId
from verification.domain.verification import Send, Verdict, Verification


class RecordingTelemetry:
    """What was reported, in order: an event's name, then what tells one from another."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def started(self, verification: Verification) -> None:
        self.events.append(("started", str(verification.id)))

    def sent(self, verification: Verification, send: Send) -> None:
        self.events.append(("sent", send.number, send.provider, send.outcome))

    def judged(self, verification: Verification, verdict: Verdict) -> None:
        self.events.append(("judged", verdict.valid, verdict.reason))

    def canceled(self, verification_id: VerificationId) -> None:
        self.events.append(("canceled", str(verification_id)))

    def warn(self, event: str, **fields: str | int) -> None:
        self.events.append(("warn", event, fields))
