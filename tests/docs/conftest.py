"""The documents are read from this machine: no socket opens, but for a server of the test's own."""

import pytest
from pytest_socket import disable_socket, socket_allow_hosts


def pytest_runtest_setup(item: pytest.Function) -> None:
    if "httpserver" in item.fixturenames:
        socket_allow_hosts(["127.0.0.1"])
    else:
        disable_socket()  # pytest-socket itself takes it back after each test
