"""Requests made up by Hypothesis for the three drop-in APIs, on the running stack.

Whatever comes, the answer is one that docs/openapi.yaml knows. (tests/unit/api has the same on
fakes, where there is more to look at.)
"""

import json
import re
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pyotp
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import ValidationError

from tests.docs.sources import VENDORS, check_answer, openapi
from tests.e2e.answers import Answers
from tests.e2e.dialects import verigator
from tests.e2e.leaks import codes_in, keys, messages
from tests.e2e.made_up import FORM, REQUESTS, TOTP, Request, as_text, rarely
from tests.e2e.rules import MARK
from tests.e2e.vendors import Vendors
from tests.figures import Figure, Scale
from tests.local.stack import Credentials, Stack, handed_out

WORKERS = 4  # threads; the emulator starts a process of each function for each of them
BATCH = 8  # requests that are made up, and sent, together
PATIENCE = 120  # seconds for an answer, on a machine that has much else to do
WHO = rarely(st.sampled_from(["wrong", "nobody", "mad", "none"]), st.just("own"))

MESSAGEBIRD_ERRORS = {(422, 9)} | {
    (error["status"], error["code"])
    for tag in openapi()["tags"]
    if tag["name"] == "messagebird"
    for error in tag["x-errors"].values()
}


class Talk:
    """Sends requests as a client, and remembers what was started, for those to come.

    Attributes:
        words: Messente's, and MessageBird's statuses and codes; how often each was said.
    """

    def __init__(self, stack: Stack, client: Credentials, answers: Answers) -> None:
        self.words: Counter[str] = Counter()
        self._stack = stack
        self._client = client
        self._answers = answers
        self._threads = threading.local()
        self._app = pyotp.TOTP(pyotp.random_base32())
        self._known = {"id": "a" * 27}
        self._settle()

    def send(self, asked: tuple[Request, str]) -> None:
        """Send a request with some credentials.

        Raises:
            AssertionError: the answer is none of those in the document, or not one to such
                credentials.
        """
        request, who = asked
        method, resource = request.route.split()
        headers, pairs = self._shown(request.route, who)
        path = resource
        for name, one in request.ids.items():
            path = path.replace(f"{{{name}}}", _segment(self._fill(one)))
        query = _form([*pairs, *self._fill(request.query)])
        body = _encoded(self._fill(request.body), request.kind)
        if request.kind:
            headers["Content-Type"] = request.kind
        url = f"{self._stack.api_url}{path}?{query}"
        answer = self._session.request(method, url, data=body, headers=headers, timeout=PATIENCE)
        [api] = openapi()["paths"][resource][method.lower()]["tags"]
        said = url + (body or b"").decode("latin-1")
        self._answers.note(api, said, answer.status_code, answer.content)
        told = f"{request} by {who}\n{method} {url}\n{body!r}\n{answer.status_code} {answer.text}"
        self._judge(request.route, who, answer, told)
        self._remember(request.route, answer)

    @property
    def _session(self) -> requests.Session:
        """This thread's."""
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
        session: requests.Session = self._threads.session
        return session

    def _shown(self, route: str, who: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """Credentials, as headers and as parameters."""
        name, secret = {
            "own": (self._client.client_id, self._client.client_secret),
            "wrong": (self._client.client_id, "x" * 43),
            "nobody": ("nobody", self._client.client_secret),
            "mad": ("\x80' OR 1=1 --", "."),
            "none": ("", ""),
        }[who]
        if who == "none":
            return {}, []
        if is_messente(route):
            return {}, [("username", name), ("password", secret)]
        if TOTP in route:
            return {"Authorization": f"Bearer {name}.{secret}"}, []
        if "/v1/" in route:
            return {"X-Service-Auth": f"{name}:{secret}"}, []
        return {"Authorization": f"AccessKey live_{name}.{secret}"}, []

    def _fill(self, value: Any) -> Any:
        """A value with its names filled in.

        `{fresh}`: a number of nobody, `{same}`: the one before; `{ip}`: any address; `{id}`,
        `{service}`, `{user}`: of what there is; `{code}`, `{wrong}`: the last code that was sent,
        and another one; `{shown}`: what the app shows that was enrolled last.
        """
        if isinstance(value, dict):
            return {self._fill(name): self._fill(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self._fill, value))
        if not isinstance(value, str) or "{" not in value:
            return value
        if "{fresh}" in value:
            self._known["same"] = _number()
        known = self._known | {
            "fresh": self._known["same"],
            "ip": f"8.8.{secrets.randbelow(256)}.{secrets.randbelow(256)}",
            "shown": self._app.now(),
        }
        if "{code}" in value or "{wrong}" in value:
            texts = self._stack.texts_to(f"+{self._known['same']}")
            known["code"] = next(codes_in(texts[-1]), "1234") if texts else "1234"
            known["wrong"] = known["code"][::-1]
        for name, one in known.items():
            value = value.replace(f"{{{name}}}", one)
        return value

    def _judge(self, route: str, who: str, answer: requests.Response, told: str) -> None:
        event = {
            "statusCode": answer.status_code,
            "headers": answer.headers,
            "body": answer.text,
        }
        try:
            check_answer(route, event)
        except (KeyError, ValidationError) as error:
            raise AssertionError(f"not in the document: {told}") from error
        assert answer.status_code < 500, told
        if is_messente(route):
            self.words[re.sub("^OK .*", "OK", answer.text)] += 1
            # What cannot be read is told before who sends it: the credentials may be in there.
            assert who == "own" or answer.text in ("ERROR 101", "ERROR 102"), told
        else:
            assert (answer.status_code == 401) == (who != "own"), told
        if answer.text.startswith('{"errors"'):
            for fault in answer.json()["errors"]:
                assert (answer.status_code, fault["code"]) in MESSAGEBIRD_ERRORS, told
                self.words[f"{answer.status_code}/{fault['code']}"] += 1

    def _remember(self, route: str, answer: requests.Response) -> None:
        if answer.text.startswith("OK "):
            self._known["id"] = answer.text.removeprefix("OK ")
        elif answer.status_code == 201 and route == "POST /verify":
            self._known["id"] = answer.json()["id"]
        elif answer.status_code == 201 and route == f"POST {TOTP}":
            url = urlsplit(answer.json()["otpauth_url"])
            self._app = pyotp.TOTP(parse_qs(url.query)["secret"][0])
        elif answer.status_code == 202:
            self._settle()

    def _settle(self) -> None:
        """Have a service of Verigator's with a user."""
        number = _number()
        names = {"fqdn": f"{secrets.token_hex(8)}.example.com", "name": MARK}
        service = verigator(self._stack, self._client, "POST", "", names).body["id"]
        member = {"id_in_service": MARK, "phone_number": number}
        made = verigator(self._stack, self._client, "POST", f"/{service}/users", member)
        self._known |= {"service": service, "user": made.body["id"], "same": number}


def is_messente(route: str) -> bool:
    return route.endswith((" /verify/start", " /verify/pin"))


def _number() -> str:
    """A Dutch mobile number of nobody; not by `random`, which Hypothesis seeds again and again."""
    return f"3161{secrets.randbelow(10**7):07d}"


def _segment(text: str) -> str:
    """A text as one part of a path: nothing that would make it another path."""
    return quote(_utf8(text.replace("/", "").strip(".") or "x"), safe="")


def _form(pairs: list[tuple[str, Any]]) -> str:
    return urlencode([(_utf8(name), _utf8(as_text(value))) for name, value in pairs])


def _encoded(body: Any, kind: str | None) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if kind == FORM and isinstance(body, dict):
        return _form([*body.items()]).encode()
    return json.dumps(body).encode()


def _utf8(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


@pytest.mark.soak
@pytest.mark.parametrize("api", VENDORS)
def test_whatever_is_asked_the_answer_is_a_documented_one(
    stack: Stack, all_vendors: Vendors, scale: Scale, figure: Figure, api: str
) -> None:
    answers = Answers(frozenset({*handed_out, *keys(stack)} - {MARK}))
    handed_out.add(MARK)
    talk = Talk(stack, stack.client(f"Fuzz {api}"), answers)
    batches, always_the_same = scale(75, 1700), bool(scale(1, 0))

    with ThreadPoolExecutor(WORKERS) as pool:

        @settings(
            max_examples=batches,
            derandomize=always_the_same,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # what was sent has changed something: once more is no use
            suppress_health_check=list(HealthCheck),
        )
        @given(batch=st.lists(st.tuples(REQUESTS[api], WHO), min_size=BATCH, max_size=BATCH))
        def send(batch: list[tuple[Request, str]]) -> None:
            list(pool.map(talk.send, batch))

        send()

    figure(f"fuzz of {api}", f"{answers}; {dict(talk.words.most_common())}")
    assert not answers.seen
    assert not answers.codes_told(messages(stack, all_vendors))
    assert answers.statuses.total() >= batches * BATCH
