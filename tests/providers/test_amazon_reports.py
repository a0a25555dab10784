"""AWS's delivery reports: by SNS, by EventBridge and by CloudWatch Logs."""

import base64
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from verification.api.reports.amazon import MAX_LOG_BYTES, is_report, read
from verification.domain.report import Report
from verification.domain.verification import Delivery

from tests.providers.aws import values

VECTORS = Path(__file__).parent / "vectors" / "aws"
DELIVERED, UNDELIVERED = Delivery.DELIVERED, Delivery.UNDELIVERED
TOKEN = "aqqqqqqqqqqqqqqqqqqqqqqqqqq-1-aaaaaaaaaaaaaaaaaaaaaaaaaa"
GROUP = "sns/eu-west-1/123456789012/DirectPublishToPhoneNumber"

type Wrap = Callable[[Any], dict[str, Any]]


def vectors(name: str) -> list[Any]:
    return [
        pytest.param(vector["event"], vector["report"], id=vector["source"])
        for vector in json.loads((VECTORS / f"{name}.json").read_text())
    ]


def by_sns(*events: Any) -> dict[str, Any]:
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": "arn:aws:sns:eu-west-1:123456789012:reports:1",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": "of-sns-itself",
                    "TopicArn": "arn:aws:sns:eu-west-1:123456789012:reports",
                    "Message": event if isinstance(event, str) else json.dumps(event),
                },
            }
            for event in events
        ]
    }


def by_eventbridge(event: Any) -> dict[str, Any]:
    source = "aws.ses" if isinstance(event, dict) and "mail" in event else "aws.sms-voice"
    return {
        "version": "0",
        "id": "5c0fa4f8-e4ba-ed02-6101-c795472fccd0",
        "detail-type": "Text Message Delivery Status Updated",
        "source": source,
        "account": "111122223333",
        "region": "us-east-1",
        "resources": [],
        "detail": event,
    }


def squeeze(data: bytes) -> bytes:
    """The same each time: the workers of xdist tell the cases by it."""
    return gzip.compress(data, mtime=0)


def pack(batch: Any) -> dict[str, Any]:
    text = batch if isinstance(batch, bytes) else json.dumps(batch).encode()
    return {"awslogs": {"data": base64.b64encode(squeeze(text)).decode()}}


def batch_of(*lines: Any, **changes: Any) -> dict[str, Any]:
    return {
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": GROUP,
        "logStream": "stream",
        "subscriptionFilters": ["reports"],
        "logEvents": [
            {
                "id": str(number),
                "timestamp": 1432826855000,
                "message": line if isinstance(line, str) else json.dumps(line),
            }
            for number, line in enumerate(lines)
        ],
    } | changes


def by_logs(*lines: Any, **changes: Any) -> dict[str, Any]:
    return pack(batch_of(*lines, **changes))


both_ways = pytest.mark.parametrize("wrap", [by_sns, by_eventbridge])


def expected(report: dict[str, str] | None, **changes: str) -> tuple[Report, ...]:
    if report is None:
        return ()
    fields: dict[str, Any] = report | {"delivery": Delivery(report["delivery"])} | changes
    return (Report(**fields),)


@both_ways
@pytest.mark.parametrize(("event", "report"), vectors("messages") + vectors("emails"))
def test_published_events_mean_what_they_say_by_sns_and_by_eventbridge(
    event: dict[str, Any], report: dict[str, str] | None, wrap: Wrap
) -> None:
    assert is_report(wrap(event))
    assert read(wrap(event)) == expected(report)


@pytest.mark.parametrize(("line", "report"), vectors("logs"))
@pytest.mark.parametrize("group", [GROUP, f"{GROUP}/Failure"])
def test_published_log_lines_mean_what_they_say(
    line: dict[str, Any], report: dict[str, str], group: str
) -> None:
    event = by_logs(line, logGroup=group)
    assert is_report(event)
    assert read(event) == expected(report)


def message(kind: str, **changes: Any) -> dict[str, Any]:
    return {"eventType": kind, "isFinal": True, "messageId": "m-1"} | changes


TEXT, RCS, CALL = "aws-sms", "aws-sms", "aws-voice"
MESSAGES: dict[str, tuple[str, Delivery] | None] = {
    "TEXT_ALL": None,  # no event: what a destination can ask for
    "TEXT_SENT": None,
    "TEXT_PENDING": None,
    "TEXT_QUEUED": None,
    "TEXT_SUCCESSFUL": (TEXT, DELIVERED),
    "TEXT_DELIVERED": (TEXT, DELIVERED),
    "TEXT_INVALID": (TEXT, UNDELIVERED),
    "TEXT_INVALID_MESSAGE": (TEXT, UNDELIVERED),
    "TEXT_UNREACHABLE": (TEXT, UNDELIVERED),
    "TEXT_CARRIER_UNREACHABLE": (TEXT, UNDELIVERED),
    "TEXT_BLOCKED": (TEXT, UNDELIVERED),
    "TEXT_CARRIER_BLOCKED": (TEXT, UNDELIVERED),
    "TEXT_SPAM": (TEXT, UNDELIVERED),
    "TEXT_UNKNOWN": None,
    "TEXT_TTL_EXPIRED": (TEXT, UNDELIVERED),
    "TEXT_PROTECT_BLOCKED": (TEXT, UNDELIVERED),
    "VOICE_ALL": None,
    "VOICE_INITIATED": None,
    "VOICE_RINGING": None,
    "VOICE_ANSWERED": None,
    "VOICE_COMPLETED": (CALL, DELIVERED),
    "VOICE_BUSY": (CALL, UNDELIVERED),
    "VOICE_NO_ANSWER": (CALL, UNDELIVERED),
    "VOICE_FAILED": (CALL, UNDELIVERED),
    "VOICE_TTL_EXPIRED": (CALL, UNDELIVERED),
    "RCS_ALL": None,
    "RCS_QUEUED": None,
    "RCS_SENT": None,
    "RCS_DELIVERED": (RCS, DELIVERED),
    "RCS_READ": (RCS, DELIVERED),
    "RCS_FAILED": (RCS, UNDELIVERED),
    "RCS_TTL_EXPIRED": (RCS, UNDELIVERED),
    "RCS_PROTECT_BLOCKED": (RCS, UNDELIVERED),
    "RCS_FALLEN_BACK_TO_SMS": None,
    "ALL": None,
}


@both_ways
@pytest.mark.parametrize("kind", MESSAGES)
def test_each_type_of_message_event_is_an_end_or_nothing(kind: str, wrap: Wrap) -> None:
    meaning = MESSAGES[kind]
    report = Report(*meaning, message_id="m-1", vendor_code=kind) if meaning else None
    assert read(wrap(message(kind))) == ((report,) if report else ())
    assert read(wrap(message(kind, isFinal=False))) == ()


MEDIA = {kind for kind in values("pinpoint-sms-voice-v2", "EventType") if "MEDIA" in kind}


@pytest.mark.parametrize("kind", sorted(MEDIA))
def test_we_send_no_media(kind: str) -> None:
    assert read(by_sns(message(kind))) == ()


def test_the_table_has_every_type_of_the_model() -> None:
    assert set(MESSAGES) | MEDIA == set(values("pinpoint-sms-voice-v2", "EventType"))


@both_ways
@pytest.mark.parametrize(
    ("kind", "context", "provider", "token"),
    [
        ("TEXT_DELIVERED", {"report_token": TOKEN}, "aws-sms", TOKEN),
        ("VOICE_COMPLETED", {"report_token": TOKEN}, "aws-voice", TOKEN),
        (
            "TEXT_DELIVERED",
            {"report_token": TOKEN, "provider": "aws-notify"},
            "aws-notify",
            TOKEN,
        ),
        (
            "VOICE_COMPLETED",
            {"report_token": TOKEN, "provider": "aws-notify"},
            "aws-notify",
            TOKEN,
        ),
        ("TEXT_DELIVERED", {"report_token": TOKEN, "provider": "ses"}, "aws-sms", TOKEN),
        ("TEXT_DELIVERED", {"account": "bar"}, "aws-sms", None),
        ("TEXT_DELIVERED", {}, "aws-sms", None),
        ("TEXT_DELIVERED", None, "aws-sms", None),
        ("TEXT_DELIVERED", "text", "aws-sms", None),
        ("TEXT_DELIVERED", {"report_token": [TOKEN]}, "aws-sms", None),
        ("TEXT_DELIVERED", {"report_token": "Not Ours"}, "aws-sms", None),
    ],
    ids=str,
)
def test_the_context_of_a_message_comes_back_with_it(
    kind: str, context: Any, provider: str, token: str | None, wrap: Wrap
) -> None:
    (report,) = read(wrap(message(kind, context=context)))
    assert (report.provider, report.token, report.message_id) == (provider, token, "m-1")


def email(kind: str, tags: Any = None, **changes: Any) -> dict[str, Any]:
    return {"eventType": kind, "mail": {"messageId": "m-1", "tags": tags}} | changes


def bounce(kind: str, subtype: Any) -> dict[str, Any]:
    return email("Bounce", bounce={"bounceType": kind, "bounceSubType": subtype})


@both_ways
@pytest.mark.parametrize(
    ("event", "delivery", "vendor_code"),
    [
        (email("Delivery"), DELIVERED, "Delivery"),
        (email("Reject"), UNDELIVERED, "Reject"),
        (email("Rendering Failure"), UNDELIVERED, "Rendering Failure"),
        (bounce("Permanent", "General"), UNDELIVERED, "Bounce/General"),
        (bounce("Permanent", "NoEmail"), UNDELIVERED, "Bounce/NoEmail"),
        (bounce("Permanent", "Suppressed"), UNDELIVERED, "Bounce/Suppressed"),
        (
            bounce("Permanent", "OnAccountSuppressionList"),
            UNDELIVERED,
            "Bounce/OnAccountSuppressionList",
        ),
        (bounce("Permanent", None), UNDELIVERED, "Bounce/Permanent"),
        (bounce("Permanent", "ann@example.com"), UNDELIVERED, "Bounce/Permanent"),
        (bounce("Transient", "General"), None, None),
        (bounce("Transient", "MailboxFull"), None, None),
        (bounce("Transient", "MessageTooLarge"), None, None),
        (bounce("Transient", "ContentRejected"), None, None),
        (bounce("Transient", "AttachmentRejected"), None, None),
        (bounce("Undetermined", "Undetermined"), None, None),
        (email("Bounce"), None, None),
        (email("Send"), None, None),
        (email("Complaint"), None, None),
        (email("Open"), None, None),
        (email("Click"), None, None),
        (email("DeliveryDelay"), None, None),
        (email("Subscription"), None, None),
        (email("AmazonSnsSubscriptionSucceeded"), None, None),
    ],
    ids=str,
)
def test_each_type_of_email_event_is_an_end_or_nothing(
    event: dict[str, Any], delivery: Delivery | None, vendor_code: str | None, wrap: Wrap
) -> None:
    report = (
        Report("ses", delivery, message_id="m-1", vendor_code=vendor_code) if delivery else None
    )
    assert read(wrap(event)) == ((report,) if report else ())


@both_ways
@pytest.mark.parametrize(
    ("tags", "token"),
    [
        ({"report_token": [TOKEN]}, TOKEN),
        ({"ses:configuration-set": ["follow"], "report_token": [TOKEN]}, TOKEN),
        ({"report_token": []}, None),
        ({"report_token": TOKEN}, None),
        ({"report_token": [5]}, None),
        ({"report_token": ["Not Ours"]}, None),
        ([TOKEN], None),
    ],
    ids=str,
)
def test_the_tag_of_an_email_comes_back_with_it(tags: Any, token: str | None, wrap: Wrap) -> None:
    (report,) = read(wrap(email("Delivery", tags)))
    assert (report.provider, report.token, report.message_id) == ("ses", token, "m-1")


def test_one_event_can_bring_several_and_a_bad_one_spoils_no_other() -> None:
    ids = [
        report.message_id
        for report in read(
            by_sns(
                message("TEXT_DELIVERED", messageId="m-1"),
                "Successfully validated SNS topic for Amazon SES event publishing.",
                email("Delivery"),
                message("TEXT_DELIVERED", messageId="m-3"),
            )
        )
    ]
    assert ids == ["m-1", "m-1", "m-3"]
    lines = [
        {"notification": {"messageId": f"m-{number}"}, "status": "SUCCESS"} for number in range(3)
    ]
    reports = read(by_logs(lines[0], "no JSON", {"status": "SUCCESS"}, lines[1], 5, lines[2]))
    assert [report.message_id for report in reports] == ["m-0", "m-1", "m-2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"messageType": "CONTROL_MESSAGE"},
        {"logGroup": ""},
        {"logGroup": "/aws/lambda/verify-start"},  # whoever can log there would report
        {"logGroup": f"/{GROUP}"},
        {"logGroup": f"{GROUP}/Other"},
        {"logGroup": None},
        {"logEvents": None},
        {"logEvents": ["text", 5, {}, {"message": 5}]},
    ],
    ids=str,
)
def test_only_the_logs_of_sns_report(changes: dict[str, Any]) -> None:
    line = {"notification": {"messageId": "m-1"}, "status": "SUCCESS"}
    assert len(read(by_logs(line))) == 1
    assert read(by_logs(line, **changes)) == ()


def test_base64_with_anything_else_in_it_is_broken() -> None:
    event = by_logs({"notification": {"messageId": "m-1"}, "status": "SUCCESS"})
    assert len(read(event)) == 1
    assert read({"awslogs": {"data": f"!{event['awslogs']['data']}"}}) == ()


def test_a_log_batch_is_unpacked_up_to_its_bound_and_no_further() -> None:
    line = {"notification": {"messageId": "m-1"}, "status": "SUCCESS"}
    text = json.dumps(batch_of(line)).encode()
    assert len(read(pack(text + b" " * (MAX_LOG_BYTES - len(text) - 1)))) == 1
    assert read(pack(text + b" " * (MAX_LOG_BYTES - len(text) + 1))) == ()
    assert read(pack(text + b" " * (10 * MAX_LOG_BYTES))) == ()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "not base64!",
        "ünïcödé",
        base64.b64encode(b"not gzip").decode(),
        base64.b64encode(squeeze(b"[" * 100_000)).decode(),
        base64.b64encode(squeeze(json.dumps(batch_of()).encode())[:-9]).decode(),
        base64.b64encode(squeeze(b"\xff\xfe\x00")).decode(),
        base64.b64encode(squeeze(b"9" * 5_000)).decode(),
    ],
    ids=lambda data: data[:20],
)
def test_broken_log_data_is_no_report_and_no_error(data: str) -> None:
    event = {"awslogs": {"data": data}}
    assert is_report(event)
    assert read(event) == ()


@pytest.mark.parametrize(
    "event",
    [
        None,
        5,
        "text",
        [],
        {},
        {"Records": []},
        {"Records": None},
        {"Records": [5]},
        {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
        {"Records": [*by_sns(message("TEXT_DELIVERED"))["Records"], {"EventSource": "aws:s3"}]},
        {"source": "aws.s3", "detail": {}},
        {"source": ["aws.ses"], "detail": {}},
        {"source": "aws.ses", "detail": "text"},
        {"awslogs": {"data": 5}},
        {"awslogs": "text"},
        {"httpMethod": "POST", "resource": "/v1/reports/{provider}/{token}", "requestContext": {}},
        {"operation": "start", "to": "+31612345678"},
    ],
    ids=str,
)
def test_what_comes_another_way_is_not_meant_for_us(event: Any) -> None:
    assert not is_report(event)
    assert read(event) == ()


@both_ways
@pytest.mark.parametrize(
    "event",
    [
        {},
        message("TEXT_DELIVERED", messageId=None),
        message("TEXT_DELIVERED", messageId=""),
        message("TEXT_DELIVERED", messageId=5),
        message("TEXT_DELIVERED", messageId="a b"),
        message("TEXT_DELIVERED", messageId="a\n"),
        message("TEXT_DELIVERED", messageId="a" * 257),
        message("TEXT_DELIVERED", messageId="\ud800"),
        message("TEXT_DELIVERED", isFinal="true"),
        message("TEXT_DELIVERED", isFinal=None),
        message("text_delivered"),
        message("TEXT_DELIVERED\n"),
        message("Delivery"),
        message("AwsApiCall"),  # CloudTrail's, from the same source
        {"eventType": ["TEXT_DELIVERED"], "isFinal": True, "messageId": "m-1"},
        {"eventType": "Delivery", "mail": "text"},
        {"eventType": "Delivery", "mail": {}},
        {"eventType": "Delivery", "mail": {"messageId": ["m-1"]}},
        {"eventType": {}, "mail": {"messageId": "m-1"}},
        {"notificationType": "Delivery", "mail": {"messageId": "m-1"}},
        {"notification": {"messageId": "m-1"}, "status": "SUCCESS"},  # a log line, elsewhere
    ],
    ids=str,
)
def test_what_aws_does_not_say_is_no_report(event: dict[str, Any], wrap: Wrap) -> None:
    assert read(wrap(event)) == ()


@pytest.mark.parametrize(
    "line",
    [
        {"notification": {"messageId": "m-1"}, "status": "success"},
        {"notification": {"messageId": "m-1"}, "status": ["SUCCESS"]},
        {"notification": "m-1", "status": "SUCCESS"},
        {"notification": {"messageId": 5}, "status": "SUCCESS"},
        message("TEXT_DELIVERED"),
        email("Delivery"),
    ],
    ids=str,
)
def test_what_sns_does_not_log_is_no_report(line: dict[str, Any]) -> None:
    assert read(by_logs(line)) == ()


@pytest.mark.parametrize("text", ["", "no JSON", "[" * 100_000, "9" * 5_000, "null", "[1]", "NaN"])
def test_a_notification_of_something_else_is_no_report(text: str) -> None:
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}
    assert is_report(event)
    assert read(event) == ()


def mutate(value: Any, source: random.Random) -> Any:
    """The same structure, with something else here and there."""
    if source.random() < 0.1:
        return source.choice([None, 5, "text", [], {}, [value], {"mail": value}, True])
    if isinstance(value, dict):
        return {name: mutate(part, source) for name, part in value.items()}
    if isinstance(value, list):
        return [mutate(part, source) for part in value]
    return value


def test_no_shape_of_event_is_an_error() -> None:
    source = random.Random(1)
    line = {"notification": {"messageId": "m-1"}, "status": "SUCCESS"}
    events = [message("TEXT_DELIVERED", context={"report_token": TOKEN}), email("Delivery")]
    for _ in range(2_000):
        one = mutate(source.choice(events), source)
        for event in (by_sns(one), by_eventbridge(one), pack(mutate(batch_of(line), source))):
            for report in read(mutate(event, source)):
                assert report.message_id in ("m-1", "text")
