"""Figures that tests measure, printed together at the end of a run.

A test takes the fixture `figure` and says what it saw: `figure("guesses at once", "50 x 200: …")`.
The workers of xdist hand them over with the test's report, so they are printed once, in order.
"""

from collections.abc import Callable, Iterator

import pytest

_NAME = "figure"

type Figure = Callable[[str, object], None]
type Scale = Callable[[int, int], int]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="the long form of tests that have one")


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Say a figure: what was measured, and what came out."""

    def say(what: str, value: object) -> None:
        request.node.user_properties.append((_NAME, f"{what}: {value}"))

    return say


@pytest.fixture(scope="session")
def scale(pytestconfig: pytest.Config) -> Scale:
    """How much of something to do: the first number, and the second in a soak."""

    def choose(short: int, long: int) -> int:
        return long if pytestconfig.getoption("--soak") else short

    return choose


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    figures = list(_figures(terminalreporter))
    if figures:
        terminalreporter.section("figures")
        for one in figures:
            terminalreporter.write_line(one)


def _figures(reporter: pytest.TerminalReporter) -> Iterator[str]:
    for outcome in ("passed", "failed"):
        for report in reporter.stats.get(outcome, ()):
            if getattr(report, "when", "") == "call":
                yield from (text for name, text in report.user_properties if name == _NAME)
