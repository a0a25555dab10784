"""The functions' own app.py, set up by the template, with memory in place of AWS."""

import os
import runpy
from collections.abc import Callable
from typing import Any

import pytest
from verification import wiring
from verification.api.events import Clients
from verification.operations.totp import Enrol

from tests.local import ROOT
from tests.template.initialise import variables

from .keys import identity_key
from .services import InMemoryServices
from .stack import FakeStack

CODE = "123456"  # verifies what is started with a key for tests, and all that an app ever shows

_NAMES = {"messagebird": "MessageBird"}  # in the template, where not as the folder's


def load(
    function: str,
    stack: FakeStack,
    clients: Clients,
    services: InMemoryServices,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Any, Any], Any]:
    """A function's handler.

    Args:
        function: its folder.
    """
    environment = variables(f"{_NAMES.get(function, function.title())}Function", TestCode=CODE)
    for name in ("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"):
        monkeypatch.setenv(name, environment[name])
    monkeypatch.setattr(wiring, "clock", stack.clock)
    wired = _wire(stack, environment, clients, services)
    with monkeypatch.context() as patched:
        patched.setattr(wiring, "Stack", lambda: wired)
        app = runpy.run_path(str(ROOT / f"functions/{function}/app.py"))
    handler: Callable[[Any, Any], Any] = app["handler"]
    return handler


def _wire(
    stack: FakeStack, environment: dict[str, str], clients: Clients, services: InMemoryServices
) -> wiring.Stack:
    """The real wiring, with the parts that reach out replaced."""
    wired = wiring.Stack(environment)
    vars(wired).update(
        _directory=clients,
        _verifications=stack.verifications,
        _code_keys=stack.code_keys,
        _identity_key=identity_key,
        _watches=stack.watches,
        _sender=stack.sender,
        _charging=stack.charging,
        _tallies=stack.tallies,
        _tally=lambda: stack.tally,
        _catalogue=stack.providers,
        _services=services,
        _apps=services,
        trusted_devices=lambda: stack.trusted_devices,
        # The app of these users always shows the same code.
        enrol=lambda: Enrol(
            services, services, identity_key, lambda seed, step: CODE, stack.clock, os.urandom
        ),
    )
    return wired
