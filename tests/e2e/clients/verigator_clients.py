"""What Messente's two clients of Verigator send, and which answers are good to them.

Neither is in a registry any more, so their sources (verigator-python, verigator-java 1.1) are
replayed: paths, headers, bodies, and how they judge an answer.
"""

from dataclasses import dataclass, field
from typing import Any

import requests

from tests.local.stack import Credentials

JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class Refused(Exception):
    """What a client raises.

    Attributes:
        message: what it tells of the reason.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Replay:
    """A client.

    Args:
        headers: of every request.
        with_body: of those with a body, besides.
        exact: whether one status alone is good to it, 202 to DELETE and 200 else; if not, any
            under 300.
        user: the part of the path before a user that it reads.
        names_method: whether it says again by which method the token came.
    """

    headers: dict[str, str] = field(default_factory=dict)
    with_body: dict[str, str] = field(default_factory=dict)
    exact: bool = False
    user: str = "users"
    names_method: bool = False


REPLAYS = {
    "java": Replay(
        {"Accept": "application/json", "User-Agent": "verigator-java-1.1"},
        {"Content-Type": "application/json"},
        exact=True,
        user="user",
    ),
    "python": Replay({"User-Agent": "python-requests/2.18.4"}, JSON),
    "older python": Replay({"User-Agent": "python-requests/2.18.4"}, JSON, names_method=True),
}


class Client:
    """A client with one API client's credentials. Refused when the API, or the client, says no."""

    def __init__(self, replay: Replay, api_url: str, credentials: Credentials) -> None:
        self._replay = replay
        self._url = f"{api_url}/v1/service/service"
        self._auth = {"X-Service-Auth": f"{credentials.client_id}:{credentials.client_secret}"}

    def create_service(self, fqdn: str, name: str) -> dict[str, Any]:
        """Its id, ctime and name."""
        made = self._call("POST", "", {"fqdn": fqdn, "name": name})
        return _read(made, "id", "ctime", "name")

    def get_service(self, service: str) -> dict[str, Any]:
        return _read(self._call("GET", f"/{service}"), "id", "ctime", "name")

    def delete_service(self, service: str) -> None:
        self._call("DELETE", f"/{service}")

    def create_user(self, service: str, number: str, name: str) -> dict[str, Any]:
        """Its id, ctime and id_in_service."""
        body = {"phone_number": number, "id_in_service": name}
        made = self._call("POST", f"/{service}/users", body)
        return _read(made, "id", "ctime", "id_in_service")

    def get_user(self, service: str, user: str) -> dict[str, Any]:
        found = self._call("GET", f"/{service}/{self._replay.user}/{user}")
        return _read(found, "id", "ctime", "id_in_service")

    def list_users(self, service: str) -> list[dict[str, Any]]:
        users = self._call("GET", f"/{service}/users")["users"]
        return [_read(user, "id", "ctime", "id_in_service") for user in users]

    def delete_user(self, service: str, user: str) -> None:
        self._call("DELETE", f"/{service}/users/{user}")

    def start(self, service: str, user: str, method: str) -> str:
        """The method that is used."""
        started = self._call("POST", f"/{service}/users/{user}/auth", {"method": method})
        used: str = started["method"]
        return used

    def verify(self, service: str, user: str, token: str, method: str = "sms") -> bool:
        body = {"method": method} if self._replay.names_method else {}
        path = f"/{service}/users/{user}/auth"
        verified = self._call("PUT", path, body | {"token": token})["verified"]
        assert isinstance(verified, bool), verified
        return verified

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """The answer, which must be a JSON object whatever its status."""
        answer = requests.request(
            method,
            self._url + path,
            json=body,
            headers=self._replay.headers | self._auth | (self._replay.with_body if body else {}),
            timeout=30,
        )
        told = answer.json()
        assert isinstance(told, dict), told
        status = answer.status_code
        good = (
            status == (202 if method == "DELETE" else 200) if self._replay.exact else status < 300
        )
        if not good:
            raise Refused(status, told["message"])
        return told


def _read(told: dict[str, Any], *names: str) -> dict[str, Any]:
    """The fields that a client reads; KeyError where one is missing."""
    return {name: told[name] for name in names}
