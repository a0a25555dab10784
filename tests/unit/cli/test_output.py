"""What people see, and what programs read."""

import json
import os
import subprocess
import sys

import pytest
from verification.cli import output

from tests.fakes.operator import Operator


def test_people_see_a_table_and_programs_read_json(operator: Operator) -> None:
    client_id, _ = operator.creates("Demo", "--sender", "Shop")
    seen = operator.prints("clients", "list").splitlines()
    assert seen[0].split()[:3] == ["client", "id", "name"]
    assert seen[1].startswith(client_id) and "Shop" in seen[1]
    assert operator.runs("clients", "list")[0]["client_id"] == client_id


def test_a_secret_stands_whole_in_one_line_and_is_shown_once(operator: Operator) -> None:
    printed = operator.prints("clients", "create", "Demo")
    (line,) = [line for line in printed.splitlines() if "secret" in line]
    client_id = operator.runs("clients", "list")[0]["client_id"]
    assert len(line.split()[-1]) == 43 and client_id in printed
    assert line.split()[-1] not in operator.prints("clients", "list")


def test_what_is_below_a_word_stands_below_it(operator: Operator) -> None:
    printed = operator.prints("prices", "show")
    assert "prices" in printed and "without prices  sns sms" in printed


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        (True, "yes"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ({"a": 1, "b": None}, "a 1, b -"),
        ("a\x1b[2Jb", "a?[2Jb"),
        ("[bold]", "[bold]"),
    ],
)
def test_a_value_is_plain_and_moves_no_cursor(value: object, seen: str) -> None:
    assert output.plain(value).plain == seen


def test_an_empty_list_says_so(operator: Operator) -> None:
    assert operator.prints("clients", "list") == "none\n"
    assert operator.runs("clients", "list") == []


def test_colour_is_for_terminals_that_want_it(
    monkeypatch: pytest.MonkeyPatch, operator: Operator
) -> None:
    for name, colour in (("FORCE_COLOR", True), ("NO_COLOR", False)):
        monkeypatch.setenv(name, "1")
        assert ("\x1b[" in operator.prints("prices", "show")) is colour or name == "NO_COLOR"
    monkeypatch.delenv("FORCE_COLOR")
    assert "\x1b[" not in operator.prints("prices", "show")


def test_what_comes_one_by_one_is_a_line_of_json_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.print_answer(iter([{"a": 1}, {"a": 2}]), as_json=True, view=None)
    assert [json.loads(line)["a"] for line in capsys.readouterr().out.splitlines()] == [1, 2]
    output.print_answer(iter(["x", "y"]), as_json=False, view=None)
    assert capsys.readouterr().out == "x\ny\n"


def test_progress_is_for_a_terminal_and_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for is_terminal in (False, True):
        monkeypatch.setenv("FORCE_COLOR", "1" if is_terminal else "")
        with output.progress("Reading", 2) as done:
            done(1)
        printed = capsys.readouterr()
        assert printed.out == "" and ("Reading" in printed.err) is is_terminal


ENDLESS = """
import argparse, itertools, sys
from verification.cli import __main__ as program
asked = argparse.Namespace(command=lambda _: itertools.count(), json=True, view=None)
program.build_parser = lambda: argparse.Namespace(parse_args=lambda _: asked)
sys.exit(program.main())
"""


def test_a_reader_who_has_enough_is_no_fault() -> None:
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=path
    ) as program:
        assert program.stdout and program.stderr
        assert program.stdout.readline() == b"0\n"
        program.stdout.close()
        assert (program.wait(30), program.stderr.read()) == (141, b"")
