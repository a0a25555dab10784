"""docs/operations.md: its tables name what the code logs and counts, its commands work."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from verification.api.dialects.messente.start import VALIDITY
from verification.cli.__main__ import build_parser
from verification.cli.doctor import CHECKS
from verification.domain.guard import Kind, Window
from verification.domain.messages import MAX_VALIDITY
from verification.operations.resend import _FREE_RETRIES
from verification.providers.sandbox import KEEP_SECONDS
from verification.storage.directory import CACHE_SECONDS
from verification.storage.secrets import LOOK_AGAIN_SECONDS, MAX_AGE_SECONDS
from verification.storage.tallies import _KEPT_SECONDS

from tests.docs.sources import ROOT, backticked, blocks, read, resources, rows, template
from tests.template.emitted import of_ours

PACKAGE = ROOT / "layers/verification/python/verification"
LEVELS = {"_log": "INFO", "info": "INFO", "warn": "WARNING", "crashed": "ERROR"}


def test_the_metrics_are_those_that_are_counted() -> None:
    table = rows("docs/operations.md", "Metrics")
    written = [(row[0].strip("`"), frozenset({*backticked(row[1]), "service"})) for row in table]
    counted = {(metric, dimensions) for _, metric, dimensions in of_ours()}
    assert len(written) == len(counted) and {*written} == counted


def test_the_log_messages_are_those_of_the_code() -> None:
    logged = {
        (node.args[0].value, LEVELS[node.func.attr])
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    written = {(row[0].strip("`"), row[1]) for row in rows("docs/operations.md", "Logs")}
    assert written == logged


def test_the_alarms_are_those_of_the_template() -> None:
    written = [row[0].strip("`") for row in rows("docs/operations.md", "Alarms")]
    assert sorted(written) == sorted(resources("AWS::CloudWatch::Alarm"))


@pytest.mark.parametrize("name", ["FraudSuspected", "TallyBehind"])
def test_an_alarm_rings_where_it_says(name: str) -> None:
    alarm = resources("AWS::CloudWatch::Alarm")[name]["Properties"]
    says = {row[0].strip("`"): row[1] for row in rows("docs/operations.md", "Alarms")}[name]
    if name == "FraudSuspected":
        assert says.startswith(f"over {alarm['Threshold']} starts in five minutes")
        assert alarm["Period"] * alarm["EvaluationPeriods"] == 5 * 60
    else:
        assert "more than a minute behind" in says and alarm["Threshold"] == 60_000


def test_the_other_alarms_that_wait_say_for_what() -> None:
    says = {row[0].strip("`"): row[1] for row in rows("docs/operations.md", "Alarms")}
    alarms = resources("AWS::CloudWatch::Alarm")
    failing = alarms["ApiFailing"]["Properties"]
    assert "over five answers of 500 and more in five minutes" in says["ApiFailing"]
    assert (failing["Threshold"], failing["Period"]) == (5, 5 * 60)
    fell = alarms["ConversionFell"]["Properties"]
    assert (
        "quarter of an hour" in says["ConversionFell"]
        and "twice in a row" in says["ConversionFell"]
    )
    assert fell["Metrics"][0]["MetricStat"]["Period"] == 15 * 60 and fell["EvaluationPeriods"] == 2
    assert "over 20 started each time" in says["ConversionFell"]
    assert "IF(started > 20," in fell["Metrics"][2]["Expression"]


def test_a_batch_is_given_up_after_as_many_tries_as_it_says() -> None:
    tries = template()["Resources"]["TallyFromStream"]["Properties"]["MaximumRetryAttempts"]
    assert read("docs/operations.md").count(f"after {tries} tries") == 3


def test_what_is_kept_is_kept_for_as_long_as_it_says() -> None:
    kept = {row[0].partition(":")[0].partition(",")[0]: row for row in KEPT}
    parameters = template()["Parameters"]
    for what, unit, name in (
        ("verifications", "hours", "RetentionHours"),
        ("trusted devices", "days", "TrustedDeviceDays"),
        ("logs", "days", "LogRetentionDays"),
    ):
        assert kept[what][2].startswith(f"{parameters[name]['Default']} {unit}"), what
        assert kept[what][3] == f"`{name}`"
    queues = {
        name: queue["Properties"]["MessageRetentionPeriod"] // 86_400
        for name, queue in resources("AWS::SQS::Queue").items()
    }
    ours = kept["messages of the queues"]
    assert {ours[2]} == {f"{queues.pop(name)} days" for name in backticked(ours[1])}
    assert {kept["what failed"][2]} == {f"{days} days" for days in queues.values()}
    assert kept["messages of the sandbox provider"][2] == "an hour" and KEEP_SECONDS == 3600
    day = Window(Kind.BLOCK_DAY, b"", 0)
    assert kept["what the guard saw"][2] == "an hour after its hour or day"
    assert (day.ends, _KEPT_SECONDS) == (86_400, 3600)


KEPT = rows("docs/operations.md", "What is kept, and for how long")


def test_every_table_and_every_kind_of_item_is_among_what_is_kept() -> None:
    tables = [name for row in KEPT for name in backticked(row[1]) if name.endswith("Table")]
    assert {*tables} == resources("AWS::DynamoDB::Table").keys()
    top = ast.get_docstring(ast.parse((PACKAGE / "storage/table.py").read_text())) or ""
    sessions = top.partition("DirectoryTable")[0]
    kinds = {re.sub(r"<.*", "", key) for key in re.findall(r"\b[A-Z]#[a-z]*", sessions)}
    # A verification and its details are one row.
    assert tables.count("SessionsTable") == len(kinds)


def test_commands_act_as_soon_as_it_says() -> None:
    text = " ".join(read("docs/operations.md").split())
    assert f"Commands act within {CACHE_SECONDS} seconds" in text


def test_every_output_that_is_used_exists() -> None:
    text = read("docs/operations.md")
    used = set(re.findall(r"(?:\$\(|^ *)out (\w+)", text, re.M))
    assert "DomainTarget" in used and used <= template()["Outputs"].keys()


def test_every_command_of_the_cli_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "providers.json").write_text("{}")
    lines = re.findall(r"^ *\.venv/bin/verifyctl (.+)$", read("docs/operations.md"), re.M)
    assert len(lines) > 25
    for line in lines:
        build_parser().parse_args(shlex.split(line, comments=True))


def scripts(heading: str) -> list[str]:
    """The Python in the shell commands under a heading."""
    section = read("docs/operations.md").partition(f"# {heading}\n")[2].partition("\n#")[0]
    return re.findall(r"python3 -c '(import json.*?)'", section, re.S)


def test_a_report_that_failed_is_handed_over_as_it_was() -> None:
    event = {"source": "aws.sms-voice", "detail": {"eventType": "TEXT_DELIVERED"}}
    kept = {"version": "1.0", "requestContext": {}, "requestPayload": event}  # AWS, "Destinations"
    (script,) = scripts("Reports that failed")
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, input=json.dumps(kept), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == event


def test_the_waits_of_a_rotation_are_those_of_the_code() -> None:
    text = " ".join(read("docs/operations.md").split())
    assert f"after {MAX_AGE_SECONDS} seconds at most" in text
    waits = f"waits in between: {MAX_AGE_SECONDS} seconds, then another {MAX_AGE_SECONDS} and"
    assert waits in text
    assert "That is 48 hours and a second" in text and MAX_VALIDITY == 48 * 3600 + 1


def test_the_checks_of_the_doctor_are_those_of_the_page() -> None:
    assert [row[0].strip("`") for row in rows("docs/operations.md", "The doctor")] == [
        name for name, _ in CHECKS
    ]


def test_every_place_that_a_finding_names_is_there() -> None:
    headings = re.findall(r"^#+ (.+)$", read("docs/operations.md"), re.M)
    anchors = {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}
    checks = "".join(path.read_text() for path in (PACKAGE / "cli/checks").glob("*.py"))
    named = set(re.findall(r"docs/operations\.md#([a-z-]+)", checks))
    assert len(named) > 5 and named <= anchors


def test_the_policy_for_direct_invokes_is_json_that_ends_in_an_alias() -> None:
    (block,) = blocks("docs/operations.md", "json")
    assert json.loads(block)["Resource"].split(":")[-2:] == ["serverless-verify-*", "shop-k3q7m2xa"]


def test_every_function_with_a_name_can_be_reached_by_an_alias() -> None:
    functions = resources("AWS::Serverless::Function").values()
    names = (f["Properties"].get("FunctionName", {}).get("Fn::Sub", "") for f in functions)
    (loop,) = re.findall(r"for name in ([\w ]+); do", read("docs/operations.md"))
    assert {f"${{AWS::StackName}}-{name}" for name in loop.split()} == {*filter(None, names)}


def test_new_settings_are_in_use_as_soon_as_it_says_by_the_functions_it_names() -> None:
    readers = [
        name.removesuffix("Function").lower()
        for name, function in resources("AWS::Serverless::Function").items()
        if "PROVIDERS_SECRET" in function["Properties"]["Environment"]["Variables"]
    ]
    text = " ".join(read("docs/operations.md").split())
    found = re.search(r"everywhere after (\d+) seconds, .* process of ([\w, ]+) goes on", text)
    assert found and int(found[1]) == MAX_AGE_SECONDS and LOOK_AGAIN_SECONDS == 60
    assert sorted(re.split(r", | or ", found[2])) == sorted(readers)
    assert len(readers) == 8 and "One secret, read by eight functions" in read("docs/security.md")


def test_retries_that_count_begin_where_it_says() -> None:
    assert "the sixth or a later retry" in read("docs/operations.md") and _FREE_RETRIES == 5
    assert f"The first {_FREE_RETRIES} retries are free" in read("docs/providers.md")


def test_the_parameters_of_the_drop_in_apis_are_told_of() -> None:
    names = ("DomainName", "CertificateArn", "PublicUrl", "TestCode", "TrustedDeviceDays")
    assert {*names} <= template()["Parameters"].keys()
    assert [name for name in names if f"`{name}`" not in read("docs/operations.md")] == []


def test_a_device_is_revoked_again_when_no_pin_is_valid_any_more() -> None:
    assert f"revoke again\n{VALIDITY.highest // 60} minutes later" in read("docs/operations.md")


def test_the_database_of_countries_is_renewed_where_it_says() -> None:
    makefile = dict(re.findall(r"^(\w+) := (\S+)$", read("layers/countries/Makefile"), re.M))
    (view,) = re.findall(r"`npm view (\S+) version", read("docs/operations.md"))
    assert view == makefile["NAME"]
    assert {"VERSION", "SHA512"} <= makefile.keys() and "sha512-" not in makefile["SHA512"]
