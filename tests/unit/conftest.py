"""Unit tests reach nothing: no socket opens, and no AWS settings of the machine are seen."""

import os

import pytest
from hypothesis import settings
from pytest_socket import disable_socket

# No test asserts a duration: a machine is busy now and then.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")


def pytest_runtest_setup() -> None:
    disable_socket()  # pytest-socket itself takes it back after each test


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
