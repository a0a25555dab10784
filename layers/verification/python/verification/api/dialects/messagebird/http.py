"""MessageBird's API over HTTP: an access key and JSON or a form in, JSON out."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ....errors import ServiceError, Unauthorized
from ....operations.ports import Remaining
from ....valueclass import valueclass
from ...body import read_json_or_form
from ...events import (
    CLIENT_ID,
    Answer,
    Call,
    Clients,
    headers_of,
    let_in,
    path_of,
    query_of,
    url_of,
)
from .errors import refuse

# In the header alone: MessageBird takes it from the query too, where logs of proxies keep it, but
# none of its clients puts it there.
_ACCESS_KEY = re.compile(
    rf"(?i:accesskey) +(?P<kind>live|test)_(?P<id>{CLIENT_ID.pattern})\.(?P<secret>[\x21-\x7e]+)"
)


@valueclass
class MessageBirdApi:
    """How MessageBird's API reads requests and refuses them.

    Args:
        test_code: what verifies all that a key for tests starts; None: there are no such keys.
        public_url: where callers find this API; None: where each request came in.
    """

    test_code: str | None = None
    public_url: str | None = None

    def read(self, event: Mapping[str, Any], remaining: Remaining, clients: Clients) -> Call:
        """Read a request. Credentials first, then the rest.

        Raises:
            Unauthorized: no valid `Authorization: AccessKey live_<client id>.<secret>`, nor one
                for tests.
            AddressNotAllowed: from where this client may not call.
            InvalidRequest and its neighbours: the body or the query is wrong.
        """
        headers = headers_of(event)
        match = _ACCESS_KEY.fullmatch(headers.get("authorization") or "")
        if not match:
            raise Unauthorized
        client, test = let_in(event, clients, match["id"], match["secret"]), match["kind"] == "test"
        if test:
            if not (client.test and self.test_code):
                raise Unauthorized
            # An owner of its own, which no other key can be: ids of clients have no "_".
            client = replace(client, id=f"test_{client.id}")
        fields: Mapping[str, Any] = query_of(event)
        if event["httpMethod"] == "POST":
            # The PHP client sends the recipient in the body, all else in the query.
            body = read_json_or_form(event, headers.get("content-type"))
            fields = {**fields, **{name: v for name, v in body.items() if v is not None}}
        else:  # a Token, too, is one, and no mere read
            fields = {name.strip().lower(): value for name, value in fields.items()}
        path = path_of(event)
        return Call(
            client,
            fields,
            path.get("id", ""),
            None,
            remaining,
            path,
            headers.get("user-agent") or "",
            self.public_url or url_of(event),
            test,
        )

    def refuse(self, error: ServiceError, request_id: str) -> Answer:
        """An error as MessageBird's callers know it; there is no place for the request's id."""
        return refuse(error)
