"""The second stack, which uses ours: what its function may do, and what its template needs."""

import os
import subprocess
import sys
from pathlib import Path

from tests.local import ROOT

from .loading import STACK, load_template

FILE = ROOT / "tests/signup/template.yaml"
TEMPLATE = load_template(FILE)
FUNCTION = TEMPLATE["Resources"]["SignupFunction"]["Properties"]


def test_it_invokes_two_functions_by_one_alias_and_nothing_else_of_ours() -> None:
    [policy] = FUNCTION["Policies"]
    statements = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert statements.keys() == {"VerifyAsOurClient", "ReadItsSecret", "WriteUsers"}
    invoking = statements["VerifyAsOurClient"]
    assert invoking["Action"] == "lambda:InvokeFunction"
    arn = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${VerifyStack}"
    assert [resource["Fn::Sub"] for resource in invoking["Resource"]] == [
        f"{arn}-{name}:${{VerifyClient}}" for name in ("start", "verify")
    ]


def test_what_it_imports_is_exported() -> None:
    exported = {
        output["Export"]["Name"]["Fn::Sub"].removeprefix("${AWS::StackName}")
        for output in STACK["Outputs"].values()
        if "Export" in output
    }
    [layer] = FUNCTION["Layers"]
    url = FUNCTION["Environment"]["Variables"]["VERIFY_URL"]["Fn::If"][2]
    imported = [one["Fn::ImportValue"]["Fn::Sub"] for one in (layer, url)]
    assert imported == ["${VerifyStack}-ClientLayerArn", "${VerifyStack}-ApiUrl"]
    assert {name.removeprefix("${VerifyStack}") for name in imported} <= exported


def test_cfn_lint_finds_nothing() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), FILE],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
