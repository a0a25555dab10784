"""docs/operations.md has every command of the operator's program, and every option of each."""

import argparse
import re
from collections.abc import Iterator

import pytest
from verification.cli.__main__ import build_parser

from tests.docs.sources import read

COMMON = {"--help", "--json", "--stack", "--table"}


def commands(
    parser: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Each command with its parser."""
    below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not below:
        yield " ".join(words), parser
    for action in below:
        for word, one in action.choices.items():
            yield from commands(one, (*words, word))


COMMANDS = dict(commands(build_parser()))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_and_its_options_are_in_operations(command: str) -> None:
    text = read("docs/operations.md")
    lines = re.findall(rf"verifyctl {command}\b(.*)", text)
    assert lines
    shown = {option for line in lines for option in re.findall(r"--[a-z-]+", line)}
    options = {long for action in COMMANDS[command]._actions for long in action.option_strings[-1:]}
    assert options - COMMON <= shown | set(re.findall(rf"`{command} … (--[a-z-]+)", text))


def test_the_program_says_what_each_command_does() -> None:
    told = build_parser().format_help()
    for command in COMMANDS:
        assert re.search(rf"^ +{command.split()[0]} ", told, re.M), command
