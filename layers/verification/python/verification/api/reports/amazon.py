"""AWS's delivery reports, by the three ways in which they come to a function.

    SNS                 a configuration set's event destination, for End User Messaging and SES
    EventBridge         aws.sms-voice and aws.ses, from the account's default bus
    CloudWatch Logs     a subscription to the delivery logs of plain SNS SMS, which have no other

Whoever may invoke the function can say anything here, and so can a log: what is not a report as
AWS documents it is none, whatever else it may be.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...domain.report import Report
from ...domain.verification import Delivery

MAX_LOG_BYTES = 4_194_304  # of one batch, unpacked; AWS's own bound is near 1 MB

# Where a message of End User Messaging ends. The types that are not here say nothing: they are on
# the way, or AWS does not know either (TEXT_UNKNOWN), or we send no such things (MEDIA_).
MESSAGES: Mapping[str, Delivery] = {
    # In some countries carriers say no more than that they took it: then it is the final word.
    "TEXT_SUCCESSFUL": Delivery.DELIVERED,
    "TEXT_DELIVERED": Delivery.DELIVERED,
    "TEXT_INVALID": Delivery.UNDELIVERED,
    "TEXT_INVALID_MESSAGE": Delivery.UNDELIVERED,
    "TEXT_UNREACHABLE": Delivery.UNDELIVERED,
    "TEXT_CARRIER_UNREACHABLE": Delivery.UNDELIVERED,
    "TEXT_BLOCKED": Delivery.UNDELIVERED,
    "TEXT_CARRIER_BLOCKED": Delivery.UNDELIVERED,
    "TEXT_SPAM": Delivery.UNDELIVERED,
    "TEXT_TTL_EXPIRED": Delivery.UNDELIVERED,
    "TEXT_PROTECT_BLOCKED": Delivery.UNDELIVERED,
    # From a pool with an RCS agent in it an SMS may go out so.
    "RCS_DELIVERED": Delivery.DELIVERED,
    "RCS_READ": Delivery.DELIVERED,
    "RCS_FAILED": Delivery.UNDELIVERED,
    "RCS_TTL_EXPIRED": Delivery.UNDELIVERED,
    "RCS_PROTECT_BLOCKED": Delivery.UNDELIVERED,
    "VOICE_COMPLETED": Delivery.DELIVERED,  # it was read out; to an answering machine, perhaps
    "VOICE_BUSY": Delivery.UNDELIVERED,
    "VOICE_NO_ANSWER": Delivery.UNDELIVERED,
    "VOICE_FAILED": Delivery.UNDELIVERED,
    "VOICE_TTL_EXPIRED": Delivery.UNDELIVERED,
}
# And one of SES; of the bounces only permanent ones: an absence note is a transient bounce.
EMAILS: Mapping[str, Delivery] = {
    "Delivery": Delivery.DELIVERED,
    "Bounce": Delivery.UNDELIVERED,
    "Reject": Delivery.UNDELIVERED,
    "Rendering Failure": Delivery.UNDELIVERED,
}
LOGS: Mapping[str, Delivery] = {
    "SUCCESS": Delivery.DELIVERED,
    "FAILURE": Delivery.UNDELIVERED,
}

_BRIDGED = ("aws.sms-voice", "aws.ses")
_LOG_GROUP = re.compile(r"sns/[a-z0-9-]+/[0-9]{12}/DirectPublishToPhoneNumber(/Failure)?")
_ID = re.compile(r"[\x21-\x7e]{1,256}")
_TOKEN = re.compile(r"[a-z0-9-]{1,256}")
_WORD = re.compile(r"[A-Za-z]{1,40}")
_NOTIFY = "aws-notify"  # whose events are those of any SMS or call, but for what it says itself


def is_report(event: Any) -> bool:
    """Whether it came one of the three ways; what it says may still be no report."""
    return _is_notification(event) or _is_bridged(event) or _is_log(event)


def read(event: Mapping[str, Any]) -> tuple[Report, ...]:
    """Read what AWS handed to the function.

    Returns:
        None for whatever is not documented, or not the end of a message. No error is raised.
    """
    return tuple(report for report in _reports(event) if report)


def _reports(event: Any) -> Iterable[Report | None]:
    if _is_notification(event):
        messages = (_get(record, "Sns", "Message") for record in event["Records"])
        return (_read_event(_parse(message)) for message in messages)
    if _is_bridged(event):
        return (_read_event(event["detail"]),)
    if _is_log(event):
        return (_read_log(_parse(line)) for line in _log_lines(event["awslogs"]["data"]))
    return ()


def _is_notification(event: Any) -> bool:
    records = _get(event, "Records")
    return isinstance(records, list) and all(
        _get(record, "EventSource") == "aws:sns" for record in records
    )


def _is_bridged(event: Any) -> bool:
    return _get(event, "source") in _BRIDGED and isinstance(_get(event, "detail"), dict)


def _is_log(event: Any) -> bool:
    return isinstance(_get(event, "awslogs", "data"), str)


def _read_event(event: Any) -> Report | None:
    return _read_email(event) if _get(event, "mail") else _read_message(event)


def _read_message(event: Any) -> Report | None:
    kind = _text(_get(event, "eventType"), _WORD_WITH_UNDERSCORES)
    ...


def _read_email(event: Any) -> Report | None:
    ...
