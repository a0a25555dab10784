"""What AWS's own models say, and clients that ask this machine alone."""

import os
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from pytest_httpserver import HTTPServer
from verification.aws import make_client


def forget_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no AWS settings of whoever runs the tests be seen."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)


def client_of(service: str, server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The client that the functions have, but it asks the test's server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url_for(""))
    return make_client(service, attempts=1, read=5)


def model(service: str) -> ServiceModel:
    """botocore's description of a service."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def error_codes(service: str, operation: str) -> set[str]:
    """The codes of the errors that an operation is documented to answer with."""
    shapes: list[Any] = model(service).operation_model(operation).error_shapes
    return {shape.error_code for shape in shapes}


def values(service: str, shape: str) -> list[str]:
    """The values that an enumeration is documented to have."""
    enumeration: Any = model(service).shape_for(shape)
    return list(enumeration.enum)
