"""What tests run against: real engines and the deployed stack, each started once and stopped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local import dynamodb_local as dynamodb_local_server
from tests.local import emulator as emulator_server
from tests.local.deploy import build, deploy
from tests.local.processes import free_port
from tests.local.stack import Stack, connect, create_client, wait_until_healthy

TEST_DESTINATION = "+12025550100=123456@2099-12-31"


@pytest.fixture(scope="session")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of Amazon's DynamoDB Local."""
    server = dynamodb_local_server.start(tmp_path_factory.mktemp("dynamodb-local"))
    yield server.url
    server.process.stop()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an AWS emulator that enforces IAM."""
    server = emulator_server.start(tmp_path_factory.mktemp("emulator"), free_port())
    yield server.url
    server.process.stop()


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with the built template, functions and layers."""
    return build()


@pytest.fixture(scope="session")
def stack(emulator: str, built: Path) -> Stack:
    """The real template, deployed in the emulator, with a client."""
    outputs = deploy(emulator, built, parameters={"TestDestinations": TEST_DESTINATION})
    client = create_client(emulator, outputs["DirectoryTableName"], "Tests")
    deployed = connect(emulator, outputs, client)
    wait_until_healthy(deployed)
    return deployed
