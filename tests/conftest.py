"""What tests run against: real engines and the deployed stack, each started once and stopped."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.vendors import Vendors
from tests.local import dynamodb_local as dynamodb_local_server
from tests.local import emulator as emulator_server
from tests.local.deploy import build, deploy
from tests.local.emulator import REGION, aws
from tests.local.processes import free_port
from tests.local.stack import Stack, connect, create_client, wait_until_healthy

pytest_plugins = ["tests.figures"]

TEST_DESTINATION = "+12025550100=123456@2099-12-31"
# To most places by what the emulator has; each other way of sending has a country of its own.
ROUTES = (
    "sms=sns; sms:DK=aws-notify; sms:EE=messente,messagebird; sms:FI=aws-sms,sns; "
    "sms:LT=messagebird-verify; sms:LV=messente-verify; sms:SE=webhook; voice=sandbox; email=ses"
)
MEMORY = 4 << 30  # bytes, for the layers of some dozens of processes
# Where SNS logs the SMS that it sent, and those that it could not.
SNS_LOGS = [
    f"sns/{REGION}/000000000000/DirectPublishToPhoneNumber{end}" for end in ("", "/Failure")
]


@pytest.fixture(scope="session")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of Amazon's DynamoDB Local."""
    server = dynamodb_local_server.start(tmp_path_factory.mktemp("dynamodb-local"))
    yield server.url
    server.process.stop()


@pytest.fixture(scope="session")
def all_vendors() -> Iterator[Vendors]:
    """The vendors' servers."""
    vendors = Vendors()
    yield vendors
    vendors.close()


@pytest.fixture
def vendors(all_vendors: Vendors) -> Iterator[Vendors]:
    """The vendors' servers, all well again after the test."""
    yield all_vendors
    all_vendors.recover()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory, all_vendors: Vendors) -> Iterator[str]:
    """The URL of an AWS emulator that enforces IAM."""
    folder = tmp_path_factory.mktemp("emulator")
    with quick_folder(folder) as temporary:
        environment = all_vendors.environment | {"TMPDIR": str(temporary)}
        server = emulator_server.start(folder, free_port(), environment)
        yield server.url
        server.process.stop()


@contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """A folder in memory if there is room: each process of a function has its layers unpacked."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > MEMORY:
        with tempfile.TemporaryDirectory(dir=memory, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        yield otherwise


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with the built template, functions and layers."""
    return build()


@pytest.fixture(scope="session")
def stack(emulator: str, built: Path, all_vendors: Vendors) -> Stack:
    """The real template, deployed in the emulator, with a client, and settings of the vendors."""
    parameters = {
        "TestDestinations": TEST_DESTINATION,
        "TrustedDeviceDays": "30",
        "Routes": ROUTES,
        "SnsDeliveryLogs": "true",
    }
    for group in SNS_LOGS:
        aws(emulator, "logs").create_log_group(logGroupName=group)
    outputs = deploy(emulator, built, parameters=parameters)
    client = create_client(emulator, outputs["DirectoryTableName"], "Tests")
    deployed = connect(emulator, outputs, client)
    wait_until_healthy(deployed)
    deployed.configure_providers(all_vendors.settings)
    # Tests of webhooks alone need them: all others would wait for what nobody asked for.
    deployed.post_to_webhooks(enabled=False)
    return deployed
