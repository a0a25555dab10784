"""python -m tests.monitoring: write what monitoring.yaml says into template.yaml.

The section stands between two lines there. In the source

    apis, functions,      what metrics are of: logical ids, but for their last word
    tables, dead_letters, queues
    <metric>              `Started`, one of ours, of all of the service; or `AWS/Lambda Throttles`,
                          of the whole account; or `AWS/Lambda IteratorAge FunctionName=Tally`
    rings                 `Maximum > 60000`: a statistic and its threshold; of five `minutes`,
                          once (`times`), unless it says otherwise
    says, see             what to do, and where on docs/operations.md more of that is written
    if                    the condition of the template under which the alarm is there
    share                 an expression over `metrics`, held against what is expected of it
    of                    a line for each of these; `stat` is the sum unless it says otherwise
    each, all             `Started channel country`: all series with these dimensions, or their sum
    math                  of one `each` as `x`, or of metrics by name (`from`)
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.local import ROOT

SOURCE = ROOT / "monitoring.yaml"
TEMPLATE = ROOT / "template.yaml"
BEGIN = "  # --- made by `make monitoring` of monitoring.yaml: change that, and run it again ---\n"
END = "  # --- end of what `make monitoring` made ---\n"

_OWN, _SERVICE = "${MetricsNamespace}", "verification"
_SERVES = {
    "dead_letters": "DeadLetterQueue",
    "functions": "Function",
    "queues": "Queue",
    "tables": "Table",
}
# How each namespace calls what its metrics are of, and what that is of a resource.
_DIMENSIONS = {
    "AWS/ApiGateway": ("ApiName", "apis", "{name}"),
    "AWS/DynamoDB": ("TableName", "tables", "${{{id}}}"),
    "AWS/Lambda": ("FunctionName", "functions", "${{{id}}}"),
    "AWS/SQS": ("QueueName", "dead_letters", "${{{id}.QueueName}}"),
}
_COMPARISONS = {
    ">": "GreaterThanThreshold",
    ">=": "GreaterThanOrEqualToThreshold",
    "<": "LessThanLowerThreshold",  # of a band
}
_ACTIONS = "!If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]"

type Source = Mapping[str, Any]


def read(path: Path = SOURCE) -> Source:
    """The source."""
    source: Source = yaml.safe_load(path.read_text())
    return source


def section(source: Source) -> str:
    """What stands between the two lines."""
    return "\n".join([*_alarms(source), *_dashboard(source)]) + "\n"


def put(template: str, made: str) -> str:
    """A template with this section in place of the one that it has.

    Raises:
        ValueError: it does not have the two lines, once each and in order.
    """
    found = re.fullmatch(f"(.*{re.escape(BEGIN)}).*({re.escape(END)}.*)", template, re.S)
    if not found or template.count(BEGIN) != 1 or template.count(END) != 1:
        raise ValueError(f"template.yaml needs these two lines, once:\n{BEGIN}{END}")
    return f"{found[1]}{made}{found[2]}"


def every_alarm(source: Source) -> dict[str, dict[str, Any]]:
    """All alarms as the source has its own, with those of functions and dead letters."""
    made = {}
    for name in source["functions"]:
        log = f"look into the log of {name.lower()}"
        made[f"{name}Errors"] = {
            "says": f"Now: {log}. It could not start, or ran out of time.",
            "metric": f"AWS/Lambda Errors FunctionName={name}",
            "rings": "Sum > 0",
        }
    for name, alarm in source["dead_letters"].items():
        made[f"{name}DeadLetters"] = {
            **alarm,
            "metric": f"AWS/SQS ApproximateNumberOfMessagesVisible QueueName={name}",
            "rings": "Maximum > 0",
        }
    return {**made, **source["alarms"]}


# -------------------------------------------------------------------------------------- Alarms


def _alarms(source: Source) -> Iterator[str]:
    for name, alarm in every_alarm(source).items():
        yield f"  {name}:"
        yield "    Type: AWS::CloudWatch::Alarm"
        if "if" in alarm:
            yield f"    Condition: {alarm['if']}"
        yield "    Properties:"
        says = f"{alarm['says']} See docs/operations.md#{alarm.get('see', 'alarms')}"
        yield f"      AlarmDescription: {json.dumps(says, ensure_ascii=False)}"
        yield from _of_a_share(alarm) if "share" in alarm else _of_a_metric(source, alarm)
        yield f"      EvaluationPeriods: {alarm.get('times', 1)}"
        yield "      TreatMissingData: notBreaching"
        yield f"      AlarmActions: {_ACTIONS}"
        yield ""


def _of_a_metric(source: Source, alarm: Mapping[str, Any]) -> Iterator[str]:
    namespace, metric, dimensions = _metric(source, alarm["metric"])
    statistic, comparison, threshold = alarm["rings"].split()
    yield f"      Namespace: {_value(namespace)}"
    yield f"      MetricName: {metric}"
    if dimensions:
        yield f"      Dimensions: [{_dimensions(dimensions)}]"
    yield f"      Statistic: {statistic}"
    yield f"      Period: {_seconds(alarm)}"
    yield f"      Threshold: {threshold}"
    yield f"      ComparisonOperator: {_COMPARISONS[comparison]}"


def _of_a_share(alarm: Mapping[str, Any]) -> Iterator[str]:
    """On what is expected of an expression, by CloudWatch's anomaly detection."""
    _, comparison, band = alarm["rings"].split(" ", 2)
    yield "      Metrics:"
    for name, what in alarm["metrics"].items():
        metric, statistic = what.split()
        yield f"        - Id: {name}"
        yield "          ReturnData: false"
        yield "          MetricStat:"
        yield "            Metric:"
        yield f"              Namespace: {_value(_OWN)}"
        yield f"              MetricName: {metric}"
        yield f"              Dimensions: [{_dimensions({'service': _SERVICE})}]"
        yield f"            Period: {_seconds(alarm)}"
        yield f"            Stat: {statistic}"
    # CloudWatch wants to be given both, what is measured and what is expected.
    yield f"        - {{Id: share, Expression: {json.dumps(alarm['share'])}}}"
    yield f"        - {{Id: expected, Expression: {json.dumps(band)}}}"
    yield "      ThresholdMetricId: expected"
    yield f"      ComparisonOperator: {_COMPARISONS[comparison]}"


def _dimensions(dimensions: Mapping[str, str]) -> str:
    return ", ".join(f"{{Name: {n}, Value: {_value(v)}}}" for n, v in dimensions.items())


def _value(text: str) -> str:
    """A string of YAML; `${A}`, `${A.B}` and more in the shortest form that there is."""
    if found := re.fullmatch(r"\$\{([\w:]+)\}", text):
        return f"!Ref {found[1]}"
    if found := re.fullmatch(r"\$\{([\w.]+)\}", text):
        return f"!GetAtt {found[1]}"
    return f'!Sub "{text}"' if "${" in text else text


def _seconds(one: Mapping[str, Any]) -> int:
    return 60 * int(one.get("minutes", 5))


def _metric(source: Source, words: str) -> tuple[str, str, dict[str, str]]:
    """Namespace, name and dimensions."""
    first, *rest = words.split()
    if not rest:
        return _OWN, first, {"service": _SERVICE}
    if len(rest) == 1:
        return first, rest[0], {}
    name, _, of = rest[1].partition("=")
    wanted, kind, _ = _dimension(first, rest[0])
    if name != wanted or of not in source[kind]:
        raise ValueError(f"{words!r}: expected {wanted}= and one of {', '.join(source[kind])}")
    return first, rest[0], {name: _named(source, first, rest[0], of)}


def _dimension(namespace: str, metric: str) -> tuple[str, str, str]:
    """As _DIMENSIONS; the age of messages says something of the queues that are taken from."""
    name, kind, form = _DIMENSIONS[namespace]
    return name, "queues" if metric == "ApproximateAgeOfOldestMessage" else kind, form


def _named(source: Source, namespace: str, metric: str, of: str) -> str:
    """What a resource is called in the metrics of its service, in the grammar of `Fn::Sub`."""
    _, kind, form = _dimension(namespace, metric)
    if kind == "apis":
        return str(source["apis"][of])
    return form.format(id=of + _SERVES[kind])


# ----------------------------------------------------------------------------------- Dashboard


def _dashboard(source: Source) -> Iterator[str]:
    alarms = [name for name, alarm in every_alarm(source).items() if "if" not in alarm]
    arns = [f"${{{name}.Arn}}" for name in alarms]
    shown = {"title": "Alarms", "alarms": arns}
    widgets: list[dict[str, Any]] = [
        {"type": "alarm", "width": 24, "height": 5, "properties": shown},
        *(_graph(source, graph) for graph in source["dashboard"]),
    ]
    yield "  Overview:"
    yield "    Type: AWS::CloudWatch::Dashboard"
    yield "    Condition: HasDashboard"
    yield "    Properties:"
    # Dashboards are the account's, in all regions.
    yield "      DashboardName: !Sub ${AWS::StackName}-${AWS::Region}"
    yield "      DashboardBody: !Sub |-"
    yield '        {"widgets": ['
    for number, widget in enumerate(widgets, 1):
        yield f"        {json.dumps(widget)}{',' if number < len(widgets) else ''}"
    yield "        ]}"


def _graph(source: Source, graph: Mapping[str, Any]) -> dict[str, Any]:
    lines: list[Any] = []
    for line in graph["lines"]:
        lines += _lines(source, graph, line, len(lines))
    return {
        "type": "metric",
        "width": graph.get("columns", 8),
        "height": 6,
        "properties": {
            "title": graph["title"],
            "region": "${AWS::Region}",
            "period": _seconds(graph),
            "stat": "Sum",
            "stacked": graph.get("stacked", False),
            "metrics": lines,
        },
    }


def _lines(
    source: Source, graph: Mapping[str, Any], line: Mapping[str, Any], before: int
) -> list[Any]:
    statistic = line.get("stat", "Sum")
    if "from" in line:
        names = line["from"].items()
        hidden = [_line(source, what, {"id": name, "visible": False}) for name, what in names]
        return [*hidden, [{"expression": line["math"], "label": graph["title"]}]]
    if "all" in line:
        name, *_ = line["all"].split()
        searched = _search(line["all"], statistic, _seconds(graph))
        return [[{"expression": f"SUM({searched})", "label": name}]]
    if "each" in line:
        name, *dimensions = line["each"].split()
        # CloudWatch fills it in; the exclamation mark is for `Fn::Sub`.
        label = " ".join([name, *(f"${{!PROP('Dim.{each}')}}" for each in dimensions)])
        options: dict[str, Any] = {"label": label}
        if "math" in line:
            options |= {"id": "x", "visible": False}
        searched = _search(line["each"], statistic, _seconds(graph))
        found = [{"expression": searched, **options}]
        return [found, [{"expression": line["math"], "id": "y"}]] if "math" in line else [found]
    if "of" not in line:
        return [_line(source, line["metric"], {"stat": statistic} if "stat" in line else {})]
    namespace, metric = line["metric"].split()
    dimension, kind, _ = _DIMENSIONS[namespace]
    if kind != line["of"]:
        raise ValueError(f"{line['metric']!r} is of {kind}, not of {line['of']}")
    many = len(graph["lines"]) > 1
    return [
        [
            namespace,
            metric,
            dimension,
            _named(source, namespace, metric, of),
            {"label": f"{of} {line.get('stat', metric)}" if many else of, "stat": statistic},
        ]
        for of in source[kind]
    ]


def _line(source: Source, words: str, options: Mapping[str, Any]) -> list[Any]:
    namespace, metric, dimensions = _metric(source, words)
    named = [part for pair in dimensions.items() for part in pair]
    return [namespace, metric, *named, *([options] if options else [])]


def _search(words: str, statistic: str, seconds: int) -> str:
    """Whatever series there are by these dimensions: nobody knows the countries beforehand."""
    metric, *dimensions = words.split()
    schema = ",".join([f'"{_OWN}"', *sorted([*dimensions, "service"])])
    sought = f'{{{schema}}} MetricName="{metric}" service="{_SERVICE}"'
    return f"SEARCH('{sought}', '{statistic}', {seconds})"


def main() -> None:
    """Write the section."""
    TEMPLATE.write_text(put(TEMPLATE.read_text(), section(read())))


if __name__ == "__main__":
    main()
