"""What the code logs, read as CloudWatch would read it."""

import itertools
import json
from typing import Any

import pytest
from verification.telemetry import Telemetry

_services = itertools.count()


def make_telemetry(monkeypatch: pytest.MonkeyPatch) -> Telemetry:
    """Telemetry that writes to the output captured just now (Powertools keeps one per service)."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"test-{next(_services)}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ServerlessVerify")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "DEBUG")
    return Telemetry()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
