"""The AWS emulator (ministack): started clean, with IAM enforced, listening on 127.0.0.1 only.

How functions reach it: it gives each one AWS_ENDPOINT_URL, AWS_REGION and keys of the function's
own role. It runs them in this virtual environment, with the environment it was started with.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests

from tests.local import LocalError
from tests.local.processes import Process, is_free, spawn, wait_until

REGION = "eu-west-1"
# Root of the emulator's only account: what a developer's own keys are on AWS.
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(frozen=True)
class Emulator:
    """A running emulator."""

    process: Process
    port: int

    @property
    def url(self) -> str:
        """Where every service of it is reached."""
        return f"http://127.0.0.1:{self.port}"


def aws(endpoint_url: str, service: Any) -> Any:  # boto3's stubs know services by literal names
    """A boto3 client for one of the emulator's services, or for DynamoDB Local."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=endpoint_url,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


def start(directory: Path, port: int, environment: Mapping[str, str] | None = None) -> Emulator:
    """Start an emulator that keeps its files in `directory`, and wait until it serves.

    `environment` is passed on to it, and by it to every function.
    """
    if not is_free(port):
        raise LocalError(f"Port {port} is taken by another program.")
    home, temporary, state = (directory / name for name in ("home", "tmp", "state"))
    for folder in (home, temporary, state):
        folder.mkdir(parents=True, exist_ok=True)
    log = directory / "emulator.log"
    # Nothing of the user's environment: functions inherit it, AWS_PROFILE and the like included.
    clean = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "STATE_DIR": str(state),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "AUTH": "true",  # enforce IAM
        "IOT_MTLS_ENABLED": "0",  # these two would each take a fixed port
        "SFTP_ENABLED": "0",
    }
    process = spawn(
        [sys.executable, "-m", "ministack"], directory, clean | dict(environment or {}), log
    )
    emulator = Emulator(process, port)
    try:
        wait_until(lambda: healthy(emulator.url), process, "The AWS emulator", log)
    except BaseException:
        process.stop()
        raise
    return emulator


def healthy(url: str) -> bool:
    """Whether an emulator that enforces IAM answers there."""
    try:
        answer = requests.get(f"{url}/_ministack/health", timeout=5)
    except requests.RequestException:
        return False
    return answer.ok and answer.json().get("auth") == "enabled"
