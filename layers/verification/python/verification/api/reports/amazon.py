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
_WORD = re.compile(r"[A-Za-z_ ]{1,40}")
_NOTIFY = "aws-notify"  # whose events are those of any SMS or call, but for what it says itself


def is_report(event: Any) -> bool:
    """Whether it came in one of the three ways; what it says may still be no report."""
    return _is_notification(event) or _is_bridged(event) or _is_log(event)


def read(event: Mapping[str, Any]) -> tuple[Report, ...]:
    """Read what AWS handed to the function; whatever makes no sense is left out, without error."""
    return tuple(report for report in _reports(event) if report)


def _reports(event: Mapping[str, Any]) -> Iterable[Report | None]:
    if _is_notification(event):
        messages = (_get(record, "Sns", "Message") for record in event["Records"])
        return (_read_event(_parse(message)) for message in messages)
    if _is_bridged(event):
        return (_read_event(event["detail"]),)
    if _is_log(event):
        return (_read_line(_parse(line)) for line in _log_lines(event["awslogs"]["data"]))
    return ()


def _is_notification(event: Any) -> bool:
    records = _get(event, "Records")
    return (
        isinstance(records, list)
        and bool(records)
        and all(_get(record, "EventSource") == "aws:sns" for record in records)
    )


def _is_bridged(event: Any) -> bool:
    return _get(event, "source") in _BRIDGED and isinstance(_get(event, "detail"), dict)


def _is_log(event: Any) -> bool:
    return isinstance(_get(event, "awslogs", "data"), str)


def _read_event(event: Any) -> Report | None:
    return _read_message(event) if _get(event, "mail") is None else _read_email(event)


def _read_message(event: Any) -> Report | None:
    kind = _text(_get(event, "eventType"), _WORD)
    delivery = MESSAGES.get(kind or "")
    message_id = _text(_get(event, "messageId"), _ID)
    if not delivery or not message_id or _get(event, "isFinal") is not True:
        return None
    provider = "aws-voice" if str(kind).startswith("VOICE_") else "aws-sms"
    if _get(event, "context", "provider") == _NOTIFY:
        provider = _NOTIFY
    token = _text(_get(event, "context", "report_token"), _TOKEN)
    return Report(provider, delivery, token, message_id, kind)


def _read_email(event: Any) -> Report | None:
    kind = _text(_get(event, "eventType"), _WORD)
    delivery = EMAILS.get(kind or "")
    message_id = _text(_get(event, "mail", "messageId"), _ID)
    if not delivery or not message_id:
        return None
    if kind == "Bounce":
        if _get(event, "bounce", "bounceType") != "Permanent":
            return None
        kind = f"Bounce/{_text(_get(event, 'bounce', 'bounceSubType'), _WORD) or 'Permanent'}"
    tags = _get(event, "mail", "tags", "report_token")
    token = _text(tags[0], _TOKEN) if isinstance(tags, list) and tags else None
    return Report("ses", delivery, token, message_id, kind)


def _read_line(line: Any) -> Report | None:
    status = _text(_get(line, "status"), _WORD)
    delivery = LOGS.get(status or "")
    message_id = _text(_get(line, "notification", "messageId"), _ID)
    if not delivery or not message_id:
        return None
    return Report("sns", delivery, message_id=message_id, vendor_code=status)


def _log_lines(data: str) -> Iterator[Any]:
    batch = _parse(_unpack(data))
    of_sns = _text(_get(batch, "logGroup"), _LOG_GROUP)
    lines = _get(batch, "logEvents")
    # A CONTROL_MESSAGE asks whether we are there.
    if of_sns and _get(batch, "messageType") == "DATA_MESSAGE" and isinstance(lines, list):
        yield from (_get(line, "message") for line in lines)


def _unpack(data: str) -> bytes:
    """Base64 and gzip taken off; empty where they are broken, or hold more than the bound."""
    gzip = zlib.decompressobj(wbits=31)
    try:
        unpacked = gzip.decompress(base64.b64decode(data, validate=True), MAX_LOG_BYTES)
    except (ValueError, zlib.error):
        return b""
    return unpacked if gzip.eof else b""


def _parse(text: Any) -> Any:
    """The value that a JSON text holds; None for what is none."""
    try:
        return json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return None


def _get(value: Any, *names: str) -> Any:
    """What stands at the end of a path of names; None where there is no such path."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _text(value: Any, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
