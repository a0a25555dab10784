"""Logs and metrics: what happened, never to whom in full, never a code or a key."""

import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from types import TracebackType

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from botocore.exceptions import ClientError

from .domain.destination import Destination
from .domain.guard import Suspicion
from .domain.identifiers import VerificationId
from .domain.limits import BUDGETS, UNITS_OF_MONEY, Budget
from .domain.report import Report
from .domain.verification import Delivery, Outcome, Send, Verdict, Verification
from .domain.webhooks import Posting
from .errors import ProviderError, ProviderRefused

_NO_COUNTRY = "none"  # e-mail, and numbers of no country


def mask(destination: str) -> str:
    """A destination as logs may show it: `+316*****678`, `a***@example.com`."""
    name, at, domain = destination.partition("@")
    if at:
        return f"{name[:1] if len(name) > 1 else ''}***@{domain}"
    return f"{name[:4]}{'*' * (len(name) - 7)}{name[-3:]}" if len(name) > 11 else "****"


class Telemetry:
    """Logs JSON lines by Powertools, and metrics in CloudWatch's embedded format.

    Level, service name and namespace come from the POWERTOOLS_… environment variables.
    """

    def __init__(self) -> None:
        self._logger = Logger(location=None)  # it would always name this file

    def begin(self, correlation_id: str) -> None:
        """All lines from now on carry this id, until the next begin()."""
        self._logger.set_correlation_id(correlation_id)

    def started(self, verification: Verification) -> None:
        """A start also counts as no right guess: so what is verified of what was started is known
        by country, and is 0, not nothing, where nobody succeeds."""
        self._log("verification_started", verification)
        _emit({"Started": 1, "Verified": 0}, _place(verification), also_in_all=True)

    def sent(self, verification: Verification, send: Send) -> None:
        """One line and one count for each provider that was asked."""
        for one in send.tries:
            self._log(
                "verification_sent",
                verification,
                send=send.number,
                channel=one.channel,
                provider=one.provider,
                outcome=one.outcome,
                message_id=one.message_id or "",
                vendor_code=one.vendor_code or "",
            )
            accepted = one.outcome == Outcome.ACCEPTED
            place = _place(verification) | {"channel": one.channel}
            _count("Accepted" if accepted else "NotAccepted", **place, provider=one.provider)
            if one.refused:
                self.refused(one.provider, one.vendor_code or "")

    def refused(self, provider: str, vendor_code: str) -> None:
        """A provider takes nothing from us: somebody has to look after it."""
        self.warn("provider_refused", provider=provider, vendor_code=vendor_code)
        _count("ProviderRefused")

    def verifier_failed(self, verification: Verification, error: ProviderError) -> None:
        """A verifier could not be asked."""
        self._log(
            "verifier_failed",
            verification,
            provider=error.provider,
            vendor_code=error.vendor_code,
        )
        _count("VerifierFailed", provider=error.provider)
        if isinstance(error, ProviderRefused):
            self.refused(error.provider, error.vendor_code)

    def reported(self, token: str, report: Report) -> None:
        """A provider's delivery report was news."""
        self._logger.info(
            "delivery_reported",
            extra={
                "verification_token": token,
                "provider": report.provider,
                "delivery": report.delivery,
                "vendor_code": report.vendor_code or "",
            },
        )
        delivered = report.delivery == Delivery.DELIVERED
        _count("Delivered" if delivered else "Undelivered", provider=report.provider)

    def judged(self, verification: Verification, verdict: Verdict) -> None:
        self._log(
            "verification_judged",
            verification,
            reason=verdict.reason or "valid",
            repeated=verdict.repeated,
        )
        if verdict.repeated:
            return
        if verdict.valid:
            _emit({"Verified": 1}, _place(verification), also_in_all=True)
        elif verdict.reason:
            _count("Failed", channel=verification.channel, reason=verdict.reason)

    def trusted(self, client_id: str, to: Destination) -> None:
        """A start needed no code: the device is trusted."""
        known = {"client_id": client_id, "destination": mask(to.value)}
        self._logger.info("device_trusted", extra=known)
        _count("Trusted", country=to.country or _NO_COUNTRY)

    def suspected(
        self, verification: Verification, found: Sequence[Suspicion], *, blocked: bool
    ) -> None:
        """The guard found that a start looks like fraud."""
        outcome = "blocked" if blocked else "let_through"
        self._log("fraud_suspected", verification, reason=",".join(found), outcome=outcome)
        for suspicion in found:
            country = _country(verification)
            _count("Suspected", reason=suspicion, country=country, outcome=outcome)
        _count("Suspected")  # without a dimension: for the alarm

    def limited(self, limit: str) -> None:
        """A limit or a budget refused a request."""
        _count("Limited", limit=limit)
        if limit in BUDGETS:  # nothing changes any more that the stream could tell of
            self._budget_used(100)

    def budget_nearly_spent(self, budget: Budget) -> None:
        """Most of what may be sent or spent in this day is."""
        self.warn(
            "budget_nearly_spent",
            limit=budget.limit.name,
            client_id=budget.subject,
            percent=budget.percent,
        )
        self._budget_used(budget.percent)

    def spent(self, provider: str, country: str | None, price: int) -> None:
        """A message was taken that costs something.

        Args:
            price: in limits.UNITS_OF_MONEY.
        """
        place = {"country": country or _NO_COUNTRY, "provider": provider}
        _emit({"Cost": price / UNITS_OF_MONEY}, place, MetricUnit.NoUnit)

    @staticmethod
    def _budget_used(percent: int) -> None:
        # Without a dimension: for the alarm.
        _emit({"BudgetUsed": percent}, {}, MetricUnit.Percent)

    def canceled(self, verification_id: VerificationId) -> None:
        self._logger.info("verification_canceled", extra={"verification_id": str(verification_id)})

    def answered(self, operation: str, client_id: str, status: int, code: str) -> None:
        """One line for each request, whatever became of it."""
        fields = {"operation": operation, "client_id": client_id, "status": status, "code": code}
        self._logger.info("request_answered", extra=fields)

    def posted(self, posting: Posting, outcome: str) -> None:
        """An event was posted to a webhook: `taken`, or why not."""
        taken = outcome == "taken"
        self._logger.info("webhook_posted", extra=_posting(posting) | {"outcome": outcome})
        _count("WebhookTaken" if taken else "WebhookNotTaken")

    def buried(self, posting: Posting, outcome: str) -> None:
        """Nobody took an event in time: it waits with the dead letters."""
        self.warn("webhook_given_up", **_posting(posting), outcome=outcome)

    def warn(self, event: str, **fields: str | int) -> None:
        self._logger.warning(event, extra=fields)

    def crashed(self, event: str, error: BaseException) -> None:
        """Log and count a fault of ours: its type and where it was, but not its words.

        Exceptions quote what they choke on, and that may be a destination or a code.
        """
        what = type(error).__name__
        if isinstance(error, ClientError):
            what = f"{what} {error.operation_name} {error.response.get('Error', {}).get('Code')}"
        self._logger.error(event, extra={"error": what, "where": _frames(error.__traceback__)})
        _count("Crashed")  # AWS counts no error: the handlers answer all the same

    def _log(self, event: str, verification: Verification, **fields: str | int) -> None:
        known = {
            "verification_id": str(verification.id),
            "client_id": verification.client_id,
            "destination": mask(verification.to or ""),
            "channel": verification.channel,
            "attempts": verification.attempts,
        }
        self._logger.info(event, extra=known | fields)


def _posting(posting: Posting) -> dict[str, str | int]:
    return {
        "client_id": posting.client_id,
        "webhook_id": posting.webhook_id,
        "event_id": str(posting.event["id"]),
        "type": str(posting.event["type"]),
        "tries": posting.tries,
    }


def _frames(trace: TracebackType | None) -> list[str]:
    return [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]


def _country(verification: Verification) -> str:
    return verification.country or _NO_COUNTRY


def _place(verification: Verification) -> dict[str, str]:
    return {"channel": verification.channel, "country": _country(verification)}


def _count(metric: str, **dimensions: str) -> None:
    _emit({metric: 1}, dimensions)


def _emit(
    values: Mapping[str, float],
    dimensions: Mapping[str, str],
    unit: MetricUnit = MetricUnit.Count,
    *,
    also_in_all: bool = False,
) -> None:
    """Write one document of the embedded metric format: one line, whatever is in it.

    Args:
        values: by the metrics' names.
        dimensions: beside the service.
        also_in_all: by the service alone, too. An alarm adds up no dimensions.
    """
    metrics = EphemeralMetrics()
    for metric, value in values.items():
        metrics.add_metric(name=metric, unit=unit, value=value)
    for name, text in dimensions.items():
        metrics.add_dimension(name=name, value=text)
    if also_in_all:
        metrics.add_dimensions(service=metrics.service)
    # In one piece: threads may write side by side.
    sys.stdout.write(json.dumps(metrics.serialize_metric_set(), separators=(",", ":")) + "\n")
