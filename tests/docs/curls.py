"""The curl lines of the documents, as the requests that they make."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from verification.api.dialects.messagebird import requests as messagebird
from verification.api.dialects.messagebird.http import MessageBirdApi
from verification.api.dialects.messente import pin, start
from verification.api.dialects.messente.http import MessenteApi
from verification.api.dialects.verigator import fields as verigator
from verification.api.dialects.verigator.http import VerigatorApi
from verification.api.events import Call
from verification.api.fields import read_fields
from verification.api.handler import Api
from verification.api.native import devices, lookup, resend, totp, verify
from verification.api.native import start as native_start
from verification.api.native.http import NativeApi

from tests.docs.sources import api_events, blocks
from tests.fakes.calls import SECRET, SHOP, FakeClients, http_event
from tests.fakes.clock import plenty

# What stands in the lines for what a reader puts there. Ids are parts of paths.
VALUES = {
    "CLIENT_ID": SHOP.id,
    "CLIENT_SECRET": SECRET,
    "ACCESS_KEY": f"live_{SHOP.id}.{SECRET}",
    "KEY": f"{SHOP.id}.{SECRET}",
    "ID": "afictionalverificationtoken",
    "SERVICE_ID": "81213bfd-b690-499e-b9d2-000000000001",
    "USER_ID": "81213bfd-b690-499e-b9d2-000000000002",
}


type Reader = Callable[[Call], Any]


def _nothing(call: Call) -> None:
    """The path alone says what is wanted."""


def _fields(model: Any) -> Reader:
    return lambda call: read_fields(model, call.fields)


_SERVICE = "/v1/service/service"
_USERS = f"{_SERVICE}/{{service}}/users"
_TOTP = "/v1/services/{service}/users/{user}/totp"
_READERS: Mapping[Api, Mapping[str, Reader]] = {
    NativeApi(): {
        "POST /v1/verifications": native_start.read_start,
        "GET /v1/verifications": lookup.read_list,
        "GET /v1/verifications/{id}": lookup.read_lookup,
        "DELETE /v1/verifications/{id}": _nothing,
        "POST /v1/verifications/{id}/verify": verify.read_verify,
        "POST /v1/verifications/{id}/resend": resend.read_resend,
        "DELETE /v1/devices": devices.read_revoke,
        f"POST {_TOTP}": _fields(totp.EnrolFields),
        f"POST {_TOTP}/confirm": totp.read_confirmation,
        f"DELETE {_TOTP}": _nothing,
    },
    MessenteApi(): {"POST /verify/start": start.read_start, "POST /verify/pin": pin.read_pin},
    MessageBirdApi(): {
        "POST /verify": lambda call: messagebird.read_start(call, None),
        "GET /verify/{id}": lambda call: messagebird.read_token(call) if call.fields else None,
        "DELETE /verify/{id}": _nothing,
    },
    VerigatorApi(): {
        f"POST {_SERVICE}": _fields(verigator.ServiceFields),
        f"POST {_USERS}": lambda call: verigator.read_number(
            read_fields(verigator.UserFields, call.fields).phone_number
        ),
        f"POST {_USERS}/{{user}}/auth": _fields(verigator.StartFields),
        f"PUT {_USERS}/{{user}}/auth": _fields(verigator.GuessFields),
    },
}
READERS = {
    route: (api, reader) for api, routes in _READERS.items() for route, reader in routes.items()
}


@dataclass(frozen=True)
class Curl:
    """A request.

    Args:
        path: below the address of the API; `query` is what stands after a question mark.
        data: each `-d`.
    """

    line: str
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    data: tuple[str, ...]

    @property
    def route(self) -> str:
        """The route of the template that it takes, such as `GET /verify/{id}`."""
        fitting = [
            route
            for route in set().union(*api_events().values())
            if re.fullmatch(_pattern(route), f"{self.method} {self.path.rstrip('/')}")
        ]
        assert fitting, f"no route for {self.line}"
        return min(fitting, key=lambda route: route.count("{"))  # as API Gateway chooses

    @property
    def event(self) -> dict[str, Any]:
        """What API Gateway makes of it; curl itself says that a body is a form."""
        _, _, resource = self.route.partition(" ")
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if self.data else {}
        return http_event(
            self.method,
            resource,
            "&".join(self.data) or None,
            {"User-Agent": "curl/8.5.0", **kind, **self.headers},
            path=self.path,
            queryStringParameters=dict(self.query) or None,
            multiValueQueryStringParameters={n: [v] for n, v in self.query.items()} or None,
            pathParameters=_named(resource, self.path.rstrip("/")),
        )

    def read(self) -> Any:
        """What the function of its route understands.

        Raises:
            ServiceError: it would be refused.
        """
        api, reader = READERS[self.route]
        return reader(api.read(self.event, plenty, FakeClients()))


def curls(document: str) -> list[Curl]:
    """Each curl line of a document."""
    text = "\n".join(blocks(document, "sh")).replace("\\\n", " ")
    return [_read(line) for line in text.splitlines() if line.startswith("curl ")]


def _read(line: str) -> Curl:
    words = iter(shlex.split(line)[1:])
    address, method, headers, data = "", "", {}, []
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-d":
            data.append(_filled(next(words)))
        elif word == "-H":
            name, _, value = _filled(next(words)).partition(": ")
            headers[name] = value
        else:
            assert word.startswith("$API/") and not address, line
            address = _filled(word.removeprefix("$API"))
    url = urlsplit(address)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    return Curl(line, method or ("POST" if data else "GET"), url.path, query, headers, tuple(data))


def _pattern(route: str) -> str:
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route))


def _filled(text: str) -> str:
    return re.sub(r"\$([A-Z_]+)", lambda found: VALUES[found[1]], text)


def _named(resource: str, path: str) -> dict[str, str] | None:
    """The parameters of a path."""
    return dict(_parts(resource, path)) or None


def _parts(resource: str, path: str) -> Iterator[tuple[str, str]]:
    for name, value in zip(resource.split("/"), path.split("/"), strict=True):
        if name.startswith("{"):
            yield name[1:-1], value
