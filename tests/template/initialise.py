"""Run a function's INIT as the template sets it up: its own app.py, its own environment."""

import runpy
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

from verification import wiring
from verification.providers.routing import Routing

from tests.local import ROOT

from .loading import FUNCTIONS, TEMPLATE, references


class Environment(Mapping[str, str]):
    """Variables of a function that remember which of them were asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def variables(function: str, **parameters: str) -> dict[str, str]:
    """A function's variables as CloudFormation sets them.

    Args:
        parameters: values over the defaults.
    """
    found = FUNCTIONS[function]["Environment"]["Variables"]
    return {name: _resolve(value, parameters) for name, value in found.items()}


def initialise(function: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run app.py; what it defines.

    Raises:
        ConfigurationError: the settings do not do.
    """
    app = ROOT / TEMPLATE["Resources"][function]["Properties"]["CodeUri"] / "app.py"
    with patch.object(wiring, "Stack", partial(wiring.Stack, environment)):
        return runpy.run_path(str(app))


def build_providers(defined: Mapping[str, Any]) -> None:
    """Make what a function that sends makes when it first sends: its providers."""
    sender = vars(defined["stack"]).get("_sender")
    if sender:
        assert isinstance(sender.route, Routing)
        for offer in sender.route._offers.values():
            offer.build()


def _resolve(value: Any, parameters: Mapping[str, str]) -> str:
    if not isinstance(value, dict):
        return str(value)
    [name] = references(value)
    declared = TEMPLATE["Parameters"].get(name)
    # Of a resource it is a name, an ARN or a URL: for INIT any text will do.
    return parameters.get(name, str(declared["Default"]) if declared else f"made-up-{name}")
