"""Settings of providers: checked wherever they are, put when they are right."""

import json
from pathlib import Path

import pytest

from tests.fakes.operator import Operator

PASSWORD = "the-password-of-ours"
OWN = {"messente": {"username": "ours", "password": PASSWORD}, "aws-sms": {}}


def test_the_providers_settings_are_checked_where_they_are_or_in_a_file(
    operator: Operator, tmp_path: Path
) -> None:
    operator.secret.text = json.dumps(OWN)
    assert operator.runs("providers", "check") == {"ok": ["aws-sms", "messente"]}
    file = tmp_path / "providers.json"
    file.write_text("{}")
    assert operator.runs("providers", "check", "--file", str(file)) == {"ok": []}
    assert operator.secret.reads == 1


def test_the_providers_that_routes_name_need_settings_too(
    operator: Operator, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text('{"aws-sms": {}}')
    operator.secret.text = "{}"
    operator.stacks.parameters["Routes"] = "sms=aws-sms,messagebird,sns; email=ses"
    for command in (("check",), ("put", str(empty))):
        said = operator.fails("providers", *command)
        assert said == "messagebird.access_key: Field required"
    assert operator.secret.text == "{}"


def test_right_settings_of_providers_are_put_as_they_are(
    operator: Operator, tmp_path: Path
) -> None:
    file = tmp_path / "providers.json"
    file.write_text(json.dumps(OWN, indent=3))
    printed = operator.runs("providers", "put", str(file))
    assert printed == {"put": ["aws-sms", "messente"], "secret": "providers"}
    assert operator.secret.text == file.read_text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json " + PASSWORD, ["The providers' settings must be a JSON object by provider."]),
        (f'["{PASSWORD}"]', ["The providers' settings must be a JSON object by provider."]),
        (
            json.dumps({"messente": {"user": PASSWORD}, "fax": {"password": PASSWORD}}),
            [
                "messente.username: Field required",
                "messente.password: Field required",
                "messente.user: Extra inputs are not permitted",
                "fax: there is no provider of this name that has settings",
            ],
        ),
    ],
)
def test_wrong_settings_of_providers_are_named_not_quoted_and_not_put(
    operator: Operator, tmp_path: Path, text: str, says: list[str]
) -> None:
    file = tmp_path / "providers.json"
    file.write_text(text)
    for command in (("check", "--file", str(file)), ("put", str(file))):
        said = operator.fails("providers", *command, sentences=len(says))
        assert said.splitlines() == says
    assert operator.secret.text == "{}"


def test_a_file_that_is_not_there_is_one_sentence(operator: Operator) -> None:
    assert "nowhere.json" in operator.fails("providers", "put", "nowhere.json")
