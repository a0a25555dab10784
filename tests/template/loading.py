"""The template as data: as it is written, and after the SAM transform."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]  # it has no types
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from tests.local import ROOT

TEMPLATE_FILE = ROOT / "template.yaml"

NAME = re.compile(r"\$\{([^!}]+)\}")


def load_template(path: Path = TEMPLATE_FILE) -> dict[str, Any]:
    """A template, with intrinsic functions in their long form.

    `!Ref A`, `!GetAtt A.Arn` and `!Sub a` are read as `{"Ref": "A"}`, `{"Fn::GetAtt": ["A",
    "Arn"]}` and `{"Fn::Sub": "a"}`.
    """
    template: dict[str, Any] = yaml_parse(path.read_text())
    return template


def transform(template: dict[str, Any]) -> dict[str, Any]:
    """What CloudFormation's SAM transform makes of a template; parameters stay references."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        for code in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            # As after `sam package`: the transform knows no folders.
            resource["Properties"][code] = "s3://bucket/key"
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name="eu-west-1"))
    transformed: dict[str, Any] = translator.translate(template, parameter_values={})
    return transformed


TEMPLATE = load_template()
STACK = transform(TEMPLATE)


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of one type in the transformed template."""
    resources = STACK["Resources"]
    return {n: r.get("Properties", {}) for n, r in resources.items() if r["Type"] == kind}


FUNCTIONS = of_type("AWS::Lambda::Function")


def listed(value: Any) -> list[Any]:
    """A list, where a template may also have its one member."""
    return value if isinstance(value, list) else [value]


def references(part: Any) -> Iterator[str]:
    """The parameters, resources and pseudo parameters that a part of a template refers to."""
    if isinstance(part, list):
        for member in part:
            yield from references(member)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield value[0]
            elif key == "Fn::Sub":
                text, own = value if isinstance(value, list) else (value, {})
                named = (name.split(".")[0] for name in NAME.findall(text))
                yield from (name for name in named if name not in own)
                yield from references(own)
            else:
                yield from references(value)
