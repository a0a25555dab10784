"""Each function imports with the built layers and its own folder alone.

The emulator runs functions inside the developer's venv, which hides what a layer lacks.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.local import ROOT
from tests.template.initialise import variables
from tests.template.loading import FUNCTIONS as TRANSFORMED

from .conftest import Layers

FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("functions/*/app.py"))

# Too slow at a cold start, or not for us: see DESIGN.md, "Cold start is money and waiting".
DENIED = ("aws_lambda_powertools.event_handler", "aws_xray_sdk", "boto3")
# For those alone that call a provider over HTTP.
HTTP = ("requests", "verification.providers.http")
SENDERS = ("messagebird", "messente", "page", "resend", "start", "verigator")
POSTERS = ("webhooks",)  # to whom clients say
# For those alone that read what a caller wrote.
FIELDS = ("email_validator", "phonenumbers", "pydantic")
UNASKED = ("reports", "tally")  # nobody's fields come here
# botocore's models and what reads them: a third of a cold start. For those that send by SNS or SES.
MODELS = ("botocore.session", "botocore.client", "botocore.loaders", "botocore.credentials")

# What Lambda gives every function.
LAMBDA_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "made-up",
    "AWS_SECRET_ACCESS_KEY": "made-up",
    "AWS_SESSION_TOKEN": "made-up",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_FUNCTION_VERSION": "1",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
}

IMPORT_HANDLER = """
import importlib, json, sys
module, attribute = sys.argv[2].split(".")
assert callable(getattr(importlib.import_module(module), attribute))
print(json.dumps(list(sys.modules)))
"""

IMPORT_EVERYTHING = """
import importlib, pkgutil
import verification
for module in pkgutil.walk_packages(verification.__path__, "verification."):
    importlib.import_module(module.name)
"""

# What each call by HttpApi needs, and what calls over TLS do.
CALL_HTTP = """
import sys, certifi
from verification.providers.http import HttpApi
answer = HttpApi("vendor").call("POST", sys.argv[2], lambda: 10_000, json={"to": "you"})
print(answer.status, answer.text, certifi.where())
"""

CREATE_CLIENTS = """
import sys
import botocore.session
for service in sys.argv[2:]:
    botocore.session.get_session().create_client(service)
"""

# pydantic looks for the version of email-validator, which looks for dnspython when it asks DNS.
CHECK_EMAIL = """
from pydantic import BaseModel, EmailStr
class Model(BaseModel):
    email: EmailStr
print(Model(email="someone@gmail.com").email)
"""


def logical_id(function: str) -> str:
    """What the template calls the function of a folder."""
    [name] = (name for name in TRANSFORMED if name.lower() == f"{function}function")
    return name


def run_bare(
    layers: Layers, script: str, *arguments: str, folder: Path, variables: dict[str, str]
) -> str:
    """Run a script in a Python with the layers, without site-packages and our environment.

    Args:
        script: what to run; its own arguments begin at sys.argv[2].
        folder: of the function, first on the path as on Lambda.
        variables: added to what Lambda gives every function.

    Returns:
        What it printed.
    """
    path = [folder, layers.verification, layers.dependencies]
    return run_on(path, script, *arguments, variables=variables)


def run_on(
    path: list[Path], script: str, *arguments: str, variables: Mapping[str, str] | None = None
) -> str:
    """Run a script in a Python with these folders alone; see run_bare."""
    script = f"import json, sys; sys.path[:0] = json.loads(sys.argv[1])\n{script}"
    folders = json.dumps([str(folder) for folder in path])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, folders, *arguments],
        cwd="/",
        env=LAMBDA_ENVIRONMENT | dict(variables or {}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


def test_there_are_functions() -> None:
    assert FUNCTIONS


@pytest.fixture
def aws(httpserver: HTTPServer) -> str:
    """The URL of an AWS that understands nothing, and is there: a function asks for it at INIT."""
    refused = {"__type": "ValidationException"}
    httpserver.expect_request(re.compile(".*")).respond_with_json(refused, status=400)
    return httpserver.url_for("")


def imported(function: str, layers: Layers, aws: str, **parameters: str) -> list[str]:
    """The modules that a function has imported when its INIT is over."""
    printed = run_bare(
        layers,
        IMPORT_HANDLER,
        TRANSFORMED[logical_id(function)]["Handler"],
        folder=ROOT / "functions" / function,
        variables=variables(logical_id(function), **parameters) | {"AWS_ENDPOINT_URL": aws},
    )
    modules: list[str] = json.loads(printed.splitlines()[-1])  # after what it logged
    return modules


def among(names: Iterable[str], modules: Iterable[str]) -> list[str]:
    """Those of the modules that have one of these names, or are inside of it."""
    packages = tuple(f"{name}." for name in names)
    return [module for module in modules if f"{module}.".startswith(packages)]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_imports_with_the_layers_alone(
    function: str, layers: Layers, aws: str, httpserver: HTTPServer
) -> None:
    modules = imported(function, layers, aws)
    assert among((*DENIED, *(() if function in POSTERS else HTTP)), modules) == []
    if function not in SENDERS:
        assert among([*MODELS, "verification.providers", "verification.catalogue"], modules) == []
    if function in UNASKED:
        assert among(FIELDS, modules) == []
    assert httpserver.log, "it proved nothing at INIT"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_who_sends_by_a_provider_over_http_imports_what_that_takes(
    function: str, layers: Layers, aws: str
) -> None:
    modules = imported(function, layers, aws, Routes="sms=sns; sms:EE=messente")
    assert among(DENIED, modules) == []
    assert (
        set(HTTP) <= set(modules) if function in SENDERS + POSTERS else among(HTTP, modules) == []
    )


def test_providers_are_called_over_http_with_the_layers_alone(
    layers: Layers, tmp_path: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/send", "POST", json={"to": "you"}).respond_with_data("taken")
    printed = run_bare(
        layers, CALL_HTTP, httpserver.url_for("/send"), folder=tmp_path, variables={}
    )
    status, text, certificates = printed.split()
    assert (status, text) == ("200", "taken")
    assert Path(certificates) == layers.dependencies / "certifi/cacert.pem"


def test_every_module_of_ours_imports_with_the_layers_alone(layers: Layers, tmp_path: Path) -> None:
    run_bare(layers, IMPORT_EVERYTHING, folder=tmp_path, variables={})


def test_clients_of_all_services_can_be_made(layers: Layers, tmp_path: Path) -> None:
    services = (ROOT / "layers/dependencies/aws-services.txt").read_text().split()
    run_bare(layers, CREATE_CLIENTS, *services, folder=tmp_path, variables={})


def test_pydantic_checks_addresses_without_dns(layers: Layers, tmp_path: Path) -> None:
    printed = run_bare(layers, CHECK_EMAIL, folder=tmp_path, variables={})
    assert printed.strip() == "someone@gmail.com"
