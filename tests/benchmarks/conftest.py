"""Our functions and the baseline's, as built, in the world of the benchmarks."""

from collections.abc import Iterator

import pytest

from benchmarks.world import World, make_world
from tests.local.deploy import build


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    build()
    with make_world() as world:
        yield world
