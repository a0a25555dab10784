"""What stands in the way of abuse on the deployed stack: limits, countries, the guard, budgets."""

import json
import random
import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from verification.domain.guard import Kind, Tally
from verification.domain.limits import LimitName
from verification.domain.policy import Scope
from verification.operations.screening import sighted
from verification.storage import directory, prices, table
from verification.storage.secrets import StoredIdentityKey
from verification.storage.tallies import DynamoDbTallies

from tests.e2e.dialects import messagebird, messente, verigator
from tests.e2e.leaks import logged
from tests.e2e.talking import a_number, client_with, code_in, operate, start, wrong
from tests.e2e.test_queue import eventually
from tests.local.deploy import outputs
from tests.local.stack import Answer, Credentials, Stack

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
    return str(verigator(stack, client, "POST", a_user(stack, client, to), {"method": "sms"}).status)


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
    to, clients = a_number(), {api: client_with(stack) for api in APIS}
    alone = client_with(stack, counts_alone=True)
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


def test_messages_to_a_country_count_together_and_one_may_have_its_own_limit(stack: Stack) -> None:
    limits = f"country_sends=100/{a_window()}, LU=3/{a_window()}"
    one, other = (client_with(stack, limits=limits) for _ in range(2))
    assert [begin(stack, one, a_number_of("LU")).status for _ in range(2)] == [201, 201]
    assert begin(stack, other, a_number_of("LU")).status == 201
    for client in (one, other):
        assert begin(stack, client, a_number_of("LU")).body["limit"] == "country_sends"
        assert begin(stack, client, a_number()).status == 201


def test_messages_to_a_block_of_numbers_count_together(stack: Stack) -> None:
    limits, block = f"prefix_sends=2/{a_window()}", a_number_of("BE")[:-4]
    one, other = (client_with(stack, limits=limits) for _ in range(2))
    last = iter(random.sample(range(1000, 10_000), 4))
    assert begin(stack, one, f"{block}{next(last)}").status == 201
    assert begin(stack, other, f"{block}{next(last)}").status == 201
    for client in (one, other):
        assert begin(stack, client, f"{block}{next(last)}").body["limit"] == "prefix_sends"
    assert begin(stack, one, a_number()).status == 201


# ------------------------------------------------------------------------------- Guesses given back


def test_guesses_that_can_never_be_made_are_given_back_once(stack: Stack) -> None:
    """To who verified at the first guess, and to who deleted after one; and what was used stays."""
    client = client_with(stack, limits=f"destination_guesses=10/{a_window()}")
    verified, canceled = a_number(), a_number()
    ids = {to: begin(stack, client, to).body["id"] for to in (verified, canceled)}
    keys = {to: windows_of(stack, ids[to]) for to in ids}
    assert {to: used(stack, keys[to]) for to in ids} == {verified: [5], canceled: [5]}

    code = code_in(stack.texts_to(verified)[0])
    assert guess(stack, client, ids[verified], code)["valid"] is True
    code = code_in(stack.texts_to(canceled)[0])
    assert guess(stack, client, ids[canceled], wrong(code))["valid"] is False
    assert stack.call("DELETE", f"/v1/verifications/{ids[canceled]}", by=client).status == 204
    for to in ids:
        eventually(lambda to=to: used(stack, keys[to]) == [1])

    tally = stack.other_functions["tally"]
    stack.call("DELETE", f"/v1/verifications/{ids[verified]}", by=client)  # a change more
    for to in ids:
        event = {"Records": changes_of(stack, ids[to])}
        assert len(event["Records"]) >= 3
        for _ in range(2):  # the stream may bring a change again
            answer = stack.aws("lambda").invoke(FunctionName=tally, Payload=json.dumps(event))
            assert json.loads(answer["Payload"].read()) == {"batchItemFailures": []}
    assert {to: used(stack, keys[to]) for to in ids} == {verified: [1], canceled: [1]}


def test_who_verifies_can_go_on_and_who_does_not_is_stopped(stack: Stack) -> None:
    """Ten guesses: two codes of five for somebody who guesses, any number for who types them."""
    client = client_with(stack, limits=f"destination_guesses=10/{a_window()}; destination_sends=9/1h")
    honest, guesser = a_number(), a_number()
    for n in range(1, 4):
        made = begin(stack, client, honest)
        assert made.status == 201
        keys = windows_of(stack, made.body["id"])
        assert guess(stack, client, made.body["id"], code_in(stack.texts_to(honest)[-1]))["valid"]
        eventually(lambda keys=keys, n=n: used(stack, keys) == [n])
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
    return item_of(stack, verification_id)["paid"]["S"].split()


def used(stack: Stack, keys: list[str]) -> list[int]:
    """What is counted in windows of limits."""
    dynamodb, name = stack.aws("dynamodb"), stack.tables["sessions"]
    items = (dynamodb.get_item(TableName=name, Key=table.window_key(key))["Item"] for key in keys)
    return [int(item["used"]["N"]) for item in items]


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
