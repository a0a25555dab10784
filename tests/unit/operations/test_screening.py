"""Whom a client may send to, and what the fraud guard does with a start that looks like fraud."""

from dataclasses import replace
from typing import Any

import pytest
from verification.domain.destination import TestDestination
from verification.domain.guard import Kind, Mode, Suspicion, Tally
from verification.domain.policy import NUMBER_KINDS, Client, Profile
from verification.domain.verification import Channel, Details, Verification
from verification.errors import (
    DestinationNotAllowed,
    IdempotencyConflict,
    InvalidFields,
    LimitExceeded,
    SuspectedFraud,
    TemporarilyUnavailable,
)
from verification.operations.screening import sighted
from verification.operations.start import StartCommand

from tests.fakes.clock import plenty
from tests.fakes.keys import identity_key
from tests.fakes.stack import CLIENT, FakeStack, start_command

IP = "192.0.2.1"
SUSPECT = Tally(sends=20)  # the next is the 21st that verified nobody
SUSPICION = "country_day"
TESTER = Client("shop", Profile("Shop"), test=True)


def start(stack: FakeStack, command: StartCommand | None = None) -> Verification:
    return stack.start(command or start_command(), plenty).record.verification


def by(**profile: Any) -> Client:
    return replace(CLIENT, profile=Profile("Shop", **profile))


# ------------------------------------------------------------------------------- countries, kinds


@pytest.mark.parametrize(
    ("of_stack", "of_client", "country", "refused"),
    [
        ((), None, "NL", None),
        ((), None, None, None),
        (("NL", "EE"), None, "NL", None),
        (("EE",), None, "NL", "Not to numbers of NL."),
        (("EE",), None, None, "Not to numbers of no country."),
        # the client's go first
        (("EE",), ("NL",), "NL", None),
        (("NL",), ("EE",), "NL", "Not to numbers of NL."),
        (("EE",), (), "NL", None),  # to all
        ((), ("EE",), "NL", "Not to numbers of NL."),
        ((), ("EE",), None, "Not to numbers of no country."),
    ],
)
def test_numbers_of_some_countries_alone(
    of_stack: tuple[str, ...],
    of_client: tuple[str, ...] | None,
    country: str | None,
    refused: str | None,
) -> None:
    stack = FakeStack(countries=frozenset(of_stack))
    client = by(countries=None if of_client is None else frozenset(of_client))
    check_admission(stack, start_command(client=client, country=country), refused)


@pytest.mark.parametrize(
    ("of_stack", "of_client", "kind", "refused"),
    [
        ((), None, "premium_rate", None),
        (("premium_rate",), None, "mobile", None),
        (("premium_rate", "voip"), None, "voip", "Not to numbers of the kind voip."),
        (("voip",), ("premium_rate",), "voip", None),
        (("voip",), (), "voip", None),
        ((), ("voip",), "voip", "Not to numbers of the kind voip."),
        (NUMBER_KINDS, None, "unknown", "Not to numbers of the kind unknown."),
    ],
)
def test_no_numbers_of_some_kinds(
    of_stack: tuple[str, ...],
    of_client: tuple[str, ...] | None,
    kind: str,
    refused: str | None,
) -> None:
    stack = FakeStack(refused_kinds=frozenset(of_stack))
    client = by(refused_kinds=None if of_client is None else frozenset(of_client))
    command = start_command(client=client)
    stack.kinds[command.to.value] = kind
    check_admission(stack, command, refused)


def check_admission(stack: FakeStack, command: StartCommand, refused: str | None) -> None:
    if refused is None:
        start(stack, command)
        return
    with pytest.raises(DestinationNotAllowed) as caught:
        start(stack, command)
    assert caught.value.detail == refused
    assert command.to.value not in str(caught.value)
    assert stack.journal == [], "nothing was queued, stored or sent"
    assert stack.verifications.used == {}


def test_an_email_is_of_no_country_and_no_kind() -> None:
    stack = FakeStack(countries=frozenset({"EE"}), refused_kinds=frozenset(NUMBER_KINDS))
    start(stack, start_command("ann@example.com"))


def test_a_test_destination_is_of_every_country_and_kind() -> None:
    fiction = "+12025550100"
    stack = FakeStack(
        countries=frozenset({"EE"}),
        refused_kinds=frozenset({"mobile"}),
        test_destinations={fiction: TestDestination("4711", 10**15)},
    )
    command = start_command(fiction, client=TESTER, country="US")
    assert start(stack, command).test
    with pytest.raises(DestinationNotAllowed):
        start(stack, replace(command, client=CLIENT))


def test_a_country_may_have_a_sender_and_a_template_of_its_own() -> None:
    client = by(senders={"NL": "ShopNL", "EE": "ShopEE"}, templates={"NL": "Code: {code}. Dag!"})
    for command, sender, text in (
        (start_command(client=client), "ShopNL", "Dag!"),
        (start_command("+37255501050", client=client, country="EE"), "ShopEE", "Shop"),
        (start_command("+12025550100", client=client, country="US"), None, "Shop"),
        # what the request says goes first
        (start_command(client=client, sender="Mine"), "Mine", "Dag!"),
        (
            start_command(client=client, details=Details(template="{code} is it.")),
            "ShopNL",
            "is it.",
        ),
        # voices have no senders of texts
        (start_command(client=client, channel=Channel.VOICE), None, "Dag!"),
        (start_command("ann@example.com", client=client), None, "Shop"),
    ):
        stack = FakeStack()
        start(stack, command)
        [sent] = stack.messenger.sent
        assert sent.sender == sender
        assert text in sent.message.text


def test_the_other_details_of_a_request_stay_beside_the_countrys_template() -> None:
    stack = FakeStack()
    client = by(templates={"NL": "Code: {code}. Dag!"})
    command = start_command(client=client, details=Details(ip=IP, metadata={"cart": "1"}))
    found = stack.verifications.read(start(stack, command).token)
    assert found
    assert found.details == Details(ip=IP, metadata={"cart": "1"}, template="Code: {code}. Dag!")


# ---------------------------------------------------------------------------------------- guard


def remember(stack: FakeStack, verification: Verification, kind: Kind, tally: Tally) -> None:
    """Let the guard have seen that where this verification counts."""
    stack.tallies.tallies[sighted(verification).windows(identity_key())[kind]] = tally


def suspicious(guard: Mode = Mode.BLOCK, **options: Any) -> FakeStack:
    """A stack that has seen too much of the Netherlands today."""
    stack = FakeStack(guard=guard, **options)
    remember(stack, start(FakeStack()), Kind.COUNTRY_DAY, SUSPECT)
    return stack


def is_blocked(stack: FakeStack, command: StartCommand | None = None) -> bool:
    try:
        start(stack, command)
    except SuspectedFraud:
        return True
    return False


def test_the_guard_blocks_what_looks_like_fraud_before_it_costs_anything() -> None:
    stack = suspicious()
    with pytest.raises(SuspectedFraud) as blocked:
        start(stack)
    assert blocked.value.detail == "", "its reasons would tell what to change"
    assert stack.journal == []
    assert stack.verifications.used == {}
    assert stack.telemetry.events == [("suspected", (Suspicion.COUNTRY_DAY,), True)]


def test_the_guard_only_says_so_where_it_monitors() -> None:
    stack = suspicious(Mode.MONITOR)
    verification = start(stack)
    assert verification.suspicions == SUSPICION
    stored = stack.verifications.read(verification.token)
    assert stored and stored.verification.suspicions == SUSPICION
    assert [event[0] for event in stack.telemetry.events] == ["started", "suspected", "sent"]
    assert stack.telemetry.events[1] == ("suspected", (Suspicion.COUNTRY_DAY,), False)


def test_a_repeat_of_what_was_let_through_is_not_told_again() -> None:
    stack = suspicious(Mode.MONITOR)
    for replayed in (False, True):
        assert stack.start(keyed(), plenty).replayed is replayed
    assert [event[0] for event in stack.telemetry.events].count("suspected") == 1


def test_a_suspicion_is_not_told_of_what_a_limit_refused() -> None:
    stack = suspicious(Mode.MONITOR, sends="1/10m")
    start(stack)
    stack.telemetry.events.clear()
    with pytest.raises(LimitExceeded):
        start(stack)
    assert stack.telemetry.events == []


def test_all_suspicions_stand_on_the_verification() -> None:
    stack = suspicious(Mode.MONITOR)
    command = start_command(details=Details(ip=IP))
    seen = start(FakeStack(), command)
    remember(stack, seen, Kind.IP_DAY, Tally(10, 0, frozenset({"LV", "LT", "EE"})))
    assert start(stack, command).suspicions == "country_day,ip_day,ip_countries"


def test_where_it_is_off_it_does_not_look() -> None:
    stack = suspicious(Mode.OFF)
    assert start(stack).suspicions is None
    assert stack.tallies.reads == 0


@pytest.mark.parametrize("of_stack", Mode)
@pytest.mark.parametrize("of_client", Mode)
def test_the_clients_mode_goes_before_the_stacks(of_stack: Mode, of_client: Mode) -> None:
    stack = suspicious(of_stack)
    assert is_blocked(stack, start_command(client=by(guard=of_client))) is (of_client == Mode.BLOCK)
    assert stack.tallies.reads == (of_client != Mode.OFF)


def test_what_nobody_has_seen_is_let_through() -> None:
    stack = FakeStack(guard=Mode.BLOCK)
    assert start(stack).suspicions is None
    assert stack.tallies.reads == 1, "one read for all that is asked"
    assert [event[0] for event in stack.telemetry.events] == ["started", "sent"]


def test_nobody_else_is_blocked() -> None:
    stack = suspicious()
    stack.clock.advance(1)
    assert is_blocked(stack)
    assert not is_blocked(stack, start_command("+37255501050", country="EE"))
    assert not is_blocked(stack, start_command(client=Client("other", Profile("Other"))))
    assert not is_blocked(stack, start_command("ann@example.com"))
    stack.clock.advance(86_400)
    assert not is_blocked(stack), "it ends by itself"


def test_what_is_not_sent_is_not_suspect() -> None:
    stack = suspicious()
    assert not is_blocked(stack, start_command(client=TESTER, test_code="123456"))
    assert stack.tallies.reads == 0


def test_a_households_addresses_are_one_and_another_is_another() -> None:
    stack = FakeStack(guard=Mode.BLOCK)
    command = start_command(details=Details(ip="2001:db8::1"))
    remember(stack, start(FakeStack(), command), Kind.IP_DAY, Tally(10))
    for ip, blocked in (
        ("2001:db8::1", True),
        ("2001:db8::ffff:1", True),
        ("2001:db8:0:1::1", False),
        ("192.0.2.1", False),
    ):
        assert is_blocked(stack, start_command(details=Details(ip=ip))) is blocked
    assert not is_blocked(stack)


# ------------------------------------------------------------------------------------ let through


@pytest.mark.parametrize("word", ["NL", "+316", "192.0.2.0/24"])
def test_what_operators_allow_is_not_even_looked_at(word: str) -> None:
    stack = suspicious(allowed=word)
    assert not is_blocked(stack, start_command(details=Details(ip=IP)))
    assert stack.tallies.reads == 0


@pytest.mark.parametrize("word", ["EE", "+317", "198.51.100.0/24"])
def test_another_place_helps_nobody(word: str) -> None:
    stack = suspicious(allowed=word)
    stack.tallies.unblock(word, stack.clock.now // 1000 + 60, stack.clock.now)
    assert is_blocked(stack, start_command(details=Details(ip=IP)))


@pytest.mark.parametrize("word", ["NL", "+316", "192.0.2.0/24"])
def test_an_unblock_holds_until_its_end(word: str) -> None:
    stack = suspicious()
    command = start_command(details=Details(ip=IP))
    stack.tallies.unblock(word, stack.clock.now // 1000 + 60, stack.clock.now)
    assert not is_blocked(stack, command)
    assert ("suspected", (Suspicion.COUNTRY_DAY,), True) not in stack.telemetry.events
    stack.clock.advance(59.999)
    assert not is_blocked(stack, command)
    stack.clock.advance(0.001)
    assert is_blocked(stack, command)


# ------------------------------------------------------------------------------- table out of reach


def test_a_guard_that_cannot_see_lets_through_where_it_monitors_and_says_so() -> None:
    stack = FakeStack(guard=Mode.MONITOR)
    stack.tallies.failing = TemporarilyUnavailable()
    verification = start(stack)
    assert verification.suspicions is None
    name = {"verification_id": str(verification.id)}
    assert stack.telemetry.events[0] == ("warn", "guard_without_tallies", name)


def test_a_guard_that_cannot_see_lets_nothing_through_where_it_blocks() -> None:
    stack = FakeStack(guard=Mode.BLOCK)
    stack.tallies.failing = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        start(stack)
    assert stack.journal == []


def test_a_guard_that_is_off_needs_no_table() -> None:
    stack = FakeStack(guard=Mode.OFF)
    stack.tallies.failing = TemporarilyUnavailable()
    start(stack)


# ------------------------------------------------------------------------------------------ replays


def blocked_since(stack: FakeStack) -> None:
    """From now on it looks like fraud."""
    remember(stack, start(FakeStack()), Kind.COUNTRY_DAY, SUSPECT)
    stack.journal.clear()


def keyed(request: bytes = b"{}", client: Client = CLIENT) -> StartCommand:
    return start_command(client=client, idempotency_key="key-1", request=request)


def test_a_repeat_of_what_was_started_before_it_looked_suspect_is_answered_again() -> None:
    stack = FakeStack(guard=Mode.BLOCK)
    first = stack.start(keyed(), plenty)
    blocked_since(stack)
    again = stack.start(keyed(), plenty)
    assert again.replayed
    assert again.record.verification.id == first.record.verification.id
    assert len(stack.messenger.sent) == 1


def test_a_repeat_of_what_was_started_before_its_country_was_shut_is_answered_again() -> None:
    stack = FakeStack()
    first = stack.start(keyed(), plenty)
    shut = replace(stack.start, screening=replace(stack.screening, countries=frozenset({"EE"})))
    assert shut(keyed(), plenty).record.verification.id == first.record.verification.id
    with pytest.raises(IdempotencyConflict):
        shut(keyed(b'{"other": 1}'), plenty)
    for command in (start_command(idempotency_key="key-2"), start_command()):
        with pytest.raises(DestinationNotAllowed):
            shut(command, plenty)
    assert len(stack.messenger.sent) == 1


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        (keyed(b'{"other": 1}'), IdempotencyConflict),
        (start_command(idempotency_key="key-2"), SuspectedFraud),
        (start_command(), SuspectedFraud),
    ],
)
def test_all_else_stays_blocked(command: StartCommand, refusal: type[Exception]) -> None:
    stack = FakeStack(guard=Mode.BLOCK)
    stack.start(keyed(), plenty)
    blocked_since(stack)
    with pytest.raises(refusal):
        stack.start(command, plenty)
    assert "send" not in stack.journal


def test_what_should_be_gone_by_now_is_no_replay() -> None:
    stack = FakeStack(guard=Mode.BLOCK)
    first = stack.start(keyed(), plenty).record.verification
    stack.clock.now = first.expires_at * 1000
    blocked_since(stack)
    with pytest.raises(SuspectedFraud):
        stack.start(keyed(), plenty)


# --------------------------------------------------------------------------------------- in order


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"country": "BE"}, DestinationNotAllowed),
        ({"sender": "Bank"}, InvalidFields),
        ({"details": Details(template="no code")}, InvalidFields),
    ],
)
def test_what_is_refused_anyway_is_not_looked_at(
    changes: dict[str, Any], refusal: type[Exception]
) -> None:
    stack = FakeStack(guard=Mode.BLOCK, countries=frozenset({"NL"}))
    client = replace(CLIENT, senders=("Shop",))
    with pytest.raises(refusal):
        start(stack, start_command(client=client, **changes))
    assert stack.tallies.reads == 0
