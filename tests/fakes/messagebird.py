"""MessageBird's API of a stack in memory, called through the real frame of its function."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from verification.api.dialects.messagebird.http import MessageBirdApi
from verification.api.dialects.messagebird.routes import MessageBird
from verification.api.handler import Handler
from verification.domain.policy import Client, Profile
from verification.telemetry import Telemetry

from .calls import SECRET, SHOP, Context, FakeClients, http_event
from .stack import FakeStack

TESTER = Client("tester", Profile("Shop"), test=True)
INSIDER = Client("insider", Profile("Shop"), networks=("203.0.113.0/24",))
SENDER = Client("sender", Profile("Shop"), senders=("Shop", "+31612345678", "shop@example.org"))
TEST_CODE = "246810"
HOST = "api.example.org"
URL = f"https://{HOST}/prod"

# The addresses of the template, the longest first.
_RESOURCES = ["/verify/messages/email/{id}", "/voicemessages/{id}", "/messages/{id}"]
_RESOURCES += ["/verify/{id}", "/verify"]


def key_of(client: Client = SHOP, kind: str = "live") -> str:
    """A client's access key."""
    return f"{kind}_{client.id}.{SECRET}"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def errors(self) -> list[tuple[int, str | None]]:
        """The code and the parameter of each error."""
        return [(error["code"], error["parameter"]) for error in self.body["errors"]]

    @property
    def descriptions(self) -> list[str]:
        return [error["description"] for error in self.body["errors"]]


class Bird:
    """Calls MessageBird's API.

    Args:
        telemetry: takes what all parts log.
        stack: what it stands on.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        stack: FakeStack | None = None,
        test_code: str | None = TEST_CODE,
        public_url: str | None = None,
    ) -> None:
        self.stack = stack or FakeStack()
        sender = replace(self.stack.sender, telemetry=telemetry)
        api = MessageBirdApi(test_code, public_url)
        self.messagebird = MessageBird(
            api,
            replace(self.stack.start, telemetry=telemetry, sender=sender),
            replace(self.stack.verify, telemetry=telemetry),
            self.stack.lookup,
            replace(self.stack.delete, telemetry=telemetry),
            self.stack.clock,
        )
        clients = FakeClients(TESTER, INSIDER, SENDER)
        routes = self.messagebird.routes
        self._handler = Handler("messagebird", api, routes, None, clients, telemetry)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        form: bool = False,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Reply:
        """Make a call as API Gateway passes it on.

        Args:
            body: goes as JSON, or as a form; a text as it is.
            headers: in place of the usual ones.
            more: in place of other parts of the event.
        """
        resource, name = _resource_of(path)
        if form and not isinstance(body, str | None):
            body = urlencode(body)
        kind = "application/x-www-form-urlencoded" if form else "application/json; charset=UTF-8"
        usual = {"Authorization": f"AccessKey {key or key_of()}", "Content-Type": kind}
        event = http_event(
            method,
            resource,
            body,
            usual if headers is None else headers,
            path=path,
            pathParameters={"id": name} if name else None,
            queryStringParameters=dict(query) if query else None,
            multiValueQueryStringParameters={k: [v] for k, v in query.items()} if query else None,
            requestContext={
                "identity": {"sourceIp": "192.0.2.1"},
                "domainName": HOST,
                "path": f"/prod{path}",
            },
        )
        answer = self._handler(event | more, Context())
        assert answer["headers"]["Content-Type"] == "application/json"
        told = json.loads(answer["body"]) if answer["body"] else None
        return Reply(answer["statusCode"], told, answer["headers"])

    def create(self, **fields: Any) -> Reply:
        """Ask for a verification, of a Dutch number unless the fields say otherwise."""
        return self.ask("POST", "/verify", {"recipient": "31612345678"} | fields)

    def created(self, **fields: Any) -> tuple[str, str]:
        """The id of a verification, and the token that was sent."""
        reply = self.create(**fields)
        assert reply.status == 201, reply
        return reply.body["id"], self.token()

    def token(self) -> str:
        """The token in the message that was sent last."""
        text = self.stack.messenger.sent[-1].message.text
        found = re.search(r"[0-9]{4,16}", text.replace(", ", ""))
        assert found, text
        return found[0]

    def read(self, verify_id: str, key: str | None = None) -> Reply:
        return self.ask("GET", f"/verify/{verify_id}", key=key)

    def check(self, verify_id: str, token: str, key: str | None = None) -> Reply:
        return self.ask("GET", f"/verify/{verify_id}", query={"token": token}, key=key)

    def remove(self, verify_id: str, key: str | None = None) -> Reply:
        return self.ask("DELETE", f"/verify/{verify_id}", key=key)


def _resource_of(path: str) -> tuple[str, str]:
    """The resource of a path, and the id in it."""
    for resource in _RESOURCES:
        pattern = re.escape(resource).replace(re.escape("{id}"), "(?P<id>[^/]*)")
        if found := re.fullmatch(pattern, path):
            return resource, found.groupdict().get("id", "")
    raise ValueError(f"no such path: {path}")
