"""The three drop-in APIs, called as simply as can be; the vendors' own clients are elsewhere."""

import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import requests

from tests.local.stack import Answer, Credentials, Stack, handed_out

PATIENCE = 30  # seconds


def messente(stack: Stack, client: Credentials, call: str, **parameters: str) -> str:
    """Number Verification: `start` or `pin`; the text of its answer, which is always HTTP 200."""
    answer = ask_messente(stack, client, call, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.text


def ask_messente(
    stack: Stack, client: Credentials, call: str, **parameters: str
) -> requests.Response:
    """The same, whatever the status: who fails to start says another."""
    who = {"username": client.client_id, "password": client.client_secret}
    if "cookie" in parameters:
        handed_out.add(parameters["cookie"])
    return requests.get(
        f"{stack.api_url}/verify/{call}/", params={**who, **parameters}, timeout=PATIENCE
    )


def messagebird(
    stack: Stack, key: str, method: str, path: str, fields: Mapping[str, Any] | None = None
) -> Answer:
    """MessageBird's API, with an access key; `fields` go as JSON, or after a question mark."""
    reads = method == "GET"
    answer = requests.request(
        method,
        stack.api_url + path,
        params=fields if reads else None,
        json=None if reads else fields,
        headers={"Authorization": f"AccessKey {key}"},
        timeout=PATIENCE,
    )
    return Answer(answer.status_code, answer.headers, answer.json() if answer.content else None)


def verigator(
    stack: Stack,
    client: Credentials,
    method: str,
    path: str = "",
    body: Any = None,
    agent: str = "tests",
) -> Answer:
    """Verigator's API, below /v1/service/service."""
    answer = requests.request(
        method,
        f"{stack.api_url}/v1/service/service{path}",
        json=body,
        headers={
            "X-Service-Auth": f"{client.client_id}:{client.client_secret}",
            "User-Agent": agent,
        },
        timeout=PATIENCE,
    )
    return Answer(answer.status_code, answer.headers, answer.json())


def enrolled(stack: Stack, client: Credentials, to: str) -> tuple[str, pyotp.TOTP]:
    """A user of a new service with an authenticator app: their path, and the app.

    The app was confirmed with the code of the step before, so the one it shows is unused.
    """
    made = verigator(
        stack, client, "POST", "", {"fqdn": f"{secrets.token_hex(4)}.com", "name": "S"}
    )
    users, member = f"/{made.body['id']}/users", {"id_in_service": "ann", "phone_number": to}
    user = f"{users}/{verigator(stack, client, 'POST', users, member).body['id']}"
    path = f"/v1/services{user}/totp"
    url = stack.call("POST", path, by=client).body["otpauth_url"]
    app = pyotp.TOTP(parse_qs(urlsplit(url).query)["secret"][0])
    handed_out.add(app.secret)
    confirmed = stack.call(
        "POST", f"{path}/confirm", {"code": app.at(int(time.time()) - app.interval)}, by=client
    )
    assert confirmed.status == 200, confirmed.body
    return user, app
