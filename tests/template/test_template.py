"""The template as a whole: outputs, size, and what AWS's own tools say of it."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.local import ROOT

from .loading import STACK, TEMPLATE_FILE, of_type

OUTPUTS = STACK["Outputs"]

MAX_BYTES = (
    1_000_000  # CloudFormation's bound for a template from a bucket, as `sam deploy` does it
)
MAX_RESOURCES = 500  # and for what the transform makes of it
MAX_POLICY = 20_480  # bytes; Lambda's bound for who may call a function
A_PERMISSION = 480  # bytes of it, with long names

EXPORTED = {
    "ApiUrl": {
        "Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}",
    },
    "StartFunctionArn": {"Fn::GetAtt": ["StartFunction", "Arn"]},
    "VerifyFunctionArn": {"Fn::GetAtt": ["VerifyFunction", "Arn"]},
    "LookupFunctionArn": {"Fn::GetAtt": ["LookupFunction", "Arn"]},
    "DeleteFunctionArn": {"Fn::GetAtt": ["DeleteFunction", "Arn"]},
    "ResendFunctionArn": {"Fn::GetAtt": ["ResendFunction", "Arn"]},
    "SessionsTableName": {"Ref": "SessionsTable"},
    "DirectoryTableName": {"Ref": "DirectoryTable"},
}
TOOLS = {
    "cfn-lint": ["template.yaml"],
    "sam": ["validate", "--lint", "--region", "us-east-1"],
}


@pytest.mark.parametrize("name", EXPORTED)
def test_other_stacks_can_import(name: str) -> None:
    assert OUTPUTS[name]["Value"] == EXPORTED[name]
    assert OUTPUTS[name]["Export"] == {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}}


def test_other_stacks_can_import_the_layers() -> None:
    layers = [OUTPUTS[f"{name}LayerArn"] for name in ("Client", "Dependencies", "Verification")]
    assert {layer["Value"]["Ref"] for layer in layers} == {
        name for name in of_type("AWS::Lambda::LayerVersion") if not name.startswith("Countries")
    }
    assert [layer["Export"]["Name"]["Fn::Sub"] for layer in layers] == [
        "${AWS::StackName}-ClientLayerArn",
        "${AWS::StackName}-DependenciesLayerArn",
        "${AWS::StackName}-VerificationLayerArn",
    ]


def test_cloudformation_and_lambda_take_a_template_of_this_size() -> None:
    assert TEMPLATE_FILE.stat().st_size < MAX_BYTES
    assert len(STACK["Resources"]) < MAX_RESOURCES
    callers = Counter(
        permission["FunctionName"]["Ref"]
        for permission in of_type("AWS::Lambda::Permission").values()
    )
    assert max(callers.values()) * A_PERMISSION < MAX_POLICY, callers


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tools_of_aws_find_nothing(tool: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name(tool), *TOOLS[tool]],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
