"""Messente's client for Python; and what its other clients send, as their sources say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from messente.api.sms import Messente  # type: ignore[import-untyped]  # has no types

from tests.local.stack import Credentials


class PythonClient:
    """`messente-python` from PyPI, with one client's credentials.

    It keeps credentials in one place for the whole process: those of the object made last count.
    So one is made for each call.
    """

    def __init__(self, credentials: Credentials, *urls: str, validate: bool = True) -> None:
        """
        Args:
            urls: the API's, then others for when there is no answer.
            validate: False to send what the client itself would refuse.
        """
        self._credentials = credentials
        self._urls = list(urls)
        self._validate = validate

    def start(self, **fields: Any) -> Any:
        """Its answer to `send_pin`."""
        return self._made().send_pin(fields, validate=self._validate)

    def pin(self, **fields: Any) -> Any:
        """Its answer to `verify_pin`."""
        return self._made().verify_pin(fields, validate=self._validate)

    def _made(self) -> Any:
        made = Messente(
            username=self._credentials.client_id,
            password=self._credentials.client_secret,
            urls=self._urls,
        )
        return made.number_verification


@dataclass(frozen=True)
class Replay:
    """How a client sends parameters: always POST, always in the query.

    Args:
        slash: whether a slash ends the path.
        form: whether they are in the body once more.
        twice: whether username and password are in the query twice.
    """

    headers: Mapping[str, str]
    slash: str = ""
    form: bool = False
    twice: bool = False

    def call(self, url: str, credentials: Credentials, **fields: str) -> str:
        """What the API says; these clients take HTTP 200 with text, nothing else."""
        who = {"username": credentials.client_id, "password": credentials.client_secret}
        query = [*who.items(), *fields.items(), *(who.items() if self.twice else ())]
        answer = requests.post(
            url + self.slash,
            params=query,
            data=who | fields if self.form else None,
            headers=self.headers,
            timeout=30,
        )
        assert answer.status_code == 200, answer
        assert answer.headers["Content-Type"].startswith("text/plain"), answer.headers
        return answer.text


_GENERATED = {"Accept": "text/plain"}

REPLAYS = {
    "java-sdk": Replay(
        {"User-Agent": "Messente-SDK", "Content-Type": "application/x-www-form-urlencoded"},
        slash="/",
        form=True,
    ),
    "messente-api for Java and Ruby": Replay(_GENERATED),
    "messente-api for Python": Replay(_GENERATED, twice=True),
    "messente-api for Node and PHP": Replay(_GENERATED | {"Content-Type": "application/json"}),
}
