"""The documents are read from this machine: no socket opens."""

from pytest_socket import disable_socket


def pytest_runtest_setup() -> None:
    disable_socket()  # pytest-socket itself takes it back after each test
