"""Alarms and the dashboard: made of their source, on metrics that exist, of things that exist."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from verification import telemetry
from verification.operations import tally

from tests import monitoring

from .emitted import OF_AWS, Emitted, of_ours
from .loading import FUNCTIONS, STACK, TEMPLATE, TEMPLATE_FILE, load_template, of_type

SOURCE = monitoring.read()
ALARMS = of_type("AWS::CloudWatch::Alarm")
[DASHBOARD] = of_type("AWS::CloudWatch::Dashboard").values()
NAMESPACE = "${MetricsNamespace}"
TELEMETRY = Path(telemetry.__file__)
OPERATIONS = TEMPLATE_FILE.with_name("docs") / "operations.md"

# These ring later than at the first event.
LATER = {
    "ApiFailing": ("GreaterThanThreshold", 5),  # answers
    "BudgetNearlySpent": ("GreaterThanOrEqualToThreshold", tally._ALARM_AT),  # per cent
    "EndsBehind": ("GreaterThanThreshold", 1_800),  # seconds
    "EventsBehind": ("GreaterThanThreshold", 60_000),  # milliseconds
    "FraudSuspected": ("GreaterThanThreshold", 20),  # starts
    "ResendBehind": ("GreaterThanThreshold", 1_800),  # seconds
    "TallyBehind": ("GreaterThanThreshold", 60_000),  # milliseconds
    "WebhooksBehind": ("GreaterThanThreshold", 1_800),  # seconds
}

each_alarm = pytest.mark.parametrize("alarm", ALARMS)
each_simple_alarm = pytest.mark.parametrize("alarm", sorted(ALARMS.keys() - {"ConversionFell"}))


# -------------------------------------------------------------------------------- The source


def test_the_template_has_what_the_source_says() -> None:
    template = TEMPLATE_FILE.read_text()
    assert template == monitoring.put(template, monitoring.section(SOURCE)), "run make monitoring"


def test_the_source_is_short() -> None:
    assert len(monitoring.SOURCE.read_text().splitlines()) < 150


def test_there_is_no_other_alarm_and_no_other_dashboard() -> None:
    assert ALARMS.keys() == monitoring.every_alarm(SOURCE).keys()
    assert len(of_type("AWS::CloudWatch::Dashboard")) == 1


def test_all_functions_queues_tables_and_apis_are_watched() -> None:
    kept = {name.removesuffix("DeadLetterQueue") for name in of_type("AWS::SQS::Queue")}
    assert {f"{name}Function" for name in SOURCE["functions"]} == FUNCTIONS.keys()
    assert {*SOURCE["dead_letters"]} == {name for name in kept if not name.endswith("Queue")}
    taken = {name.removesuffix("Queue") for name in kept if name.endswith("Queue")}
    assert {*SOURCE["queues"]} == taken
    assert {f"{name}Table" for name in SOURCE["tables"]} == of_type("AWS::DynamoDB::Table").keys()
    assert SOURCE["apis"].keys() == of_type("AWS::ApiGateway::RestApi").keys()


@pytest.mark.parametrize(
    "template",
    [
        "Resources:\n",
        monitoring.BEGIN,
        monitoring.END + monitoring.BEGIN,
        2 * (monitoring.BEGIN + monitoring.END),
    ],
)
def test_a_template_without_a_place_for_it_is_not_touched(template: str) -> None:
    with pytest.raises(ValueError, match="needs these two lines"):
        monitoring.put(template, "made")


def test_all_outside_of_its_place_stays() -> None:
    before, after = f"a\n{monitoring.BEGIN}", f"{monitoring.END}z\n"
    assert monitoring.put(f"{before}old\n{after}", "new\n") == f"{before}new\n{after}"


@pytest.mark.parametrize(
    ("alarm", "said"),
    [
        ({"metric": "AWS/Lambda Errors FunctionName=Tuesday"}, "expected FunctionName= and one of"),
        ({"metric": "AWS/Lambda Errors QueueName=Tally"}, "expected FunctionName= and one of"),
    ],
)
def test_an_alarm_of_nothing_is_not_made(alarm: Mapping[str, str], said: str) -> None:
    made = {"says": "Now.", "rings": "Sum > 0", **alarm}
    with pytest.raises(ValueError, match=said):
        monitoring.section({**SOURCE, "alarms": {"Odd": made}})


def test_a_line_of_nothing_is_not_made() -> None:
    line = {"metric": "AWS/Lambda Errors", "of": "tables"}
    with pytest.raises(ValueError, match="is of functions, not of tables"):
        monitoring.section({**SOURCE, "dashboard": [{"title": "Odd", "lines": [line]}]})


# --------------------------------------------------------- What is watched, and what there is


@dataclass(frozen=True)
class Watched:
    """One metric that an alarm or a graph asks for.

    Args:
        values: of its dimensions, in the grammar of `Fn::Sub`; None: whatever there is.
    """

    where: str
    namespace: str
    metric: str
    values: Mapping[str, str | None]


def watched(template: Mapping[str, Any]) -> Iterator[Watched]:
    """All that a template's alarms and dashboards look at."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield from _by_alarm(name, resource["Properties"])
        elif resource["Type"] == "AWS::CloudWatch::Dashboard":
            for widget in body_of(resource["Properties"])["widgets"]:
                if widget["type"] == "metric":
                    yield from _by_graph(widget["properties"])


def _by_alarm(name: str, alarm: Mapping[str, Any]) -> Iterator[Watched]:
    ones = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
    for one in ones or [alarm]:
        values = {each["Name"]: text(each["Value"]) for each in one.get("Dimensions", ())}
        yield Watched(name, text(one["Namespace"]), one["MetricName"], values)


def _by_graph(graph: Mapping[str, Any]) -> Iterator[Watched]:
    for line in graph["metrics"]:
        if isinstance(line[0], str):
            namespace, metric, *named = [part for part in line if isinstance(part, str)]
            values: dict[str, str | None] = dict(zip(named[::2], named[1::2], strict=True))
            yield Watched(graph["title"], namespace, metric, values)
        else:
            for found in SEARCH.finditer(line[0]["expression"]):
                by = dict.fromkeys(found["names"].split(","))
                given = dict(re.findall(r'(\w+)="([^"]*)"', found["given"]))
                metric = given.pop("MetricName")
                yield Watched(graph["title"], found["namespace"], metric, {**by, **given})


# By "CloudWatch search expression syntax": a schema, and what its series must have.
SEARCH = re.compile(
    r"""SEARCH\('\{"(?P<namespace>[^"]+)",(?P<names>[\w,]+)\} (?P<given>[^']+)', '\w+', \d+\)"""
)


def text(value: Any) -> str:
    """A value in the grammar of `Fn::Sub`."""
    if isinstance(value, str):
        return value
    ((kind, of),) = value.items()
    return {
        "Ref": lambda: f"${{{of}}}",
        "Fn::GetAtt": lambda: f"${{{'.'.join(of)}}}",
        "Fn::Sub": lambda: str(of),
    }[kind]()


def body_of(dashboard: Mapping[str, Any]) -> Any:
    """What a dashboard shows, its variables as they are written."""
    return json.loads(dashboard["DashboardBody"]["Fn::Sub"].replace("${!", "${"))


def faults(one: Watched, emitted: Emitted) -> Iterator[str]:
    """What is wrong with looking at that: it would be silent for ever."""
    names = frozenset(one.values)
    namespace = DEFAULT_NAMESPACE if one.namespace == NAMESPACE else one.namespace
    if (namespace, one.metric, names) not in emitted:
        yield f"nobody emits {one.metric} of {namespace} by {sorted(names)}"
    for name, value in one.values.items():
        if value is not None and value not in VALUES.get(name, set()):
            yield f"{name} is never {value}"


DEFAULT_NAMESPACE = TEMPLATE["Parameters"]["MetricsNamespace"]["Default"]
# What the dimensions are that are not left open, by "Return values" of each type of resource.
VALUES = {
    "ApiName": {text(api["Name"]) for api in of_type("AWS::ApiGateway::RestApi").values()},
    "FunctionName": {f"${{{name}}}" for name in FUNCTIONS},
    "QueueName": {f"${{{name}.QueueName}}" for name in of_type("AWS::SQS::Queue")},
    "TableName": {f"${{{name}}}" for name in of_type("AWS::DynamoDB::Table")},
    "service": {
        function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        for function in FUNCTIONS.values()
    },
}


def test_all_that_is_watched_is_emitted() -> None:
    emitted = OF_AWS | of_ours()
    looked_at = list(watched(TEMPLATE))
    assert {one.where for one in looked_at} == ALARMS.keys() | {
        graph["title"] for graph in SOURCE["dashboard"]
    }
    assert [(one.where, fault) for one in looked_at for fault in faults(one, emitted)] == []


def test_every_metric_of_the_code_is_reached() -> None:
    """Else what is watched could be right, and the flow too short to know."""
    calls = (node for node in ast.walk(ast.parse(TELEMETRY.read_text())))
    counted = {
        name.value
        for call in calls
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("_count", "_emit")
        for name in ast.walk(call.args[0])
        if isinstance(name, ast.Constant) and isinstance(name.value, str)
    }
    assert counted == {metric for _, metric, _ in of_ours()}


def test_all_functions_count_in_one_namespace_under_one_service() -> None:
    named = [function["Environment"]["Variables"] for function in FUNCTIONS.values()]
    assert all(v["POWERTOOLS_METRICS_NAMESPACE"] == {"Ref": "MetricsNamespace"} for v in named)
    assert VALUES["service"] == {"verification"}


def test_the_two_apis_go_by_two_names() -> None:
    """Without one an API goes by its document's title: that of the stack, for both."""
    assert len(VALUES["ApiName"]) == len(of_type("AWS::ApiGateway::RestApi")) == 2


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("MetricName: Crashed", "MetricName: Crashes"),
        ("Namespace: !Ref MetricsNamespace", "Namespace: ServerlessVerification"),
        ("Name: service, Value: verification", "Name: service, Value: verify"),
        ("Name: service, Value: verification", "Name: channel, Value: sms"),
        (
            "MetricName: Crashed\n      Dimensions: [{Name: service, Value: verification}]\n",
            "MetricName: Crashed\n",
        ),
        (
            "Name: FunctionName, Value: !Ref TallyFunction",
            "Name: Function, Value: !Ref TallyFunction",
        ),
        ("Value: !Ref TallyFunction", "Value: !GetAtt TallyFunction.Arn"),
        ("Value: !Ref TallyFunction", "Value: !Ref TallyLogs"),
        ("Value: !GetAtt TallyDeadLetterQueue.QueueName", "Value: !Ref TallyDeadLetterQueue"),
        ("Name: ApiName, Value: !Ref AWS::StackName", "Name: ApiName, Value: !Ref Api"),
        ("Name: ApiName, Value: !Ref AWS::StackName", "Name: ApiId, Value: !Ref Api"),
        ("MetricName: Throttles", "MetricName: Throttled"),
        ('"ReadThrottleEvents", "TableName"', '"ThrottledRequests", "TableName"'),
        ('"FunctionName", "${VerifyFunction}"', '"FunctionName", "verify"'),
        ("channel,country,service}", "country,service}"),
        (r"MetricName=\"Limited\"", r"MetricName=\"Limits\""),
        (
            r"MetricName=\"Limited\" service=\"verification\"",
            r"MetricName=\"Limited\" service=\"x\"",
        ),
    ],
)
def test_a_mistake_is_found(right: str, wrong: str, tmp_path: Path) -> None:
    template = TEMPLATE_FILE.read_text()
    assert right in template
    planted = tmp_path / "template.yaml"
    planted.write_text(template.replace(right, wrong))
    emitted = OF_AWS | of_ours()
    assert [fault for one in watched(load_template(planted)) for fault in faults(one, emitted)]


# ------------------------------------------------------------------------------ Each alarm


@each_simple_alarm
def test_an_alarm_rings_when_it_should_and_is_silent_without_any_event(alarm: str) -> None:
    properties = ALARMS[alarm]
    rings = properties["ComparisonOperator"], properties["Threshold"]
    assert rings == LATER.get(alarm, ("GreaterThanThreshold", 0))
    assert properties["EvaluationPeriods"] == 1
    assert properties["Statistic"] in ("Sum", "Maximum")
    assert properties["TreatMissingData"] == "notBreaching"


@each_alarm
def test_an_alarm_tells_the_topic_if_there_is_one(alarm: str) -> None:
    assert ALARMS[alarm]["AlarmActions"] == {
        "Fn::If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]
    }


@each_alarm
def test_an_alarm_says_how_soon_what_to_do_and_where_more_is_written(alarm: str) -> None:
    said = re.fullmatch(
        r"(Now|Today): .+\. See docs/operations\.md#([a-z-]+)", ALARMS[alarm]["AlarmDescription"]
    )
    assert said and len(said[0]) <= 1024  # CloudWatch's bound
    headings = re.findall(r"^#+ (.+)$", OPERATIONS.read_text(), re.M)
    anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
    assert said[2] in anchors


def test_an_alarm_rings_when_far_fewer_are_verified_than_usual() -> None:
    alarm = ALARMS["ConversionFell"]
    assert STACK["Resources"]["ConversionFell"]["Condition"] == "HasConversionAlarm"
    started, verified, share, expected = alarm["Metrics"]
    for one, metric in ((started, "Started"), (verified, "Verified")):
        assert one["MetricStat"]["Metric"]["MetricName"] == metric
        assert (one["MetricStat"]["Stat"], one["MetricStat"]["Period"]) == ("Sum", 900)
        assert one["ReturnData"] is False
    # Both are given to CloudWatch: what is, and what is expected. By night nothing is said.
    assert share == {"Id": "share", "Expression": "IF(started > 20, verified / started)"}
    assert expected == {"Id": "expected", "Expression": "ANOMALY_DETECTION_BAND(share, 3)"}
    assert {one["Id"] for one in (started, verified)} == {"started", "verified"}
    assert alarm["ThresholdMetricId"] == "expected" and "Threshold" not in alarm
    assert alarm["ComparisonOperator"] == "LessThanLowerThreshold"
    assert alarm["TreatMissingData"] == "notBreaching" and alarm["EvaluationPeriods"] == 2


# --------------------------------------------------------------------------- The dashboard


def test_the_dashboard_is_of_this_stack_in_its_region() -> None:
    assert text(DASHBOARD["DashboardName"]) == "${AWS::StackName}-${AWS::Region}"
    graphs = [w["properties"] for w in body_of(DASHBOARD)["widgets"] if w["type"] == "metric"]
    assert len(graphs) == len(SOURCE["dashboard"])
    assert {graph["region"] for graph in graphs} == {"${AWS::Region}"}


def test_the_dashboard_shows_all_alarms_that_are_always_there() -> None:
    [shown] = [w["properties"] for w in body_of(DASHBOARD)["widgets"] if w["type"] == "alarm"]
    always = [name for name in ALARMS if "Condition" not in STACK["Resources"][name]]
    assert shown["alarms"] == [f"${{{name}.Arn}}" for name in always]


def test_a_graph_fits_into_its_row_and_has_no_more_lines_than_cloudwatch_takes() -> None:
    for widget in body_of(DASHBOARD)["widgets"]:
        assert widget["width"] in (8, 12, 24)  # 24 columns are a row
        assert len(widget["properties"].get("metrics", ())) <= 500


def test_the_names_in_expressions_are_those_of_lines() -> None:
    for widget in body_of(DASHBOARD)["widgets"]:
        options = [
            line[-1]
            for line in widget["properties"].get("metrics", ())
            if isinstance(line[-1], dict)
        ]
        ids = [one["id"] for one in options if "id" in one]
        assert len({*ids}) == len(ids)
        for one in options:
            if "expression" in one and "SEARCH" not in one["expression"]:
                assert {*re.findall(r"\b[a-z]\w*\b", one["expression"])} <= {*ids}


@pytest.mark.parametrize(("started", "verified"), [(10, 10), (10, 4), (7, 0), (1, 1)])
def test_the_share_by_country_is_what_it_says(started: int, verified: int) -> None:
    [line] = [
        line
        for graph in SOURCE["dashboard"]
        for line in graph["lines"]
        if "each" in line and "math" in line
    ]
    # A start writes a 0, a right guess a 1 (Telemetry.started, judged).
    average = verified / (started + verified)
    share = eval(line["math"], {"x": average})  # noqa: S307 # our own source
    assert share == pytest.approx(100 * verified / started)
