"""The operator's commands on real engines: all that they write, and that erasing is thorough."""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from verification.api.native.views import time
from verification.cli import shared
from verification.domain.codes import hash_destination
from verification.domain.destination import Destination
from verification.domain.guard import Seen
from verification.domain.policy import Client, Scope
from verification.domain.report import Report
from verification.domain.services import Auth, User
from verification.domain.verification import Channel, Delivery, Details, Verification
from verification.domain.webhooks import Webhook
from verification.errors import DestinationNotAllowed, NotFound
from verification.operations.ports import SendId
from verification.operations.screening import sighted
from verification.storage import table
from verification.storage.devices import DynamoDbDevices
from verification.storage.erasure import DynamoDbErasure, Erased
from verification.storage.webhooks import write_webhook
from verification.wiring import Stack, clock

from tests.fakes.operator import Item, Terminal, key_of
from tests.fakes.samples import make_send
from tests.integration.commands import (
    CLIENT,
    a_key,
    a_number,
    code_in,
    guess_command,
    remaining,
    start_command,
)
from tests.integration.conftest import Place
from tests.integration.functions import Tables

NOTHING = {
    "verifications": 0,
    "message_ids": 0,
    "trusted_devices": 0,
    "sandbox_messages": 0,
    "users": 0,
}


@dataclass(frozen=True)
class Account:
    """A client, as its credentials open it."""

    id: str
    secret: str

    def opens(self, stack: Stack) -> Client:
        return stack._directory.authenticate(self.id, self.secret)


def create(terminal: Terminal, *options: str) -> Account:
    made = terminal.runs("clients", "create", "Demo", *options)
    return Account(made["client_id"], made["client_secret"])


# -------------------------------------------------------------------------- What a client is told


def test_a_profile_holds_for_whoever_reads_the_client_next(
    place: Place, terminal: Terminal
) -> None:
    account, number = create(terminal), a_number()
    terminal.runs(
        *(
            "clients",
            "profile",
            account.id,
            "--country",
            "EE",
            "--sender-for",
            "EE=Acme",
            "--own-counts",
        ),
        *("--limit", "client_starts=7/1m", "--guard", "off", "--refuse-no-kind"),
    )
    client = account.opens(place.stack())
    with pytest.raises(DestinationNotAllowed):
        place.stack().start()(start_command(number, client=client), remaining)
    own = client.profile
    assert (own.senders, own.guard, own.counts_alone) == ({"EE": "Acme"}, "off", True)
    terminal.runs("clients", "profile", account.id, "--countries-of-stack", "--no-sender-for", "EE")
    client = account.opens(place.stack())
    assert (client.profile.countries, client.profile.senders) == (None, {})
    assert place.stack().start()(start_command(number, client=client), remaining)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_part_that_somebody_else_changed_meanwhile_is_not_written(
    place: Place, terminal: Terminal, is_there: bool
) -> None:
    account = create(terminal)
    if is_there:
        terminal.runs("clients", "profile", account.id, "--sender-for", "EE=Old")
    name = place.environ["DIRECTORY_TABLE"]
    seen = shared.find_client(name, account.id)
    terminal.runs("clients", "profile", account.id, "--sender-for", "LV=Theirs")
    ours: list[shared.Changes] = [
        {"senders_by_country": {"M": {"EE": {"S": "Ours"}}}},
        {"senders_by_country": None},
    ]
    for change in ours:
        assert not shared.write_changes(name, account.id, change, seen)
    assert terminal.runs("clients", "profile", account.id)["sender_for"]["LV"] == "Theirs"
    assert shared.write_changes(name, account.id, {"guard": {"S": "off"}}, seen)  # another part
    assert terminal.runs("clients", "profile", account.id)["guard"] == "off"


def test_scopes_and_the_last_use_of_secrets_are_those_that_functions_see(
    place: Place, terminal: Terminal
) -> None:
    account = create(terminal, "--scope", "start")
    terminal.runs("clients", "rotate", account.id, "--overlap", "1h")
    began = time(clock())
    client = account.opens(place.stack())
    assert client.may(Scope.START) and not client.may(Scope.VERIFY)
    (listed,) = [one for one in terminal.runs("clients", "list") if one["client_id"] == account.id]
    newest, rotated = listed["secrets"]
    assert newest == {"last_used": None, "works_until": None}
    assert began <= rotated["last_used"] < rotated["works_until"]
    terminal.runs("clients", "allow", account.id, "--all-scopes")
    assert account.opens(place.stack()).may(Scope.VERIFY)


# ----------------------------------------------------------------------------- The guard, and money


def test_the_guard_reads_what_was_let_through(place: Place, terminal: Terminal) -> None:
    terminal.runs("unblock", "2001:db8::/32", "--for", "1h")
    terminal.runs("unblock", "LV", "--for", "0s")
    _, allowed = place.stack()._tallies.read((), clock())
    assert allowed.covers("+31612345678", "NL", "2001:db8::1")
    assert not allowed.covers("+37120000000", "LV", None)
    listed = [one["unblocked"] for one in terminal.runs("unblock")]
    assert "2001:db8::/32" in listed and "LV" not in listed
    terminal.runs("unblock", "2001:db8::/32", "--for", "0s")


def test_what_sends_cost_is_what_the_budgets_say(
    place: Place, terminal: Terminal, parameters: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("sns,sms,NL,0.0425\nsandbox,voice,*,0\n")
    printed = terminal.runs("prices", "put", str(file))
    assert printed == {"put": 2, "without_prices": ["ses email"]}
    assert terminal.runs("prices", "show")["prices"][1]["price"] == "0.0425"
    forget_budgets(place)
    parameters |= {"StackMessages": "987", "StackCost": "98.7", "ClientMessages": "87"}
    limits = "; stack_messages=987; stack_cost=98.7; client_messages=87"
    stack = place.stack(LIMITS=place.environ["LIMITS"] + limits)
    account = create(terminal)
    terminal.runs("clients", "profile", account.id, "--limit", "client_messages=500")  # two shards
    client = account.opens(stack)
    for _ in range(3):
        stack.start()(start_command(a_number(), client=client), remaining)
    found = {(one["of"], one["budget"]): one for one in terminal.runs("budgets")["budgets"]}
    assert found["stack", "stack_messages"]["used"] == 3
    assert found["stack", "stack_cost"]["used"] == "0.1275"
    own = found[account.id, "client_messages"]
    assert (own["used"], own["allowed"], own["percent"]) == (3, 500, 0)
    assert (account.id, "client_cost") not in found
    forget_prices(place)


def forget_budgets(place: Place) -> None:
    """Other tests spend from the stack's, too."""
    for item in Tables(place).items("L#stack_"):
        key = {name: item[name] for name in ("pk", "sk")}
        place.dynamodb.delete_item(TableName=place.sessions, Key=key)


def forget_prices(place: Place) -> None:
    """Other tests have none."""
    directory = place.environ["DIRECTORY_TABLE"]
    place.dynamodb.delete_item(TableName=directory, Key=table.prices_key())


# --------------------------------------------------------------------------------------- Erasing


@dataclass(frozen=True)
class Person:
    """Somebody with two clients, of whom there is everything that can be.

    Args:
        ids: of verifications, two of each client.
        deleted: the id of one more, which its client deleted.
        users: of services, one of each client; nobody with an e-mail address is.
    """

    to: str
    hashed: bytes
    ids: list[str]
    deleted: str
    users: list[User]

    def is_in(self, item: Item) -> bool:
        """Whether an item has the destination, its hash or a verification of it."""
        text, tokens = flat(item), [one[1:] for one in self.ids]
        return any(mark in text for mark in (self.to, self.hashed.hex(), *tokens))


def flat(value: Any) -> str:
    """All that an item says, bytes in hex."""
    if isinstance(value, dict):
        return " ".join(f"{name} {flat(one)}" for name, one in value.items())
    if isinstance(value, list):
        return " ".join(map(flat, value))
    return value.hex() if isinstance(value, bytes) else str(value)


def meet(stack: Stack, accounts: Sequence[Account], to: str) -> Person:
    """Let clients do with a person all that leaves an item somewhere."""
    hashed = hash_destination(stack._identity_key(), to)
    ids, users = [], []
    for client in (account.opens(stack) for account in accounts):
        details = Details(metadata={"contact": to}, ip="192.0.2.1")
        first = start(stack, client, to, details=details)
        report(stack, first)
        see(stack, first)
        by_sandbox = Channel.EMAIL if "@" in to else Channel.VOICE
        second = start(stack, client, to, channel=by_sandbox)
        trust(stack, client, hashed)
        ids += [str(first.id), str(second.id)]
        if "@" not in to:
            users.append(register(stack, client, to, first))
    client = accounts[0].opens(stack)
    deleted = str(start(stack, client, to).id)
    stack.delete()(client.id, deleted, remaining)
    return Person(to, hashed, ids, deleted, users)


def start(stack: Stack, client: Client, to: str, **changes: Any) -> Verification:
    command = start_command(to, client=client, **changes)
    return stack.start()(command, remaining).record.verification


def report(stack: Stack, verification: Verification) -> None:
    """A vendor reports on the first send."""
    send = SendId(verification.token, 1, verification.created_at)
    delivered = Report("sns", Delivery.DELIVERED)
    assert stack._verifications.record_report(send, delivered, clock())


def see(stack: Stack, verification: Verification) -> None:
    """The guard counts a send, as the table's stream has it do."""
    sighting = sighted(verification)
    for window in sighting.windows(stack._identity_key()).values():
        stack._tallies.add(window, Seen(sends=1, countries={"NL"}, joined={1}))


def trust(stack: Stack, client: Client, hashed: bytes) -> None:
    """A device needs no code for a day."""
    devices = DynamoDbDevices(stack._dynamodb, stack._settings.required("SESSIONS_TABLE"))
    now = clock()
    devices.trust(client.id, hashed, secrets.token_bytes(16), "NL", now, now // 1000 + 86_400)


def register(stack: Stack, client: Client, to: str, verification: Verification) -> User:
    """A user of a service, with a verification and an app."""
    manage = stack.manage_services()
    service = manage.create_service(client.id, f"{a_key()}.example", "Shop", remaining)
    user = manage.create_user(client.id, service.id, f"tel:{to}", Destination(to, "NL"), remaining)
    auth = Auth(str(verification.id), Channel.SMS, clock())
    assert stack._services.set_auth(user, auth) == auth
    assert stack._apps.enrol(user, secrets.token_bytes(16))
    return user


Key = tuple[str, str, str]  # the table's variable, pk, sk


def everything(place: Place) -> dict[Key, Item]:
    """All items of both tables."""
    found: dict[Key, Item] = {}
    for variable in ("SESSIONS_TABLE", "DIRECTORY_TABLE"):
        pages = place.dynamodb.get_paginator("scan").paginate(
            TableName=place.environ[variable], ConsistentRead=True
        )
        for page in pages:
            found |= {(variable, *key_of(item)): item for item in page["Items"]}
    return found


def kinds(keys: Iterable[Key]) -> set[str]:
    """How the keys of items begin."""
    return {f"{pk[0]} {'time' if sk[0].isdigit() else sk[0]}" for _, pk, sk in keys}


def kinds_there_are() -> set[str]:
    """The same, as storage/table.py says it of all there are."""
    listed = re.findall(r"^    .*? ([A-Z])#.*? {2,}([A-Z]|<time>)", table.__doc__ or "", re.M)
    return {f"{pk} {sk.strip('<>')}" for pk, sk in listed}


@pytest.fixture
def stack(place: Place) -> Stack:
    limits = "ip_starts=1000/1h; client_starts=1000/1h; country_sends=5000/1h"
    return place.stack(
        FOLLOWED_PROVIDERS="sns",
        LIMITS=f"{place.environ['LIMITS']}; {limits}",
        ROUTES="sms=sns; voice=sandbox; email=sandbox",
    )


@pytest.fixture
def accounts(terminal: Terminal) -> list[Account]:
    return [create(terminal), create(terminal)]


@pytest.fixture
def of_nobody(place: Place, terminal: Terminal, tmp_path: Path) -> Iterator[None]:
    """What stands in the tables and is of no person."""
    terminal.runs("unblock", "EE")
    file = tmp_path / "prices.csv"
    file.write_text("sns,sms,*,1")
    terminal.runs("prices", "put", str(file))
    directory = place.environ["DIRECTORY_TABLE"]
    webhook = Webhook("w1", CLIENT.id, "https://1.1.1.1/")
    place.dynamodb.put_item(TableName=directory, Item=write_webhook(webhook, 0))
    yield
    key = table.webhook_key(webhook.client_id, webhook.id)
    place.dynamodb.delete_item(TableName=directory, Key=key)
    terminal.runs("unblock", "EE", "--for", "0s")
    forget_prices(place)


def test_all_of_a_person_is_erased_and_nothing_of_anybody_else(
    place: Place, terminal: Terminal, stack: Stack, accounts: list[Account], of_nobody: None
) -> None:
    person, other = (meet(stack, accounts, a_number()) for _ in range(2))
    stack._services.close(accounts[0].id, person.users[0].service_id)  # deleted in part
    before = everything(place)
    assert kinds(before) == kinds_there_are()
    printed = terminal.runs("erase", "--to", f"{person.to[:3]} {person.to[3:]}")
    assert printed["erased"] == {
        "verifications": 4,
        "message_ids": 2,
        "trusted_devices": 2,
        "sandbox_messages": 2,
        "users": 2,
    }
    after = everything(place)
    assert all(before[key] == item for key, item in after.items())
    gone = before.keys() - after.keys()
    assert all(person.is_in(before[key]) for key in gone)
    assert not any(other.is_in(before[key]) for key in gone)
    assert kinds(gone) == {"V V", "V D", "M M", "S time", "T T", "S U", "S I"}
    # What is left of the person is a limit's, and named.
    left = [pk.split("#")[:2] for (_, pk, _), item in after.items() if person.is_in(item)]
    assert left == [["L", "destination_sends"]] * len(left) and "limits" in printed["left"]
    assert not person.is_in(after["SESSIONS_TABLE", f"V#{person.deleted[1:]}", "V"])
    assert "deleted verifications" in printed["left"]


def test_the_code_of_somebody_who_was_erased_opens_nothing_and_nothing_is_sent(
    place: Place, terminal: Terminal, stack: Stack
) -> None:
    person, other = a_number(), a_number()
    ids = {to: str(start(stack, CLIENT, to).id) for to in (person, other)}
    codes = {to: code_in(place.texts_to(to)[0]) for to in (person, other)}
    terminal.runs("erase", "--to", person)
    with pytest.raises(NotFound):
        stack.verify()(guess_command(ids[person], codes[person]), remaining)
    with pytest.raises(NotFound):
        stack.resend()(CLIENT, ids[person], None, remaining)
    assert stack.lookup().list(CLIENT.id, person, 10, None).records == ()
    assert len(place.texts_to(person)) == 1
    assert stack.verify()(guess_command(ids[other], codes[other]), remaining)[1].valid


def test_an_address_is_erased_too(
    place: Place, terminal: Terminal, stack: Stack, accounts: list[Account]
) -> None:
    person, other = (meet(stack, accounts, f"{a_key()}@example.org") for _ in range(2))
    before = everything(place)
    erased = terminal.runs("erase", "--to", person.to.upper())["erased"]
    assert erased == NOTHING | {"verifications": 4, "trusted_devices": 2, "sandbox_messages": 5}
    after = everything(place)
    left = [pk.split("#")[1] for (_, pk, _), item in after.items() if person.is_in(item)]
    assert {*left} == {"destination_sends"}
    assert not any(other.is_in(before[key]) for key in before.keys() - after.keys())


def test_erasing_again_finds_nothing_and_changes_nothing(
    place: Place, terminal: Terminal, stack: Stack, accounts: list[Account]
) -> None:
    person = meet(stack, accounts, a_number())
    terminal.runs("erase", "--to", person.to)
    before = everything(place)
    assert terminal.runs("erase", "--to", person.to)["erased"] == NOTHING
    assert everything(place) == before


def test_a_users_verification_is_erased_before_the_index_has_it(
    place: Place, terminal: Terminal, stack: Stack, accounts: list[Account]
) -> None:
    person = meet(stack, accounts, a_number())
    for one in person.ids:
        place.dynamodb.update_item(
            TableName=place.sessions,
            Key=table.verification_key(one[1:]),
            UpdateExpression="REMOVE client_time",  # of the index's keys: it is not in there
        )
    erased = terminal.runs("erase", "--to", person.to)["erased"]
    assert (erased["verifications"], erased["users"]) == (2, 2)


class Meanwhile:
    """A DynamoDB where something happens right after a transaction, once."""

    def __init__(self, client: Any, happens: Callable[[], object]) -> None:
        self._client = client
        self._happening = [happens]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **asked: Any) -> Any:
        answer = self._client.transact_write_items(**asked)
        while self._happening:
            self._happening.pop()()
        return answer


def test_a_send_that_was_under_way_leaves_nothing(place: Place, stack: Stack) -> None:
    verification = start(stack, CLIENT, a_number())
    writes = Meanwhile(
        place.dynamodb, lambda: stack._verifications.record_send(verification, make_send())
    )
    erasure = DynamoDbErasure(writes, place.sessions)
    assert erasure.erase(verification.token, remaining) == Erased(1, 1)
    assert not [pk for _, pk, _ in everything(place) if verification.token in pk]
    assert erasure.erase(verification.token, remaining) == Erased(0, 0)


def test_a_message_of_another_verification_is_left_alone(place: Place, stack: Stack) -> None:
    verification = start(stack, CLIENT, a_number())
    record = stack._verifications.read(verification.token)
    assert record and (message_id := record.sends[0].tries[0].message_id)
    theirs = SendId("another", 1, verification.created_at)
    stack._verifications.follow("sns", message_id, theirs, verification.expires_at)
    erasure = DynamoDbErasure(place.dynamodb, place.sessions)
    assert erasure.erase(verification.token, remaining) == Erased(1, 0)
    assert stack._verifications.find_send("sns", message_id) == theirs
