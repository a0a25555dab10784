"""Requests made up from docs/openapi.yaml by schemathesis, on the running stack; all its checks.

First as the document has them, wrong ones too. Then with the rules in it that it has in words
alone (tests/e2e/rules.py): what is sent then has to be accepted.
"""

import itertools
import random
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tests.docs.sources import openapi, operations
from tests.e2e.answers import Answers
from tests.e2e.dialects import messagebird, verigator
from tests.e2e.leaks import keys, messages
from tests.e2e.rules import MARK, RETURN_URL, narrowed
from tests.e2e.talking import client_with
from tests.e2e.vendors import Vendors
from tests.figures import Figure, Scale
from tests.local.stack import Credentials, Stack, handed_out

WORKERS = 4  # threads; the emulator starts a process of each function for each of them
PATIENCE = 120  # seconds for an answer, on a machine that has much else to do
OFF = {"enabled": False}
DESTINATIONS = ("to", "recipient", "phone_number")


def without(*checks: str, **where: Any) -> dict[str, Any]:
    """No such checks there."""
    place = {name.replace("_", "-"): value for name, value in where.items()}
    return place | {"checks": dict.fromkeys(checks, OFF)}


def also(*statuses: str, **where: Any) -> dict[str, Any]:
    """Right data may be answered so there, too."""
    expected = ["2xx", "401", "403", "404", "409", "429", *statuses]
    place = {name.replace("_", "-"): value for name, value in where.items()}
    return place | {"checks": {"positive_data_acceptance": {"expected-statuses": expected}}}


# Checks that cannot hold somewhere, and why. (`object_level_authorization` wants clients in a file
# of its own form: test_flows.py has that no client sees another's verifications.)
EXCEPTIONS = [
    # All answers of Messente's API are 200: test_fuzz_dialects.py reads their words.
    without("ignored_auth", "negative_data_rejection", include_tag="messente"),
    # What was deleted stays readable, as canceled, until its time is over.
    without("use_after_free", include_path_regex="^(/v1/verifications/|/verify/)"),
    # A guess that names another destination or purpose is answered as if there were nothing.
    without("ensure_resource_availability", include_path="/v1/verifications/{id}/verify"),
    # A made-up code is wrong, and that is 422 there; so is a limit of Verigator's users, and a call
    # to an e-mail address, when a verification turns out to be of one.
    also(
        "422",
        include_operation_id=["confirmApp", "messagebirdRead", "verigatorStartAuth", "resendCode"],
    ),
    # A vendor, and whoever pretends to be one, gets the same answer to everything.
    without("negative_data_rejection", include_tag="reports"),
    # Other methods are API Gateway's, which says 403 there.
    without("unsupported_method", include_tag="reports"),
    without("unsupported_method", include_tag="pages"),
    # Whatever a form says, people are led back to the page, which says what was wrong.
    without("negative_data_rejection", include_tag="pages"),
    also("303", include_tag="pages"),
]
# Rules that are in words alone; the second run is about them.
IN_WORDS = also("400", "422", include_path_regex=".")
# They have a server of their own.
REPORTS = {"include-tag": "reports", "enabled": False}
ALL_ELSE = {"exclude-tag": "reports", "enabled": False}
# What takes more than luck to do.
TAKES_A_RIGHT_CODE = {"POST /v1/services/{service}/users/{user}/totp/confirm"}


@dataclass
class Outcome:
    """What became of the requests of some runs.

    Attributes:
        failures: how each kind was first seen.
        done: the operations that did what they were asked for.
    """

    answers: Answers
    failures: dict[str, str] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def note(self, recorder: ScenarioRecorder) -> None:
        """Take note of the requests of a scenario."""
        for name, interaction in recorder.interactions.items():
            case, response = recorder.cases[name].value, interaction.response
            if response is None:
                self.failures[f"no answer, {case.operation.label}"] = case.as_curl_command()
                continue
            [api] = case.operation.tags or []
            asked = interaction.request.uri + (interaction.request.body or b"").decode("latin-1")
            self.answers.note(api, asked, response.status_code, response.content)
            if response.status_code < 400:
                self.done.add(case.operation.label)
            for check in recorder.checks.get(name, ()):
                if check.failure_info:
                    failure = check.failure_info.failure
                    kind = f"{check.name}, {case.operation.label}: {failure.title}"
                    answered = f"{response.status_code} {response.content[:500]!r}"
                    told = (failure.message, case.as_curl_command(), answered)
                    self.failures.setdefault(kind, "\n".join(told))


def run(schema: Any, outcome: Outcome) -> None:
    """Send what schemathesis makes up, and take note of what it found."""
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            outcome.note(event.recorder)
        elif isinstance(event, events.NonFatalError):
            outcome.failures[event.label] = f"{event.info.title}: {event.info.message}"
        elif isinstance(event, events.FatalError):
            raise event.exception


def load(document: dict[str, Any], url: str, client: Credentials, **settings: Any) -> Any:
    """A document, with a client's credentials, and how it is to be tested."""
    credentials = {
        "bearer": {"bearer": client.bearer.removeprefix("Bearer ")},
        "accessKey": {"api_key": f"AccessKey {client.access_key()}"},
        "serviceAuth": {"api_key": f"{client.client_id}:{client.client_secret}"},
        "messenteUsername": {"api_key": client.client_id},
        "messentePassword": {"api_key": client.client_secret},
    }
    usual = {
        "base-url": url,
        "workers": WORKERS,
        "request-timeout": PATIENCE,
        "continue-on-failure": True,
        "auth": {"openapi": credentials},
        # TRACE and the like reach no function: they are API Gateway's.
        "phases": {"coverage": {"unexpected-methods": ["get", "post", "put", "patch", "delete"]}},
    }
    config = SchemathesisConfig.from_dict(usual | settings)
    return schemathesis.openapi.from_dict(document, config=config)


def a_number() -> str:
    """A Dutch mobile number of nobody; not by `random`, which Hypothesis seeds again and again."""
    return f"+3164{secrets.randbelow(10**7):07d}"


def things(stack: Stack, client: Credentials) -> dict[str, dict[str, str]]:
    """What there is: the parameters of paths to it, by what they begin with.

    And what there is to be deleted, by the operations that do it.
    """
    services, users = "/v1/service/service/{service}", "/v1/service/service/{service}/users/{user}"

    def service(name: str) -> str:
        made = verigator(stack, client, "POST", "", {"fqdn": f"{name}.example.com", "name": name})
        return str(made.body["id"])

    def user(of: str, name: str) -> str:
        fields = {"id_in_service": name, "phone_number": a_number()}
        return str(verigator(stack, client, "POST", f"/{of}/users", fields).body["id"])

    here = service("here")
    there = {"service": here, "user": user(here, "ann")}
    found = {
        services: there,
        "/v1/services/": there,
        f"DELETE {services}": {"service": service("doomed")},
        f"DELETE {users}": {"service": here, "user": user(here, "bob")},
    }
    for path, fields in {
        "/messages/": {"recipient": a_number()},
        "/voicemessages/": {"recipient": a_number(), "type": "tts"},
        "/verify/messages/email/": {"recipient": "there@example.com", "type": "email"},
    }.items():
        made = messagebird(stack, client.access_key(), "POST", "/verify", fields)
        found[path] = {"id": made.body["id"]}
    started = stack.call(
        "POST", "/v1/verifications", {"to": a_number(), "page": {"return_url": RETURN_URL}}, client
    )
    found["/v1/pages/"] = {"token": started.body["page_url"].rpartition("/")[2]}
    return found


def guide(schema: Any, found: Mapping[str, Mapping[str, str]]) -> None:
    """Send each message to somebody else, and let every second path lead to what there is.

    Else limits, and ids of nobody, would be all that is tested.
    """
    turns = itertools.count()

    @schema.hook("map_case")  # type: ignore[untyped-decorator]  # schemathesis has it so
    def change(_: Any, case: Any) -> Any:
        for fields in (case.body, case.query):
            if isinstance(fields, dict):
                fields |= {name: freshened(name, value) for name, value in fields.items()}
        if case.headers and "Idempotency-Key" in case.headers:
            case.headers["Idempotency-Key"] = f"{MARK}{next(turns)}"
        known = next((p for begin, p in found.items() if case.path.startswith(begin)), {})
        doomed = found.get(case.operation.label)
        if next(turns) % 2:
            known = doomed or {n: v for n, v in known.items() if n in case.path_parameters}
            case.path_parameters |= known
        elif doomed:  # of what schemathesis has seen, it would delete what the others need
            case.path_parameters |= {name: str(uuid.uuid4()) for name in doomed}
        return case


def freshened(name: str, value: Any) -> Any:
    """A destination of nobody in place of one, any address in place of one; and 6 in place of 6.0.

    To JSON Schema that is an integer, to the API it is none.
    """
    if name == "ip" and value is not None:
        return f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(256)}"  # RFC 2544
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if name not in DESTINATIONS or not isinstance(value, str):
        return value
    if "@" in value:
        return f"{secrets.token_hex(8)}@example.com"
    return a_number() if value.startswith("+") else a_number().removeprefix("+")


@pytest.mark.soak
def test_the_running_stack_is_as_its_document_says(
    stack: Stack, all_vendors: Vendors, scale: Scale, figure: Figure
) -> None:
    client = client_with(stack, return_urls=[RETURN_URL])
    outcome = Outcome(Answers(frozenset({*handed_out, *keys(stack)} - {MARK})))
    handed_out.add(MARK)
    document = openapi()
    seed = scale(5, secrets.randbelow(2**32))
    figure("seed of the fuzz", seed)

    def settings(examples: int, *rules: dict[str, Any], **more: Any) -> dict[str, Any]:
        generation = {"max-examples": examples, "database": "none", "no-shrink": True}
        return {"seed": seed, "operations": [*rules, *EXCEPTIONS], "generation": generation | more}

    state = random.getstate()  # Hypothesis seeds it, and other tests take their numbers from it
    try:
        ways = settings(scale(10, 1100), REPORTS, IN_WORDS)
        run(load(document, stack.api_url, client, **ways), outcome)
        ways = settings(scale(10, 1100), REPORTS, mode="positive")
        right = load(narrowed(document), stack.api_url, client, **ways)
        guide(right, things(stack, client))
        run(right, outcome)
        ways = settings(scale(50, 1000), ALL_ELSE) | {"phases": {"stateful": OFF}}
        run(load(document, stack.reports_url, client, **ways), outcome)
    finally:
        random.setstate(state)

    figure("fuzz by the document", outcome.answers)
    assert not outcome.failures, "\n\n".join(": ".join(one) for one in outcome.failures.items())
    assert not outcome.answers.seen
    assert not outcome.answers.codes_told(messages(stack, all_vendors))
    every = {f"{method} {path}" for method, path, _ in operations()}
    assert every - outcome.done == TAKES_A_RIGHT_CODE
    assert outcome.answers.statuses.total() >= scale(3_000, 60_000)


# ------------------------------------------------------- taking note of answers sees what it must

SENT = [("+31641234567", "481516 is your code"), ("ann@example.net", "Code: 2342")]
ID, OTHER = "a" * 27, "b" * 27


@pytest.mark.parametrize(
    ("asked", "said", "told"),
    [
        ("/v1/verifications", '{"id": "%s", "to": "+31641234567", "x": "481516"}', {"481516": ID}),
        (
            "/verify",
            '{"id": "%s", "recipient": 31641234567, "body": "Your 481516!"}',
            {"481516": ID},
        ),
        ("/v1/verifications", '{"id": "%s", "to": "ann@example.net", "x": 2342}', {"2342": ID}),
        ("/v1/verifications", '{"id": "%s", "to": "+31641234567", "x": "2342"}', {}),
        ("/v1/verifications", '{"id": "%s", "to": "+31641234567", "x": "1481516"}', {}),
        ("/v1/verifications?481516", '{"id": "%s", "to": "+31641234567", "x": "481516"}', {}),
    ],
)
def test_a_code_in_an_answer_is_seen(asked: str, said: str, told: dict[str, str]) -> None:
    answers = Answers(frozenset())
    answers.note("any", asked, 200, (said % ID).encode())
    answers.note("any", "/", 200, f'{{"id": "{OTHER}", "to": "+31600000000"}}'.encode())
    assert answers.codes_told(SENT) == told


def test_a_code_in_an_error_about_a_verification_is_seen() -> None:
    answers = Answers(frozenset())
    answers.note(
        "any", "/v1/verifications", 201, f'{{"id": "{ID}", "to": "+31641234567"}}'.encode()
    )
    answers.note("any", f"/v1/verifications/{ID}/verify", 422, b'{"detail": "it was 481516"}')
    assert answers.codes_told(SENT) == {"481516": ID}


def test_a_secret_and_a_seed_in_an_answer_are_seen() -> None:
    answers = Answers(frozenset({"a-secret"}))
    answers.note("apps", "/totp", 201, b'{"otpauth_url": "otpauth://x?secret=A"}')
    answers.note("any", "/?key=a-secret", 200, b'"a-secret"')
    assert answers.seen == {}
    answers.note("any", "/", 200, b'"otpauth://x?secret=A"')
    answers.note("any", "/", 200, b'"a-secret"')
    assert answers.seen.keys() == {"a seed", "a-secret"}
