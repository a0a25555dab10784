"""Run a function's INIT as the template sets it up: its own app.py, its own environment."""

import runpy
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

from verification import wiring
from verification.storage.secrets import StoredProviderSettings

from tests.fakes.secrets import FakeSecretsManager
from tests.local import ROOT

from .loading import FUNCTIONS, NAME, STACK, TEMPLATE

# What the providers' secret holds, where a provider needs it.
PROVIDER_SETTINGS = {
    name: {"username": "made-up", "password": "made-up"} for name in ("messente", "messente-verify")
}


class Environment(Mapping[str, str]):
    """Variables of a function that remember which of them were asked for."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._variables[name]

    def __contains__(self, name: object) -> bool:  # Mapping's own would ask for it
        return name in self._variables

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
    """Make what a function makes when it first needs it: all its providers.

    Those of its routes when it sends; else, when it knows the providers' secret, a verifier.
    """
    stack = defined["stack"]
    if "PROVIDERS_SECRET" not in stack._settings._environ:
        return
    names = stack._settings.routes.names if "_sender" in vars(stack) else {"messente-verify"}
    client = FakeSecretsManager(PROVIDER_SETTINGS, "providers")
    stack._catalogue._secret = StoredProviderSettings(client, "providers", lambda: 0)
    for name in names:
        stack._catalogue.get(name)


def _resolve(value: Any, parameters: Mapping[str, str]) -> str:
    if not isinstance(value, dict):
        return str(value)
    [(function, argument)] = value.items()
    if function == "Fn::If":
        name, yes, no = argument
        return _resolve(yes if _holds(STACK["Conditions"][name], parameters) else no, parameters)
    if function == "Fn::Sub":
        return NAME.sub(lambda found: _named(found[1], parameters), argument)
    return _named(argument if function == "Ref" else argument[0], parameters)


def _named(name: str, parameters: Mapping[str, str]) -> str:
    declared = TEMPLATE["Parameters"].get(name)
    # Of a resource it is a name, an ARN or a URL: for INIT any text will do.
    return parameters.get(name, str(declared["Default"]) if declared else f"made-up-{name}")


def _holds(condition: Mapping[str, Any], parameters: Mapping[str, str]) -> bool:
    left, right = condition["Fn::Equals"]
    return _resolve(left, parameters) == str(right)
