"""The circuit: who keeps failing is passed over for a while, and gets another chance."""

import pytest
from verification.providers.circuit import Circuit

from tests.fakes.clock import SettableClock


class Tried:
    """A circuit, told what became of one provider: `x` failed, `.` did not."""

    def __init__(self, results: str = "") -> None:
        self.clock = SettableClock()
        self.circuit = Circuit(self.clock)
        self.go_on(results)

    def go_on(self, results: str) -> None:
        for result in results:
            self.circuit.note("one", failed=result == "x")

    @property
    def is_open(self) -> bool:
        return self.circuit.is_open("one")


@pytest.mark.parametrize(
    ("results", "is_open"),
    [("", False), ("xx", False), ("xxx", True), ("xx.xx", False), ("xxx.", False), ("xxxx", True)],
)
def test_three_failures_in_a_row_open_it_and_a_success_closes_it(
    results: str, is_open: bool
) -> None:
    assert Tried(results).is_open is is_open


def test_it_is_half_open_after_thirty_seconds() -> None:
    tried = Tried("xxx")
    tried.clock.advance(29.999)
    assert tried.is_open
    tried.clock.advance(0.001)
    assert not tried.is_open


@pytest.mark.parametrize(("then", "is_open"), [("x", True), (".", False), (".xx", False)])
def test_half_open_one_failure_opens_it_again_and_a_success_forgets(
    then: str, is_open: bool
) -> None:
    tried = Tried("xxx")
    tried.clock.advance(30)
    tried.go_on(then)
    assert tried.is_open is is_open


def test_each_provider_has_its_own() -> None:
    assert not Tried("xxx").circuit.is_open("two")
