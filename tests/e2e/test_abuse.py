"""What stands in the way of abuse on the deployed stack: limits, countries, the guard, budgets."""

import json
import random
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from verification.domain.guard import Kind, Tally
from verification.domain.limits import Charge, LimitName, parse_all_limits
from verification.domain.policy import Scope
from verification.operations.screening import sighted
from verification.storage import directory, prices, table
from verification.storage.secrets import StoredIdentityKey
from verification.storage.tallies import DynamoDbTallies

from tests.e2e.dialects import messagebird, messente, verigator
from tests.e2e.leaks import logged_by
from tests.e2e.talking import a_number, call_raw, client_with, code_in, operate, wrong
from tests.e2e.test_flows import age
from tests.e2e.test_queue import eventually
from tests.local.deploy import outputs
from tests.local.stack import FUNCTIONS, Answer, Credentials, Stack
from tests.template.test_api import ANSWERS, DIALECTS

APIS = ("native", "messente", "messagebird", "verigator")
# What each API says to a start: when it is done; when a limit is used up or the guard is in the
# way; when a budget is spent.
DONE = {"native": "201", "messente": "OK", "messagebird": "201", "verigator": "200"}
LIMITED = {
    "native": "429 limit_exceeded",
    "messente": "FAILED 209",
    "messagebird": "422 10 recipient",
    "verigator": "422",
}
REFUSED = {"messente": "ERROR 102", "messagebird": "422 10 recipient", "verigator": "422"}
SPENT = LIMITED | {"native": "429 budget_spent", "messagebird": "422 21 None"}


def a_window() -> str:
    """Most of a day, to the second: a rule that no other test counts under."""
    return f"{random.randrange(50_000, 86_400)}s"


def an_address() -> str:
    """An address that no other test uses (RFC 2544 has it for benchmarks)."""
    return f"198.18.{random.randrange(256)}.{random.randrange(256)}"


def a_number_of(country: str) -> str:
    """A mobile number that no other test uses, of a country that none uses otherwise."""
    prefix, digits = {"BE": ("+32471", 6), "IS": ("+354611", 4), "LU": ("+352621", 6)}[country]
    return f"{prefix}{secrets.randbelow(10**digits):0{digits}}"


def begin(stack: Stack, client: Credentials, to: str, **fields: Any) -> Answer:
    """Start by the native API."""
    return stack.call("POST", "/v1/verifications", {"to": to, **fields}, client)


def ask(stack: Stack, client: Credentials, api: str, to: str) -> str:
    """Start by one of the APIs; the parts of its answer that programs go by."""
    if api == "native":
        answer = begin(stack, client, to)
        return " ".join(map(str, filter(None, (answer.status, answer.body.get("code")))))
    if api == "messente":
        said = messente(stack, client, "start", to=to, max_tries="1")
        return "OK" if said.startswith("OK ") else said
    if api == "messagebird":
        answer = messagebird(stack, client.access_key(), "POST", "/verify", {"recipient": to})
        faults = [f"{one['code']} {one['parameter']}" for one in answer.body.get("errors", ())]
        return " ".join((str(answer.status), *faults))
    return str(
        verigator(stack, client, "POST", a_user(stack, client, to), {"method": "sms"}).status
    )


def a_user(stack: Stack, client: Credentials, to: str) -> str:
    """The path of a new user's authentication, in a service of its own."""
    service = {"fqdn": f"{secrets.token_hex(6)}.com", "name": "Shop"}
    users = f"/{verigator(stack, client, 'POST', '', service).body['id']}/users"
    user = verigator(stack, client, "POST", users, {"id_in_service": to, "phone_number": to})
    return f"{users}/{user.body['id']}/auth"


# ----------------------------------------------------------------------------------------- Limits


@pytest.mark.parametrize(
    ("name", "amount"),
    [
        (LimitName.DESTINATION_SENDS, 1),
        (LimitName.DESTINATION_GUESSES, 5),
        (LimitName.SHORT_CODE_GUESSES, 5),
        (LimitName.IP_STARTS, 1),
        (LimitName.CLIENT_STARTS, 1),
        (LimitName.COUNTRY_SENDS, 1),
        (LimitName.PREFIX_SENDS, 1),
    ],
)
def test_a_limit_refuses_by_its_name_and_says_when_it_ends(
    stack: Stack, name: LimitName, amount: int
) -> None:
    rule = f"{2 * amount}/{a_window()}"
    client, to = client_with(stack, limits=f"{name}={rule}", counts_alone=True), a_number()
    fields = {"ip": an_address(), "code_length": 5}
    answers = [begin(stack, client, to, **fields) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    refused = answers[-1].body
    assert (refused["code"], refused["limit"]) == ("limit_exceeded", name)
    assert refused["detail"] == f"The limit {name} {rule} is used up."
    wait = int(answers[-1].headers["Retry-After"])
    assert 1 <= wait == refused["retry_after"] <= int(rule.partition("/")[2][:-1])
    assert len(stack.texts_to(to)) == 2


def test_starts_of_a_client_count_together_in_all_apis(stack: Stack) -> None:
    client = client_with(stack, limits=f"client_starts=4/{a_window()}")
    assert {api: ask(stack, client, api, a_number()) for api in APIS} == DONE
    assert {api: ask(stack, client, api, a_number()) for api in APIS} == LIMITED
    payload = {"client": client.client_id, "to": a_number()}
    invoked = stack.aws("lambda").invoke(
        FunctionName=stack.functions["start"], Payload=json.dumps(payload)
    )
    error = json.loads(invoked["Payload"].read())["error"]
    assert (error["code"], error["limit"]) == ("limit_exceeded", "client_starts")
    assert ask(stack, client_with(stack), "native", a_number()) == DONE["native"]


def test_a_number_is_spared_by_all_clients_and_apis_together(stack: Stack) -> None:
    """But for those of a client that counts alone, which has as much for itself."""
    to, limits = a_number(), f"destination_sends=5/{a_window()}"
    clients = {api: client_with(stack, limits=limits) for api in APIS}
    alone = client_with(stack, limits=limits, counts_alone=True)
    assert {api: ask(stack, clients[api], api, to) for api in APIS} == DONE
    assert ask(stack, clients["native"], "native", to) == DONE["native"]
    assert {api: ask(stack, clients[api], api, to) for api in APIS} == LIMITED
    answers = [ask(stack, alone, "native", to) for _ in range(6)]
    assert answers == [DONE["native"]] * 5 + [LIMITED["native"]]


def test_starts_from_an_address_count_for_all_clients_together(stack: Stack) -> None:
    """By both APIs whose callers can name one; the caller's own address counts for nothing."""
    limits, ip = f"ip_starts=3/{a_window()}", an_address()
    one, other = (client_with(stack, limits=limits) for _ in range(2))
    assert begin(stack, one, a_number(), ip=ip).status == 201
    device = {"ip": ip, "max_tries": "1"}
    assert messente(stack, other, "start", to=a_number(), **device).startswith("OK ")
    assert begin(stack, other, a_number(), ip=ip).status == 201
    for client in (one, other):
        assert begin(stack, client, a_number(), ip=ip).body["limit"] == "ip_starts"
        assert messente(stack, client, "start", to=a_number(), **device) == "FAILED 209"
    assert begin(stack, one, a_number(), ip=an_address()).status == 201
    assert begin(stack, one, a_number()).status == 201


def test_all_addresses_of_one_household_are_one(stack: Stack) -> None:
    client = client_with(stack, limits=f"ip_starts=2/{a_window()}")
    network = f"2001:db8:{random.randrange(1 << 16):x}:{random.randrange(1 << 16):x}"
    spelled = (f"{network}::1", f"{network}:aaaa:bbbb:cccc:dddd", f"{network.upper()}::2")
    statuses = [begin(stack, client, a_number(), ip=ip).status for ip in spelled]
    assert statuses == [201, 201, 429]
    assert begin(stack, client, a_number(), ip="2001:db8::1").status == 201


def test_messages_to_a_country_count_together_for_all_clients(stack: Stack) -> None:
    """But for a client that has a limit of its own for it; and other countries have another."""
    with limits_of_stack(stack, country_sends=f"100/{a_window()}, LU=3/{a_window()}"):
        one, other = client_with(stack), client_with(stack)
        assert [begin(stack, one, a_number_of("LU")).status for _ in range(2)] == [201, 201]
        assert begin(stack, other, a_number_of("LU")).status == 201
        for client in (one, other):
            assert begin(stack, client, a_number_of("LU")).body["limit"] == "country_sends"
            assert begin(stack, client, a_number()).status == 201
        own = client_with(stack, limits=f"country_sends=LU=1/{a_window()}")
        assert [begin(stack, own, a_number_of("LU")).status for _ in range(2)] == [201, 429]


def test_messages_to_a_block_of_numbers_count_together_for_all_clients(stack: Stack) -> None:
    block, last = a_number_of("BE")[:-4], iter(random.sample(range(1000, 10_000), 4))
    with limits_of_stack(stack, prefix_sends=f"2/{a_window()}"):
        one, other = client_with(stack), client_with(stack)
        assert begin(stack, one, f"{block}{next(last)}").status == 201
        assert begin(stack, other, f"{block}{next(last)}").status == 201
        for client in (one, other):
            assert begin(stack, client, f"{block}{next(last)}").body["limit"] == "prefix_sends"
        assert begin(stack, one, a_number()).status == 201


@contextmanager
def limits_of_stack(stack: Stack, **rules: str) -> Iterator[None]:
    """Let the native API's starts count against other limits than those of the deployment."""
    client, arn = stack.aws("lambda"), stack.functions["start"]
    before = client.get_function_configuration(FunctionName=arn)["Environment"]["Variables"]
    limits = before["LIMITS"]
    for name, rule in rules.items():
        limits = re.sub(rf"\b{name}=[^;]*", f"{name}={rule}", limits)
    changed = {"Variables": before | {"LIMITS": limits}}
    client.update_function_configuration(FunctionName=arn, Environment=changed)
    try:
        yield
    finally:
        client.update_function_configuration(FunctionName=arn, Environment={"Variables": before})


# ------------------------------------------------------------------------------- Guesses given back


def test_guesses_that_can_never_be_made_are_given_back_once(stack: Stack) -> None:
    """To who verified at the first guess, and to who deleted after one; and what was used stays."""
    client = client_with(stack, limits=f"destination_guesses=50/{a_window()}")
    verified, canceled = a_number(), a_number()
    ids = {to: begin(stack, client, to).body["id"] for to in (verified, canceled)}
    for to in ids:  # from what another start paid, nothing may be given
        assert begin(stack, client, to).status == 201
    keys = {to: windows_of(stack, ids[to]) for to in ids}
    assert {to: used(stack, keys[to]) for to in ids} == {verified: [10], canceled: [10]}

    code = code_in(stack.texts_to(verified)[0])
    assert guess(stack, client, ids[verified], code)["valid"] is True
    code = code_in(stack.texts_to(canceled)[0])
    assert guess(stack, client, ids[canceled], wrong(code))["valid"] is False
    assert stack.call("DELETE", f"/v1/verifications/{ids[canceled]}", by=client).status == 204
    for to in ids:
        await_used(stack, keys[to], [6])

    tally = stack.other_functions["tally"]
    stack.call("DELETE", f"/v1/verifications/{ids[verified]}", by=client)  # a change more
    for to in ids:
        event = {"Records": changes_of(stack, ids[to])}
        assert len(event["Records"]) >= 3
        for _ in range(2):  # the stream may bring a change again
            answer = stack.aws("lambda").invoke(FunctionName=tally, Payload=json.dumps(event))
            assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}
    assert {to: used(stack, keys[to]) for to in ids} == {verified: [6], canceled: [6]}


def test_who_verifies_can_go_on_and_who_does_not_is_stopped(stack: Stack) -> None:
    """Ten guesses: two codes of five for somebody who guesses, any number for who types them."""
    client = client_with(
        stack, limits=f"destination_guesses=10/{a_window()}; destination_sends=9/1h"
    )
    honest, guesser = a_number(), a_number()
    for n in range(1, 4):
        made = begin(stack, client, honest)
        assert made.status == 201
        keys = windows_of(stack, made.body["id"])
        assert guess(stack, client, made.body["id"], code_in(stack.texts_to(honest)[-1]))["valid"]
        await_used(stack, keys, [n])
    answers = [begin(stack, client, guesser) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert answers[-1].body["limit"] == "destination_guesses"


def guess(stack: Stack, client: Credentials, verification_id: str, code: str) -> dict[str, Any]:
    path = f"/v1/verifications/{verification_id}/verify"
    body: dict[str, Any] = stack.call("POST", path, {"code": code}, client).body
    return body


def item_of(stack: Stack, verification_id: str) -> table.Item:
    """The item of a verification."""
    key = table.verification_key(verification_id[1:])
    answer = stack.aws("dynamodb").get_item(TableName=stack.tables["sessions"], Key=key)
    item: table.Item = answer["Item"]
    return item


def windows_of(stack: Stack, verification_id: str) -> list[str]:
    """The windows that its guesses were paid in."""
    paid: str = item_of(stack, verification_id)["paid"]["S"]
    return paid.split()


def used(stack: Stack, keys: list[str]) -> list[int]:
    """What is counted in windows of limits."""
    dynamodb, name = stack.aws("dynamodb"), stack.tables["sessions"]
    items = (dynamodb.get_item(TableName=name, Key=table.window_key(key))["Item"] for key in keys)
    return [int(item["used"]["N"]) for item in items]


def await_used(stack: Stack, keys: list[str], counts: list[int]) -> None:
    """Wait until so much is counted."""
    eventually(lambda: used(stack, keys) == counts)


def changes_of(stack: Stack, verification_id: str) -> list[dict[str, Any]]:
    """What the stream has of a verification, as Lambda hands it over."""
    streams = stack.aws("dynamodbstreams")
    [one] = streams.list_streams(TableName=stack.tables["sessions"])["Streams"]
    described = streams.describe_stream(StreamArn=one["StreamArn"])["StreamDescription"]
    found = []
    for shard in described["Shards"]:
        at: str | None = streams.get_shard_iterator(
            StreamArn=one["StreamArn"],
            ShardId=shard["ShardId"],
            ShardIteratorType="TRIM_HORIZON",
        )["ShardIterator"]
        while at:
            answer = streams.get_records(ShardIterator=at)
            found += answer["Records"]
            at = answer["NextShardIterator"] if answer["Records"] else None
    wanted = table.verification_key(verification_id[1:])
    return [_as_lambda(one) for one in found if one["dynamodb"]["Keys"] == wanted]


def _as_lambda(record: Mapping[str, Any]) -> Any:
    """Binary values in base64, times in seconds."""
    return json.loads(json.dumps(record, default=_as_text))


def _as_text(value: Any) -> Any:
    return b64encode(value).decode() if isinstance(value, bytes) else value.timestamp()


# ---------------------------------------------------------------------------- Countries and kinds


KINDS = {"premium_rate": "+31906123456", "voip": "+31851234567", "shared_cost": "+3278791234"}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_goes_to_numbers_that_cost_or_that_are_had_by_the_dozen(
    stack: Stack, kind: str
) -> None:
    client, to = client_with(stack), KINDS[kind]
    answer = begin(stack, client, to)
    assert (answer.status, answer.body["code"]) == (403, "destination_not_allowed")
    assert answer.body["detail"] == f"Not to numbers of the kind {kind}."
    said = {api: ask(stack, client, api, to) for api in REFUSED}
    assert said == REFUSED
    assert stack.texts_to(to) == []


def test_a_client_may_have_countries_and_kinds_of_its_own(stack: Stack) -> None:
    """What is refused counts for nothing; e-mail has no country."""
    client = client_with(
        stack, countries=["NL"], refused_kinds=["mobile"], limits=f"client_starts=2/{a_window()}"
    )
    for api in APIS:
        foreign = ask(stack, client, api, a_number_of("LU"))
        assert foreign == (REFUSED | {"native": "403 destination_not_allowed"})[api]
    assert begin(stack, client, a_number_of("LU")).body["detail"] == "Not to numbers of LU."
    assert begin(stack, client, a_number()).body["detail"] == "Not to numbers of the kind mobile."
    assert begin(stack, client, KINDS["voip"]).status == 201
    assert begin(stack, client, f"{secrets.token_hex(8)}@example.org").status == 201
    assert begin(stack, client, KINDS["voip"]).body["limit"] == "client_starts"


def test_a_country_may_have_a_sender_and_a_template(stack: Stack) -> None:
    client = client_with(
        stack,
        senders_by_country={"NL": "Winkel"},
        templates_by_country={"NL": "{code} is van {brand}"},
    )
    here, there = a_number(), a_number_of("LU")
    for to in (here, there):
        assert begin(stack, client, to).status == 201
    assert stack.texts_to(here)[0].endswith(" is van Verify")
    assert " is van " not in stack.texts_to(there)[0]
    assert begin(stack, client, here, template="{code} it is").status == 201
    assert stack.texts_to(here)[1].endswith(" it is")


# ------------------------------------------------------------------------------------------ Guard


def test_sends_that_nobody_verifies_become_suspect_until_some_are_verified(stack: Stack) -> None:
    """Of a client that monitors, as all do by default: it is told, and lets them through."""
    client, numbers = client_with(stack), [a_number() for _ in range(20)]
    begun = [begin(stack, client, to).body for to in numbers]
    assert not [one for one in begun if "suspicions" in one]
    eventually(lambda: seen(stack, begun[-1]["id"])[Kind.COUNTRY_DAY].sends == 20)

    to = a_number()
    suspect = begin(stack, client, to)
    assert suspect.status == 201
    assert "country_day" in suspect.body["suspicions"]
    looked_up = stack.call("GET", f"/v1/verifications/{suspect.body['id']}", by=client)
    assert looked_up.body["suspicions"] == suspect.body["suspicions"]
    assert len(stack.texts_to(to)) == 1
    [told] = lines_of(stack, "start", "fraud_suspected", client)
    assert (told["verification_id"], told["outcome"]) == (suspect.body["id"], "let_through")
    assert told["reason"] == ",".join(suspect.body["suspicions"])

    for one, number in zip(begun[:2], numbers[:2], strict=True):
        assert guess(stack, client, one["id"], code_in(stack.texts_to(number)[0]))["valid"]
    eventually(lambda: seen(stack, begun[-1]["id"])[Kind.COUNTRY_DAY] == Tally(21, 2))
    assert "suspicions" not in begin(stack, client, a_number()).body


def test_who_types_the_codes_is_never_suspect(stack: Stack) -> None:
    """Twelve from one address, where ten that nobody verified would be too many."""
    client, ip, ids = client_with(stack), an_address(), []
    for _ in range(12):
        to = a_number()
        started = begin(stack, client, to, ip=ip).body
        assert "suspicions" not in started
        assert guess(stack, client, started["id"], code_in(stack.texts_to(to)[0]))["valid"]
        ids.append(started["id"])
    eventually(lambda: seen(stack, ids[-1])[Kind.IP_DAY].verified == 12)
    assert "suspicions" not in begin(stack, client, a_number(), ip=ip).body


def test_sends_from_one_address_that_nobody_verifies_become_suspect(stack: Stack) -> None:
    client, ip = client_with(stack), an_address()
    ids = [begin(stack, client, a_number(), ip=ip).body["id"] for _ in range(10)]
    eventually(lambda: seen(stack, ids[-1])[Kind.IP_DAY].sends == 10)
    assert begin(stack, client, a_number(), ip=ip).body["suspicions"] == ["ip_day"]
    assert "suspicions" not in begin(stack, client, a_number(), ip=an_address()).body


def test_an_address_that_sends_to_four_countries_is_suspect(stack: Stack) -> None:
    client, ip = client_with(stack), an_address()
    numbers = [a_number(), a_number_of("BE"), a_number_of("LU")]
    ids = [begin(stack, client, to, ip=ip).body["id"] for to in numbers]
    eventually(lambda: seen(stack, ids[-1])[Kind.IP_DAY].countries == {"NL", "BE", "LU"})
    assert begin(stack, client, a_number_of("IS"), ip=ip).body["suspicions"] == ["ip_countries"]
    for one, to in zip(ids[:2], numbers[:2], strict=True):
        assert guess(stack, client, one, code_in(stack.texts_to(to)[0]))["valid"]
    eventually(lambda: seen(stack, ids[-1])[Kind.IP_DAY].countries == {"LU", "IS"})
    assert "suspicions" not in begin(stack, client, a_number(), ip=ip).body


def test_numbers_in_a_row_are_suspect(stack: Stack) -> None:
    client, first = client_with(stack), int(f"{a_number()[1:-2]}40")
    row = [f"+{first + n}" for n in range(5)]
    ids = [begin(stack, client, to).body["id"] for to in row[:4]]
    eventually(lambda: len(seen(stack, ids[-1])[Kind.BLOCK_DAY].numbers) == 4)
    assert begin(stack, client, row[4]).body["suspicions"] == ["number_run"]
    assert begin(stack, client, f"+{first + 9}").body["suspicions"] == ["number_run"]
    assert "suspicions" not in begin(stack, client, f"+{first + 100}").body, "another block"


def test_a_client_that_blocks_refuses_what_is_suspect_until_an_operator_lets_it_through(
    stack: Stack,
) -> None:
    client, key = client_with(stack, guard="block"), secrets.token_hex(8)
    numbers = [a_number_of("IS") for _ in range(20)]
    place = numbers[0][:7]
    body = {"to": numbers[0]}
    first = repeat(stack, client, body, key)
    ids = [begin(stack, client, to).body["id"] for to in numbers[1:]]
    eventually(lambda: seen(stack, ids[-1])[Kind.COUNTRY_DAY].sends == 20)

    to = a_number_of("IS")
    refused = begin(stack, client, to)
    assert (refused.status, refused.body["code"]) == (403, "suspected_fraud")
    assert "detail" not in refused.body, "it would say what to change"
    refusals = {"native": "403 suspected_fraud", **REFUSED}
    assert {api: ask(stack, client, api, to) for api in APIS} == refusals
    assert stack.texts_to(to) == []
    assert repeat(stack, client, body, key).body == first.body, "it was started before"
    assert begin(stack, client_with(stack, guard="block"), to).status == 201, "one client's own"
    assert begin(stack, client, a_number()).status == 201

    sessions = ("--table", stack.tables["sessions"])
    operate(stack, "unblock", place, "--for", "1h", *sessions)
    through = {api: ask(stack, client, api, a_number_of("IS")) for api in APIS}
    operate(stack, "unblock", place, "--for", "0s", *sessions)
    assert through == DONE
    assert ask(stack, client, "native", to) == "403 suspected_fraud"
    [told] = lines_of(stack, "messente", "fraud_suspected", client)
    assert told["outcome"] == "blocked" and "country_day" in told["reason"]


def repeat(stack: Stack, client: Credentials, body: dict[str, str], key: str) -> Answer:
    headers = {"Authorization": client.bearer, "Idempotency-Key": key}
    return call_raw(stack, "POST", "/v1/verifications", body, headers)


def seen(stack: Stack, verification_id: str) -> Mapping[Kind, Tally]:
    """What the guard has seen where a verification counts; nothing yet where it has not."""
    secret = outputs(stack.endpoint_url)["IdentityKeySecretArn"]
    key = StoredIdentityKey(stack.aws("secretsmanager"), secret)()
    verification = table.read_verification(item_of(stack, verification_id))
    windows = sighted(verification).windows(key)
    tallies = DynamoDbTallies(stack.aws("dynamodb"), stack.tables["sessions"])
    found, _ = tallies.read(windows.values(), 0)
    return {kind: found.get(window, Tally()) for kind, window in windows.items()}


def lines_of(
    stack: Stack, function: str, message: str, client: Credentials
) -> list[dict[str, Any]]:
    """What a function has logged about a client."""
    lines = (json.loads(line) for line in logged_by(stack, function) if line.startswith("{"))
    wanted = {"message": message, "client_id": client.client_id}
    return [line for line in lines if wanted.items() <= line.items()]


# ---------------------------------------------------------------------------------------- Budgets


def test_a_spent_budget_stops_sends_and_lets_codes_be_verified(stack: Stack) -> None:
    client = client_with(stack, limits="client_messages=3")
    numbers = [a_number() for _ in range(3)]
    ids = [begin(stack, client, to).body["id"] for to in numbers]
    refused = begin(stack, client, a_number())
    assert (refused.status, refused.body["code"]) == (429, "budget_spent")
    assert refused.body["limit"] == "client_messages"
    assert refused.body["detail"] == "The limit client_messages 3/day is used up."
    assert 1 <= int(refused.headers["Retry-After"]) <= 86_400
    assert {api: ask(stack, client, api, a_number()) for api in APIS} == SPENT
    mail = f"{secrets.token_hex(8)}@example.org"
    assert begin(stack, client, mail).body["code"] == "budget_spent"
    age(stack, ids[1], 31)
    again = stack.call("POST", f"/v1/verifications/{ids[1]}/resend", {}, client)
    assert (again.status, again.body["code"]) == (429, "budget_spent")
    assert guess(stack, client, ids[0], code_in(stack.texts_to(numbers[0])[0]))["valid"] is True

    [told] = eventually(lambda: lines_of(stack, "tally", "budget_nearly_spent", client))
    assert (told["limit"], told["percent"]) == ("client_messages", 100)
    assert told["level"] == "WARNING"


@pytest.fixture
def priced(stack: Stack) -> Iterator[None]:
    """Three cents and a half for an SMS by SNS to the Netherlands; nothing else has a price."""
    dynamodb, name = stack.aws("dynamodb"), stack.tables["directory"]
    item = prices.write_prices({prices.price_name("sns", "sms", "NL"): 350})
    dynamodb.put_item(TableName=name, Item=item)
    yield
    dynamodb.delete_item(TableName=name, Key=table.prices_key())


def test_messages_cost_what_their_prices_say(stack: Stack, priced: None) -> None:
    """Of ten cents two fit, and no third; of what has no price, any number."""
    client = client_with(stack, limits="client_cost=0.10")
    answers = [begin(stack, client, a_number()) for _ in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert (answers[2].body["code"], answers[2].body["limit"]) == ("budget_spent", "client_cost")
    mails = [f"{secrets.token_hex(8)}@example.org" for _ in range(3)]
    assert [begin(stack, client, mail).status for mail in mails] == [201] * 3


def test_the_whole_stack_may_have_a_budget(stack: Stack) -> None:
    """Of a hundred messages one is left, and two clients."""
    [limit] = parse_all_limits("stack_messages=100").of(LimitName.STACK_MESSAGES)
    key = table.limit_key(Charge(limit, b"stack", 1), time.time_ns() // 1_000_000)
    item = key | {"used": {"N": "99"}, "rule": {"S": limit.rule}}
    stack.aws("dynamodb").put_item(TableName=stack.tables["sessions"], Item=item)
    one, other = client_with(stack), client_with(stack)
    with limits_of_stack(stack, stack_messages="100"):
        assert begin(stack, one, a_number()).status == 201
        for client in (one, other):
            refused = begin(stack, client, a_number()).body
            assert (refused["code"], refused["limit"]) == ("budget_spent", "stack_messages")
            assert refused["detail"] == "The limit stack_messages 100/day is used up."
    whole = Credentials("stack", "")
    told = eventually(lambda: lines_of(stack, "tally", "budget_nearly_spent", whole))
    assert (told[-1]["limit"], told[-1]["percent"]) == ("stack_messages", 100)


# ---------------------------------------------------------------------------------------- Clients

# What each route needs, of all that the API has but for those that anybody may ask.
NEEDS = {
    "POST /v1/verifications": Scope.START,
    "GET /v1/verifications": Scope.LOOKUP,
    "GET /v1/verifications/{id}": Scope.LOOKUP,
    "DELETE /v1/verifications/{id}": Scope.DELETE,
    "POST /v1/verifications/{id}/resend": Scope.START,
    "POST /v1/verifications/{id}/verify": Scope.VERIFY,
    "GET /verify/start": Scope.START,
    "POST /verify/start": Scope.START,
    "GET /verify/pin": Scope.VERIFY,
    "POST /verify/pin": Scope.VERIFY,
    "DELETE /v1/devices": Scope.DELETE,
    "POST /verify": Scope.START,
    "GET /verify/{id}": Scope.LOOKUP,
    "GET /verify/{id}?token=123456": Scope.VERIFY,
    "DELETE /verify/{id}": Scope.DELETE,
    "GET /verify/messages/email/{id}": Scope.LOOKUP,
    "GET /messages/{id}": Scope.LOOKUP,
    "GET /voicemessages/{id}": Scope.LOOKUP,
    "POST /v1/service/service": Scope.ADMIN,
    "GET /v1/service/service/{service}": Scope.LOOKUP,
    "DELETE /v1/service/service/{service}": Scope.ADMIN,
    "POST /v1/service/service/{service}/users": Scope.START,
    "GET /v1/service/service/{service}/users": Scope.LOOKUP,
    "GET /v1/service/service/{service}/users/{user}": Scope.LOOKUP,
    "GET /v1/service/service/{service}/user/{user}": Scope.LOOKUP,
    "DELETE /v1/service/service/{service}/users/{user}": Scope.DELETE,
    "POST /v1/service/service/{service}/users/{user}/auth": Scope.START,
    "PUT /v1/service/service/{service}/users/{user}/auth": Scope.VERIFY,
    "POST /v1/services/{service}/users/{user}/totp": Scope.START,
    "POST /v1/services/{service}/users/{user}/totp/confirm": Scope.START,
    "DELETE /v1/services/{service}/users/{user}/totp": Scope.DELETE,
}
DIRECTLY = {
    "start": Scope.START,
    "verify": Scope.VERIFY,
    "lookup": Scope.LOOKUP,
    "delete": Scope.DELETE,
    "resend": Scope.START,
}


def test_each_route_needs_a_scope() -> None:
    routes = {route.partition("?")[0] for route in NEEDS}
    assert routes == (ANSWERS.keys() | DIALECTS.keys()) - {"GET /v1/health"}
    assert DIRECTLY.keys() == set(FUNCTIONS)


@pytest.mark.parametrize("scope", Scope)
def test_a_client_may_do_what_it_has_a_scope_for_and_nothing_else(
    stack: Stack, scope: Scope
) -> None:
    client = client_with(stack, scopes=[scope])
    answers = {route: bare(stack, client, route) for route in NEEDS}
    assert not [route for route, answer in answers.items() if answer.status_code >= 500]
    allowed = {route for route in NEEDS if not lacks_scope(route, answers[route])}
    assert allowed == {route for route, needed in NEEDS.items() if needed == scope}
    payload = json.dumps({"client": client.client_id})
    for function, needed in DIRECTLY.items():
        arn = stack.functions[function]
        answer = stack.aws("lambda").invoke(FunctionName=arn, Payload=payload)
        error = json.loads(answer["Payload"].read())["error"]
        assert (error["code"] == "scope_missing") == (needed != scope)


def bare(stack: Stack, client: Credentials, route: str) -> requests.Response:
    """The answer to a request with nothing but credentials, about what is not there."""
    method, path = route.split()
    nobody = "00000000-0000-4000-8000-000000000000"
    for name, value in (("id", "a" * 27), ("service", nobody), ("user", nobody)):
        path = path.replace(f"{{{name}}}", value)
    by = DIALECTS.get(route.partition("?")[0])
    key = f"AccessKey {client.access_key()}" if by == "MessageBirdFunction" else client.bearer
    own = {"username": client.client_id, "password": client.client_secret}
    return requests.request(
        method,
        stack.api_url + path,
        params=own if is_messente(route) else None,
        json=None if method in ("GET", "DELETE") else {},
        headers={
            "Authorization": key,
            "X-Service-Auth": f"{client.client_id}:{client.client_secret}",
        },
        timeout=30,
    )


def lacks_scope(route: str, answer: requests.Response) -> bool:
    """Whether an answer says so, in the words of its API."""
    if is_messente(route):
        return answer.text == "ERROR 101"
    if DIALECTS.get(route.partition("?")[0]) == "MessageBirdFunction":
        return answer.status_code == 401 and "may not do this" in answer.text
    return answer.status_code == 403 and "scope" in answer.text


def is_messente(route: str) -> bool:
    return route.partition("?")[0].endswith(("/verify/start", "/verify/pin"))


def test_it_is_known_when_a_secret_was_last_used(stack: Stack) -> None:
    client, dynamodb = client_with(stack), stack.aws("dynamodb")
    secret = directory.use_name(directory.hash_secret(client.client_secret))
    where = {"TableName": stack.tables["directory"], "Key": table.use_key(client.client_id)}
    assert "Item" not in dynamodb.get_item(**where)
    begun = time.time_ns() // 1_000_000
    assert stack.call("GET", f"/v1/verifications?to={a_number()}", by=client).status == 200
    first = dynamodb.get_item(**where)["Item"]
    assert begun <= int(first[secret]["N"]) <= time.time_ns() // 1_000_000
    assert stack.call("GET", f"/v1/verifications?to={a_number()}", by=client).status == 200
    assert dynamodb.get_item(**where)["Item"] == first, "once in an hour is enough"
    wrong_one = Credentials(client.client_id, "x" * 43)
    assert stack.call("GET", "/v1/verifications?to=%2B31612345678", by=wrong_one).status == 401
    assert dynamodb.get_item(**where)["Item"] == first
