"""The documents, and the template they are compared with."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]  # it has no types
from verification.errors import ServiceError

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))

# Who and what events and examples speak of; a function that is run by a test knows them.
ID, CODE, TO = "afictionalverificationtoken", "123456", "+447700900123"
VOICE_ID, EMAIL_ID = "afictionalverificationvoice", "afictionalverificationemail"
IP, COOKIE = "203.0.113.7", "5f0a1c9e-0000-4000-8000-000000000001"  # RFC 5737
RETURN_URL = "https://shop.example.com/back?order=1042"
PAGE = f"{ID}-1799999940000-ntiy4f2gx6dy7ztndsmoljzm4u"  # the address of its page
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


METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"
VENDORS = ("messente", "messagebird", "verigator")  # the tags of their APIs' operations


def _below(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for one in error.__subclasses__():
        yield one
        yield from _below(one)


ERRORS = {error.code: error for error in _below(ServiceError)}


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


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each operation with its method and path."""
    for path, item in openapi()["paths"].items():
        yield from ((method.upper(), path, item[method]) for method in METHODS if method in item)


def examples(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each example with the schema of its place."""
    if isinstance(node, dict):
        for example in node.get("examples", {}).values() if "schema" in node else ():
            yield node["schema"], example["value"]
        for part in node.values():
            yield from examples(part)


def plain(written: dict[str, Any]) -> dict[str, Any]:
    """A field's schema without its prose, None set apart as `nullable`."""
    found = {n: v for n, v in written.items() if n not in ("description", "title", "example")}
    if "items" in found:
        found["items"] = plain(found["items"])
    if "properties" in found:
        found["properties"] = {name: plain(part) for name, part in found["properties"].items()}
    if isinstance(found.get("type"), list):
        found["type"] = next(kind for kind in found["type"] if kind != "null")
        found["nullable"] = True
    if None in found.get("enum", ()):
        found["enum"] = [value for value in found["enum"] if value is not None]
    return found


def of_model(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The fields of a model, as plain() gives those of the document."""
    whole = model.model_json_schema()
    by_name = {field.alias or name: field for name, field in model.model_fields.items()}
    fields = {}
    for name, written in whole["properties"].items():
        variants = written.pop("anyOf", [])
        for part in (written, *variants):
            if "$ref" in part:
                written |= whole["$defs"][part["$ref"].rpartition("/")[2]]
            elif part.get("type") != "null":
                written |= part
        if "$ref" in written.get("items", {}):
            written["items"] = whole["$defs"][written["items"]["$ref"].rpartition("/")[2]]
        written.pop("$ref", None)
        if {"type": "null"} in variants:
            written["nullable"] = True
            if written["default"] is None:
                del written["default"]
        # Behind a validator of ours, pydantic keeps a pattern out of its JSON schema.
        for rule in by_name[name].metadata:
            if getattr(rule, "pattern", None):
                written["pattern"] = rule.pattern
        fields[name] = plain(written)
    return fields


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
    value = body if kind.startswith("text/") else json.loads(body)
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
