"""README.md: its examples are taken, its tables say what the code and the template say."""

import ast
import dataclasses
import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from verification.api.body import MAX_BODY_BYTES
from verification.api.events import Call
from verification.api.native.lookup import MAX_PAGE
from verification.api.native.start import read_start
from verification.catalogue import CLASSES
from verification.domain import policy
from verification.domain.messages import MAX_CHARACTERS, MAX_SEGMENTS
from verification.domain.routes import parse_routes
from verification.operations.start import LOOK_AFTER
from verification.storage.directory import CACHE_SECONDS
from verification.storage.secrets import MAX_AGE_SECONDS

from tests.docs.curls import Curl, curls
from tests.docs.sources import (
    backticked,
    blocks,
    openapi,
    read,
    resources,
    rows,
    schema,
    template,
)
from tests.local import up
from tests.local.stack import Stack

NATIVE = "/v1/verifications"


def call(fields: Any) -> Call:
    client = policy.Client("shop", policy.Profile("Shop"))
    return Call(client, fields, "afictionalverificationtoken", None, lambda: 10_000)


def cell(value: object) -> str:
    return f"`{value}`" if str(value) else "empty"


@pytest.mark.parametrize("curl", curls("README.md"), ids=lambda curl: f"{curl.method} {curl.path}")
def test_an_example_is_a_request_that_is_taken(curl: Curl) -> None:
    method, _, resource = curl.route.partition(" ")
    assert method.lower() in openapi()["paths"][resource]
    curl.read()
    if curl.path.startswith(NATIVE):
        assert bool(curl.data) == ("Content-Type" in curl.headers)


def test_every_operation_and_every_drop_in_api_has_an_example() -> None:
    native = [curl for curl in curls("README.md") if curl.path.startswith(NATIVE)]
    others = [curl.route for curl in curls("README.md") if curl not in native]
    assert len(native) == 8
    assert others == [
        *("POST /verify/start", "POST /verify/pin"),
        *("POST /verify", "GET /verify/{id}"),
        "POST /v1/service/service",
    ]


@pytest.mark.parametrize("document", ["README.md", "docs/migrating.md"])
def test_make_env_sets_what_the_lines_use(
    document: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts: dict[str, Any] = {field.name: field.name for field in dataclasses.fields(Stack)}
    monkeypatch.setattr(up, "load", lambda _: Stack(**facts))
    monkeypatch.setattr(up, "running_emulator", lambda: True)
    up.exports()
    exported = set(re.findall(r"^export (\w+)=", capsys.readouterr().out, re.M))
    fenced = "".join(re.findall(r"^ *```sh\n(.*?)^ *```", read(document), re.S | re.M))
    promised = set(re.findall(r"[A-Z_]{3,}", "".join(re.findall(r"make -s env.*?# (.+)", fenced))))
    used = set(re.findall(r"\$([A-Z_]+)", fenced)) | set(
        re.findall(r"`\$([A-Z_]+)`", read(document))
    )
    here = set(re.findall(r"^ *([A-Z_]+)=", fenced, re.M)) | {"ID"}  # of an answer
    assert "API" in promised <= exported
    assert used - here <= exported


def test_a_send_again_waits_as_long_as_it_says() -> None:
    line = f"# {policy.RESEND_INTERVAL} seconds after the last message at the soonest, else 429:\n"
    assert f"{line}curl -X POST" in read("README.md")


def test_the_starts_of_ten_minutes_are_those_of_the_limit() -> None:
    assert template()["Parameters"]["SendLimits"]["Default"] == "5/10m 10/24h"
    text = " ".join(read("README.md").split())
    assert "5 messages in 10 minutes and 10 a day (`SendLimits`)" in text


def test_every_answer_shown_looks_as_it_is_written() -> None:
    kinds = []
    for block in blocks("README.md", "json"):
        value = json.loads(block)
        kind = "Verdict" if "valid" in value else "Problem" if "code" in value else "Verification"
        Draft202012Validator(schema(kind)).validate(value)
        kinds.append(kind)
    assert kinds == ["Verification", "Verdict", "Problem"]


def test_the_direct_invoke_sends_a_payload_that_is_taken() -> None:
    (block,) = blocks("README.md", "python")
    (payload,) = (
        ast.literal_eval(node.args[0])
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "json.dumps"
    )
    assert read_start(call(payload)).to.value == "+447700900123"


def test_the_settings_are_the_parameters_of_the_template() -> None:
    written = [row[:2] for row in rows("README.md", "Settings")]
    parameters = template()["Parameters"].items()
    assert written == [[f"`{name}`", cell(p["Default"])] for name, p in parameters]
    assert all(row[2] for row in rows("README.md", "Settings"))


def test_the_limits_of_a_request_are_those_of_the_code() -> None:
    written = {row[0].strip("`"): row[1:3] for row in rows("README.md", "Limits")}
    bounds = {
        "code_length": policy.CODE_LENGTH,
        "validity": policy.VALIDITY,
        "max_attempts": policy.MAX_ATTEMPTS,
        "max_sends": policy.MAX_SENDS,
        "resend_after": policy.RESEND_AFTER,
    }
    assert written == {
        name: ["off" if name == "resend_after" else str(b.default), f"{b.lowest}–{b.highest}"]
        for name, b in bounds.items()
    }


def test_the_limits_for_all_are_those_of_the_code() -> None:
    assert rows("README.md", "Limits for all") == [
        ["Seconds between two asked-for sends", str(policy.RESEND_INTERVAL)],
        ["Automatic sends of a verification without `channels`", str(policy.AUTOMATIC_SENDS)],
        ["Bytes of a body", str(MAX_BODY_BYTES)],
        ["Verifications on a page", str(MAX_PAGE)],
        ["Characters of a template", str(MAX_CHARACTERS)],
        ["SMS segments of a message", str(MAX_SEGMENTS)],
        ["Seconds until a revoked client is shut out", str(CACHE_SECONDS)],
        ["Messages of one send that may be out without anybody's word", str(policy.MAX_DOUBTS)],
        [
            "Seconds until a new code key, or a provider's new settings, are in use everywhere",
            str(MAX_AGE_SECONDS),
        ],
    ]


def test_the_cost_adds_up() -> None:
    table = rows("README.md", "What 1,000 verifications cost")
    costs = {row[0]: row[3] for row in table}
    services = [row[0] for row in table if re.fullmatch(r"0\.\d{4}", row[3])]
    assert len(services) == 6
    assert f"**{sum(float(costs[name]) for name in services):.2f}**" == costs["**Together**"]


def test_the_cost_counts_the_alarms_of_the_template() -> None:
    words = {12: "twelve", 13: "thirteen", 14: "fourteen"}
    alarms = len(resources("AWS::CloudWatch::Alarm"))
    assert f"{words[alarms]} alarms ({alarms * 0.10:.2f})" in read("README.md")


def test_the_cost_counts_the_secrets_of_the_template() -> None:
    words = {2: "two", 3: "three", 4: "four"}
    secrets = len(resources("AWS::SecretsManager::Secret"))
    assert f"{words[secrets]} secrets ({secrets * 0.40:.2f})" in read("README.md")


def test_the_providers_are_those_of_the_catalogue() -> None:
    named = {name for row in rows("README.md", "Providers") for name in backticked(row[0])}
    assert named == CLASSES.keys() - {"sandbox"}


def test_the_routes_shown_can_be_read() -> None:
    (text,) = re.findall(r"^```\n(sms=.+)\n```", read("README.md"), re.M)
    shown = parse_routes(text, {"EE": 372}.get)
    assert shown.names <= CLASSES.keys() and len(shown.rules) == 5


def test_the_starts_of_a_day_are_those_of_the_guess_budgets() -> None:
    parameters = template()["Parameters"]
    found = re.search(r"\(`GuessLimits` (\d+) a day, `max_attempts` (\d+)\)", read("README.md"))
    assert found and f"{found[1]}/24h" == parameters["GuessLimits"]["Default"]
    assert int(found[2]) == policy.MAX_ATTEMPTS.default
    assert int(found[1]) // int(found[2]) == 10 and "start ten verifications" in read("README.md")
    short = int(parameters["ShortCodeGuessLimits"]["Default"].removesuffix("/24h"))
    assert short // int(found[2]) == 4 and "and four (`ShortCodeGuessLimits`)" in read("README.md")


def test_the_diagram_says_when_the_queue_looks() -> None:
    assert f"look at this send in {LOOK_AFTER} s" in read("README.md")


def test_the_cost_counts_a_transaction_of_as_many_items_as_there_are_limits() -> None:
    parameters = template()["Parameters"]
    limits = [parameters[name]["Default"].split() for name in ("SendLimits", "GuessLimits")]
    items = 1 + sum(len(rules) for rules in limits)
    units = 2 * items + 3  # the index, the record of the send, the guess
    (counted,) = (
        row[1] for row in rows("README.md", "What 1,000 verifications cost") if "writes" in row[0]
    )
    assert counted.startswith(f"{units} units: a transaction of {items} items ({2 * items})")
    short = parameters["ShortCodeGuessLimits"]["Default"].split()
    assert len(short) == 1 and "count against one limit more" in read("README.md")
