"""Each thing that checkov asks for is answered with a reason, on a line that belongs to it.

`make audit` has checkov itself; here a program stands in that prints what checkov would.
"""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.audit import template
from tests.audit.template import Answer, Finding, compare, read_answers, read_answers_for_all
from tests.figures import Figure
from tests.local import LocalError
from tests.template.loading import STACK, TEMPLATE

WISH = Finding("CKV_AWS_28", "SessionsTable", "Ensure there is a backup")
RESOURCES = len(STACK["Resources"])

WRITTEN = """\
Resources:
  Queue:
    Type: AWS::SQS::Queue # checkov:skip=CKV_AWS_27: it is encrypted
  # A comment, between them.
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: x # checkov:skip=CKV2_AWS_1:
"""


@pytest.mark.parametrize("answer", template.answers(), ids=lambda a: f"{a.check} {a.resource}")
def test_an_answer_has_a_reason_and_its_resource_exists(answer: Answer) -> None:
    assert len(answer.why.split()) >= 5, answer
    assert answer.resource is None or answer.resource in TEMPLATE["Resources"]


def test_answers_are_counted(figure: Figure) -> None:
    alone = [answer for answer in template.answers() if answer.resource]
    for_all = len(template.answers()) - len(alone)
    figure("suppressions of checkov", f"{len(alone)} on a resource, {for_all} for all of a kind")
    assert alone and for_all


def test_an_answer_belongs_to_the_resource_it_stands_in() -> None:
    assert list(read_answers(WRITTEN)) == [
        Answer("CKV_AWS_27", "Queue", "it is encrypted"),
        Answer("CKV2_AWS_1", "Topic", ""),
    ]


def test_an_answer_for_all_is_a_line_of_the_settings() -> None:
    settings = "skip-check:\n  - CKV_AWS_27 # it is encrypted\n  - CKV_AWS_115\n"
    assert list(read_answers_for_all(settings)) == [
        Answer("CKV_AWS_27", None, "it is encrypted"),
        Answer("CKV_AWS_115", None, ""),
    ]


@pytest.mark.parametrize(
    ("answered", "wrong"),
    [
        ([Answer(WISH.check, WISH.resource, "")], []),
        ([Answer(WISH.check, None, "")], []),
        ([], [f"SessionsTable: {WISH.check} asks: {WISH.wish}"]),
        (
            [Answer(WISH.check, "DirectoryTable", "")],
            [
                f"SessionsTable: {WISH.check} asks: {WISH.wish}",
                f"DirectoryTable: {WISH.check} asks for nothing now",
            ],
        ),
        (
            [Answer(WISH.check, None, ""), Answer("CKV_AWS_1", None, "")],
            [".checkov.yaml: CKV_AWS_1 asks for nothing now"],
        ),
    ],
    ids=["there", "for all", "none", "elsewhere", "needless"],
)
def test_findings_want_answers_and_answers_want_findings(
    answered: list[Answer], wrong: list[str]
) -> None:
    assert compare([WISH], answered) == wrong


def test_checkov_sees_the_stack_as_aws_gets_it() -> None:
    stack = template.deployed()
    assert stack["Resources"].keys() == STACK["Resources"].keys()
    assert '"Fn::If"' not in json.dumps(stack)
    assert not [name for name, one in stack["Resources"].items() if "Condition" in one]
    log = stack["Resources"]["ApiStage"]["Properties"]["AccessLogSetting"]
    assert log["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}


def test_what_sam_makes_is_known_by_what_it_is_made_of() -> None:
    assert {template.origin(made) for made in STACK["Resources"]} == TEMPLATE["Resources"].keys()


@pytest.mark.parametrize(
    ("made", "origin"),
    [("StartFunctionRole", "StartFunction"), ("ApiStage", "Api"), ("ReportsApi", "ReportsApi")],
)
def test_the_resource_with_the_longest_name_is_the_origin(made: str, origin: str) -> None:
    assert template.origin(made) == origin


@pytest.fixture
def checkov(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in checkov's place; the test writes it."""
    program = tmp_path / "checkov"
    program.touch(stat.S_IRWXU)
    monkeypatch.setattr(template, "CHECKOV", program)
    return program


def report(resources: int) -> dict[str, Any]:
    failed = {
        "check_id": WISH.check,
        "check_name": WISH.wish,
        "resource": f"AWS::DynamoDB::Table.{WISH.resource}",
    }
    return {"summary": {"resource_count": resources}, "results": {"failed_checks": [failed] * 2}}


def test_what_checkov_says_of_one_resource_twice_is_one_finding(checkov: Path) -> None:
    checkov.write_text(f"#!/bin/sh\necho '{json.dumps(report(RESOURCES))}'\n")
    assert template.findings() == [WISH]
    wrong = template.audit()
    assert "SessionsTable: CKV_AWS_28 asks: Ensure there is a backup" not in wrong  # answered
    assert ".checkov.yaml: CKV_AWS_117 asks for nothing now" in wrong


@pytest.mark.parametrize(
    "script",
    ["echo '{}'; exit 2", f"echo '{json.dumps(report(RESOURCES - 1))}'"],
    ids=["fails", "sees too little"],
)
def test_a_checkov_that_did_not_look_is_no_success(checkov: Path, script: str) -> None:
    checkov.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(LocalError, match="checkov"):
        template.audit()
