"""The frame of delivery reports: they come over HTTP from vendors, and as events from AWS.

Over HTTP everybody gets the same answer, whether a report was good, old or made up.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ...domain.report import Report
from ...errors import ServiceError, TemporarilyUnavailable
from ...telemetry import Telemetry
from ..body import raw_body
from ..events import Answer, LambdaContext, alias_of, is_http
from ..handler import over_http
from ..native.http import problem
from . import amazon, messagebird, messente, webhook

type Read = Callable[[str, Mapping[str, str], bytes], Report | None]

_WEBHOOK = "webhook"
_READERS: Mapping[str, Read] = {
    "messagebird": messagebird.read,
    "messagebird-verify": messagebird.read,
    "messente": messente.read,
    _WEBHOOK: webhook.read,
}


def make_reports_handler(
    take: Callable[[Report], None], telemetry: Telemetry
) -> Callable[[Any, LambdaContext], Any]:
    """A handler of both kinds of reports."""

    def handle(event: Any, context: LambdaContext) -> Any:
        telemetry.begin(context.aws_request_id)
        if is_http(event):
            return over_http(_answer(event, context, take, telemetry))
        # AWS's own events come to the function itself, never through a client's alias.
        if not alias_of(context.invoked_function_arn):
            try:
                for report in amazon.read(event):
                    take(report)
            except TemporarilyUnavailable:  # Lambda comes again
                raise
            except Exception as error:  # and here too; it would log the words
                telemetry.crashed("report_crashed", error)
                raise RuntimeError("a report could not be taken; the log says where") from None
        return None

    return handle


def _answer(
    event: Mapping[str, Any],
    context: LambdaContext,
    take: Callable[[Report], None],
    telemetry: Telemetry,
) -> Answer:
    try:
        if report := _read(event):
            take(report)
    except TemporarilyUnavailable as error:  # the vendor says it again
        return problem(error, context.aws_request_id)
    except Exception as error:  # the last line of defence: API Gateway would show its words
        telemetry.crashed("report_crashed", error)
        return problem(TemporarilyUnavailable(), context.aws_request_id)
    return Answer(200, {"status": "ok"})


def _read(event: Mapping[str, Any]) -> Report | None:
    path = event.get("pathParameters") or {}
    provider, token = path.get("provider", ""), path.get("token", "")
    reader = _READERS.get(_WEBHOOK if provider.startswith(f"{_WEBHOOK}-") else provider)
    try:
        body = raw_body(event)
    except ServiceError:
        return None
    report = reader(token, event.get("queryStringParameters") or {}, body) if reader else None
    # The token speaks for the provider that the address names, and for no other.
    return report and replace(report, provider=provider, token=token)
