"""Secrets: that functions can read them, and find in them what they look for."""

import json
from collections.abc import Iterator

from ...catalogue import SET_BY_TEMPLATE, WrongSettings, read_settings
from ...errors import ConfigurationError
from ...storage.secrets import StoredCodeKeys, StoredIdentityKey
from .examined import Examined, Finding, problem, warning


def check_code_keys(examined: Examined) -> Iterator[Finding]:
    secret = examined.outputs["CodeKeysSecretArn"]
    keys = StoredCodeKeys(examined.aws("secretsmanager"), secret, lambda: examined.now)
    try:
        keys.newest()
    except ConfigurationError as error:
        yield problem(str(error), "see docs/operations.md#rotating-the-code-keys")


def check_identity_key(examined: Examined) -> Iterator[Finding]:
    secret = examined.outputs["IdentityKeySecretArn"]
    try:
        StoredIdentityKey(examined.aws("secretsmanager"), secret)()
    except ConfigurationError as error:
        yield problem(
            str(error),
            "put its version before back (AWSPREVIOUS): "
            "see docs/operations.md#rotating-the-code-keys",
        )


def check_providers(examined: Examined) -> Iterator[Finding]:
    secret = examined.outputs["ProvidersSecretArn"]
    named = sorted(name for name in examined.providers if name not in SET_BY_TEMPLATE)
    answer = examined.aws("secretsmanager").get_secret_value(SecretId=secret)
    try:
        settings = json.loads(answer.get("SecretString") or "")
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        yield problem("The providers' settings are no JSON object.", "`verifyctl providers put`")
        return
    for name in sorted({*named, *settings}):
        try:
            read_settings(name, settings.get(name))
        except WrongSettings as error:
            faults = "; ".join(f"{key}: {what}" for key, what in error.faults)
            routed = "" if name in named else " (no route names it)"
            yield (problem if name in named else warning)(
                f"Settings of the provider {name} are missing or wrong{routed}: {faults}.",
                "put them right in a file, then `verifyctl providers put FILE`",
            )
