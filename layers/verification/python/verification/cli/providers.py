"""Providers: their settings, checked and put."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..catalogue import SET_BY_TEMPLATE, WrongSettings, read_settings
from ..errors import ProviderError
from ..providers.verigator import create_service
from .shared import CommandError, Commands, output, read_text, routes, secrets_manager

_PATIENCE = 30_000  # milliseconds, with a vendor


def check_providers(arguments: argparse.Namespace) -> dict[str, Any]:
    """Check the providers' settings, of the stack or in a file; name every wrong key."""
    named = () if arguments.file else _routed(arguments)
    return {"ok": _check_settings(_provider_settings(arguments), named)}


def put_providers(arguments: argparse.Namespace) -> dict[str, Any]:
    """Check the providers' settings in a file, and give them to the stack in place of its own."""
    text = _provider_settings(arguments)
    checked = _check_settings(text, _routed(arguments))
    secret = _providers_secret(arguments)
    secrets_manager().put_secret_value(SecretId=secret, SecretString=text)
    return {"put": checked, "secret": secret}


def register_verigator_service(arguments: argparse.Namespace) -> dict[str, Any]:
    """Register a service with Verigator; its id is the setting verigator.service_id."""
    settings = _parse_settings(_provider_settings(arguments)).get("verigator") or {}
    try:
        account = read_settings("verigator", {"service_id": "none-yet", **settings})
        made = create_service(account, arguments.fqdn, arguments.name, lambda: _PATIENCE)
    except (WrongSettings, ProviderError) as error:
        raise CommandError(str(error)) from None
    return {"service_id": made}


def _provider_settings(arguments: argparse.Namespace) -> str:
    if arguments.file:
        return read_text(arguments.file)
    secret = secrets_manager().get_secret_value(SecretId=_providers_secret(arguments))
    return str(secret["SecretString"])


def _parse_settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text)
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise CommandError("The providers' settings must be a JSON object by provider.")
    return settings


def _check_settings(text: str, named: Iterable[str] = ()) -> list[str]:
    settings = _parse_settings(text)
    settings |= {name: None for name in named if name not in settings}
    faults: list[tuple[str, str]] = []
    for name, own in settings.items():
        try:
            read_settings(name, own)
        except WrongSettings as error:
            faults += error.faults
    if faults:
        raise CommandError("\n".join(f"{key}: {problem}" for key, problem in faults))
    return sorted(settings)


def _routed(arguments: argparse.Namespace) -> list[str]:
    """The providers that the stack's routes name and that have settings in the secret."""
    return sorted(name for name in routes(arguments).names if name not in SET_BY_TEMPLATE)


def _providers_secret(arguments: argparse.Namespace) -> str:
    return output(arguments, "ProvidersSecretArn")


def add_commands(commands: Commands) -> None:
    providers = commands.below("providers", "Settings of the providers.")
    checking = providers.add("check", check_providers)
    checking.add_argument("--file", type=Path, help="instead of what the stack has")
    providers.add("put", put_providers).add_argument("file", type=Path)
    registering = commands.add("verigator-service", register_verigator_service)
    registering.add_argument("--fqdn", required=True, help="host name of the service")
    registering.add_argument("--name", required=True, help="what people see in the app")
    registering.add_argument("--file", type=Path, help="settings, instead of the stack's")
