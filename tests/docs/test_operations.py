"""docs/operations.md: its tables name what the code logs and counts, its commands work."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from verification.api.dialects.messente.start import VALIDITY
from verification.cli.__main__ import build_parser
from verification.domain.destination import Destination
from verification.domain.guard import Kind, Suspicion, Window
from verification.domain.identifiers import VerificationId
from verification.domain.limits import Budget, LimitName, parse_limits
from verification.domain.report import Report
from verification.domain.verification import (
    Channel,
    Delivery,
    Outcome,
    Reason,
    Send,
    Try,
    Verdict,
)
from verification.errors import ProviderRefused
from verification.operations.resend import _FREE_RETRIES
from verification.providers.sandbox import KEEP_SECONDS
from verification.storage.directory import CACHE_SECONDS
from verification.storage.secrets import LOOK_AGAIN_SECONDS, MAX_AGE_SECONDS, StoredCodeKeys
from verification.storage.tallies import _KEPT_SECONDS
from verification.telemetry import Telemetry

from tests.docs.sources import ROOT, backticked, blocks, read, resources, rows, template
from tests.fakes.samples import make_verification

PACKAGE = ROOT / "layers/verification/python/verification"
VERIFICATION = make_verification(
    token="fictionalverificationtoken",
    created_at=1,
    valid_until=2,
    expires_at=3,
    sent_at=1,
    lease_until=1,
    to="+447700900123",
    country="GB",
)
LEVELS = {"_log": "INFO", "info": "INFO", "warn": "WARNING", "crashed": "ERROR"}


def test_the_metrics_are_those_that_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Docs")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "verification")
    telemetry = Telemetry()
    telemetry.started(VERIFICATION)
    tries = tuple(Try("sns", Channel.SMS, outcome, 1) for outcome in Outcome)
    telemetry.sent(VERIFICATION, Send(1, 1, Outcome.ACCEPTED, tries))
    telemetry.verifier_failed(VERIFICATION, ProviderRefused("verigator", "http_401"))
    for delivery in (Delivery.DELIVERED, Delivery.UNDELIVERED):
        telemetry.reported(VERIFICATION.token, Report("messente", delivery))
    telemetry.judged(VERIFICATION, Verdict(True))
    telemetry.judged(VERIFICATION, Verdict(False, Reason.INCORRECT))
    telemetry.canceled(VerificationId("a", VERIFICATION.token))
    telemetry.trusted("shop", Destination("+447700900123", "GB"))
    telemetry.suspected(VERIFICATION, [Suspicion.NUMBER_RUN], blocked=False)
    telemetry.limited(LimitName.IP_STARTS)
    (limit,) = parse_limits(LimitName.CLIENT_MESSAGES, "10/24h")
    telemetry.budget_nearly_spent(Budget(limit, "shop", 1, 8, 10))
    telemetry.crashed("request_crashed", ValueError())
    counted = set()
    for line in capsys.readouterr().out.splitlines():
        for directive in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", ()):
            (dimensions,), (metric,) = directive["Dimensions"], directive["Metrics"]
            counted.add((metric["Name"], frozenset(dimensions)))
    table = rows("docs/operations.md", "Metrics")
    written = [(row[0].strip("`"), frozenset({*backticked(row[1]), "service"})) for row in table]
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


def test_a_batch_is_given_up_after_as_many_tries_as_it_says() -> None:
    tries = template()["Resources"]["TallyFromStream"]["Properties"]["MaximumRetryAttempts"]
    assert read("docs/operations.md").count(f"after {tries} tries") == 2


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
    assert kept["messages of the queue"][2] == f"{queues.pop('ResendQueue')} days"
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
    text = read("docs/operations.md").replace(
        "${name}FunctionArn", "StartFunctionArn) $(out VerifyFunctionArn"
    )
    used = set(re.findall(r"(?:\$\(|^ *)out (\w+)", text, re.M))
    assert "DomainTarget" in used and used <= template()["Outputs"].keys()


def test_every_command_of_the_cli_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "providers.json").write_text("{}")
    lines = re.findall(
        r"^ *\.venv/bin/python -m verification\.cli (.+)$", read("docs/operations.md"), re.M
    )
    assert len(lines) > 25
    for line in lines:
        build_parser().parse_args(shlex.split(line, comments=True))


def scripts(heading: str) -> list[str]:
    """The Python in the shell commands under a heading."""
    section = read("docs/operations.md").partition(f"# {heading}\n")[2].partition("\n#")[0]
    return re.findall(r"python3 -c '(import json.*?)'", section, re.S)


class Secrets:
    """Secrets Manager with one secret."""

    def __init__(self, text: str) -> None:
        self.text = text

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": self.text}


def test_the_steps_of_a_rotation_leave_a_secret_that_the_code_takes() -> None:
    text = json.dumps({"newest": "a", "a": "x" * 64})
    found = []
    for script in scripts("Rotating the code keys"):
        script = script.replace("\n   ", "\n")  # the list item's indent
        done = subprocess.run(
            [sys.executable, "-c", script], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
        keys = StoredCodeKeys(Secrets(text), "code-keys", lambda: 0)
        newest, _ = keys.newest()
        found.append((newest, keys.get("a") is not None, keys.get("b") is not None))
    assert found == [("a", True, True), ("b", True, True), ("b", False, True)]


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
    text = read("docs/operations.md")
    assert f"after {MAX_AGE_SECONDS} seconds at most" in text
    assert text.count("Wait 5 minutes") == 2 and MAX_AGE_SECONDS == 5 * 60


def test_the_policy_for_direct_invokes_is_json_that_ends_in_an_alias() -> None:
    (block,) = blocks("docs/operations.md", "json")
    assert json.loads(block)["Resource"].split(":")[-2:] == ["serverless-verify-*", "shop-k3q7m2xa"]


def test_every_function_can_be_reached_by_an_alias() -> None:
    functions = {name.removesuffix("Function") for name in resources("AWS::Serverless::Function")}
    (loop,) = re.findall(r"for name in ([\w ]+); do", read("docs/operations.md"))
    # Those that take events of AWS, or of browsers and vendors' clients, alone.
    others = {"Reports", "Page", "Messente", "MessageBird", "Verigator", "Tally"}
    assert {*loop.split()} == functions - others


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
