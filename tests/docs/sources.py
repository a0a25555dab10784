"""The documents, and the template they are compared with."""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # it has no types

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))

# Who and what events and examples speak of; a function that is run by a test knows them.
ID, CODE, TO = "afictionalverificationtoken", "123456", "+447700900123"
IP, COOKIE = "203.0.113.7", "5f0a1c9e-0000-4000-8000-000000000001"  # RFC 5737
SERVICE, USER = "81213bfd-b690-499e-b9d2-8754cb1550e8", "5f0a1c9e-0000-4000-8000-000000000002"

type Run = Callable[[str, Any], Any]
"""Runs a function, by its folder, with an event; what it returns."""


@cache
def read(name: str) -> str:
    """A file, by its path from the root."""
    return (ROOT / name).read_text()


@cache
def template() -> dict[str, Any]:
    """template.yaml."""
    loaded: dict[str, Any] = yaml_parse(read("template.yaml"))
    return loaded


def resources(kind: str) -> dict[str, Any]:
    """The template's resources of one type."""
    return {n: r for n, r in template()["Resources"].items() if r["Type"] == kind}


def api_events() -> dict[str, set[str]]:
    """What API Gateway hands to each function: `METHOD /resource`, by the function's folder."""
    return {
        Path(function["Properties"]["CodeUri"]).name: {
            f"{e['Properties']['Method'].upper()} {e['Properties']['Path']}"
            for e in function["Properties"].get("Events", {}).values()
            if e["Type"] == "Api"
        }
        for function in resources("AWS::Serverless::Function").values()
    }


@cache
def openapi() -> dict[str, Any]:
    """docs/openapi.yaml."""
    loaded: dict[str, Any] = yaml.safe_load(read("docs/openapi.yaml"))
    return loaded


def resolved(node: Any) -> Any:
    """A part of docs/openapi.yaml with each `$ref` replaced by what it names."""
    if isinstance(node, list):
        return [resolved(part) for part in node]
    if not isinstance(node, dict):
        return node
    rest = {name: resolved(part) for name, part in node.items() if name != "$ref"}
    if "$ref" not in node:
        return rest
    target: Any = openapi()
    for name in node["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    return resolved(target) | rest


def schema(name: str) -> dict[str, Any]:
    """One of the schemas of docs/openapi.yaml, complete in itself."""
    found: dict[str, Any] = resolved(openapi()["components"]["schemas"][name])
    return found


def check_answer(route: str, answer: Mapping[str, Any]) -> None:
    """Compare an answer of a function with what docs/openapi.yaml says of `METHOD /path`."""
    method, path = route.split()
    operation = openapi()["paths"][path].get(method.lower())
    if operation is None:
        response = resolved(openapi()["components"]["responses"]["MethodNotAllowed"])
    else:
        response = resolved(operation["responses"])[str(answer["statusCode"])]
    if "content" not in response:
        assert answer["body"] == ""
        return
    kind, body = answer["headers"]["Content-Type"].partition(";")[0], answer["body"]
    value = body if kind == "text/plain" else json.loads(body)
    Draft202012Validator(response["content"][kind]["schema"]).validate(value)


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    lines = iter(read(document).splitlines())
    for line in lines:
        if re.fullmatch(rf"#+ {re.escape(heading)}", line):
            break
    else:
        raise LookupError(f"{document} has no heading {heading!r}")
    table: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            table.append([c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]])
        elif table or line.startswith("#"):
            break
    assert table, f"{document} has no table under {heading!r}"
    return table[2:]


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", read(document), re.S | re.M)


def backticked(text: str) -> list[str]:
    """All that stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


class Context:
    """What Lambda says of an invocation."""

    aws_request_id = "5f0a1c9e-0000-4000-8000-000000000001"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:verify"

    def get_remaining_time_in_millis(self) -> int:
        return 10_000
