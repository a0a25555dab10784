"""In which order the end-to-end tests run."""

from pathlib import Path

import pytest

LAST = Path(__file__).with_name("test_whole_run.py")


@pytest.hookimpl(trylast=True)  # after pytest has put the tests that share something together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks back on all that ran comes last."""
    items.sort(key=lambda item: item.path == LAST)
