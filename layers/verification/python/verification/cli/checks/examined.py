"""What a check is given, and what it finds."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Any

from ...errors import ConfigurationError
from ...settings import Settings
from ...valueclass import valueclass
from ..shared import Resource, aws, resources, stack_answer


class Severity(StrEnum):
    """How much it matters."""

    PROBLEM = "problem"  # something does not work, or nobody would hear of it
    WARNING = "warning"  # it works, and may cost or hurt
    UNKNOWN = "unknown"  # it could not be looked at: never taken for fine


@valueclass
class Finding:
    """One thing that somebody should look at.

    Args:
        what: what is the matter.
        do: what to do about it: a command, or where it is told.
    """

    severity: Severity
    what: str
    do: str


def problem(what: str, do: str) -> Finding:
    return Finding(Severity.PROBLEM, what, do)


def warning(what: str, do: str) -> Finding:
    return Finding(Severity.WARNING, what, do)


type Check = Callable[[Examined], Iterator[Finding]]


class Examined:
    """A deployed stack, as far as somebody has asked for it; nothing here changes it.

    Args:
        arguments: of the command line.
        now: epoch milliseconds.
    """

    def __init__(self, arguments: argparse.Namespace, now: int) -> None:
        self.arguments = arguments
        self.now = now
        self._clients: dict[str, Any] = {}

    def aws(self, service: str) -> Any:
        """A client of a service; one for all checks."""
        if service not in self._clients:
            self._clients[service] = aws(service)
        return self._clients[service]

    @cached_property
    def answer(self) -> Any:
        """CloudFormation's whole answer about the stack."""
        return stack_answer(self.arguments)

    @cached_property
    def stack(self) -> Any:
        """As CloudFormation describes it."""
        return self.answer["Stacks"][0]

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        listed = self.stack.get("Parameters", [])
        return {p["ParameterKey"]: p["ParameterValue"] for p in listed}

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {o["OutputKey"]: o["OutputValue"] for o in self.stack.get("Outputs", [])}

    def resources(self, kind: str) -> list[Resource]:
        """Those of one kind, such as AWS::SQS::Queue."""
        return [one for one in self._resources if one.kind == kind]

    @cached_property
    def _resources(self) -> list[Resource]:
        return resources(self.arguments)

    @cached_property
    def functions(self) -> Mapping[str, Any]:
        """The configuration of each function, by its name in the template."""
        client = self.aws("lambda")
        return {
            one.name: client.get_function_configuration(FunctionName=one.physical)
            for one in self.resources("AWS::Lambda::Function")
        }

    def settings(self, function: str) -> Settings:
        """The environment of a function, by its name in the template.

        Raises:
            KeyError: the stack has no such function.
            ConfigurationError: Lambda could not read the environment.
        """
        environment = self.functions[function].get("Environment", {})
        if error := environment.get("Error"):  # its words may quote what it could not read
            code = error.get("ErrorCode") or "an error"
            raise ConfigurationError(f"the environment of {function} is {code} to Lambda")
        return Settings(environment.get("Variables", {}))

    @cached_property
    def providers(self) -> frozenset[str]:
        """Those that the routes name."""
        return Settings({"ROUTES": self.parameters["Routes"]}).routes.names
