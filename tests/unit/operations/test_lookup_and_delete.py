"""Lookup and delete: a client's own verifications, on time."""

import pytest
from verification.domain.policy import Client, Profile
from verification.domain.verification import Delivery, Details, Status
from verification.errors import InvalidFields, NotFound

from tests.fakes.clock import plenty
from tests.fakes.stack import RETENTION, FakeStack, start_command

NUMBER = "+31612345678"


@pytest.fixture
def stack() -> FakeStack:
    return FakeStack()


def start(stack: FakeStack, to: str = NUMBER, client: str = "shop") -> str:
    details = Details(metadata={"order": "7"}, ip="192.0.2.1")
    command = start_command(
        to, client=Client(client, Profile("Shop")), details=details, sender="Shop", device=b"d" * 16
    )
    return str(stack.start(command, plenty).record.verification.id)


def test_a_client_finds_its_own(stack: FakeStack) -> None:
    name = start(stack)
    record = stack.lookup.one("shop", name)
    assert (str(record.verification.id), record.verification.to) == (name, NUMBER)
    assert record.details.metadata == {"order": "7"}
    assert [send.number for send in record.sends] == [1]


def test_anything_else_does_not_exist(stack: FakeStack) -> None:
    name = start(stack)
    for client_id, verification_id in (
        ("other", name),
        ("shop", "b" + name[1:]),
        ("shop", name[:-1] + "a"),
        ("shop", "no id"),
        ("shop", ""),
    ):
        with pytest.raises(NotFound):
            stack.lookup.one(client_id, verification_id)
        with pytest.raises(NotFound):
            stack.delete(client_id, verification_id, plenty)
    assert stack.lookup.one("shop", name).verification.status == Status.PENDING


def test_for_callers_it_is_gone_on_time_though_the_table_has_it(stack: FakeStack) -> None:
    name = start(stack)
    stack.clock.advance(300 + RETENTION - 0.001)
    assert stack.lookup.one("shop", name).verification.status_at(stack.clock()) == Status.EXPIRED
    assert len(stack.lookup.list("shop", NUMBER, 10, None).records) == 1
    stack.clock.advance(0.001)
    with pytest.raises(NotFound):
        stack.lookup.one("shop", name)
    assert stack.lookup.list("shop", NUMBER, 10, None).records == ()


def test_a_list_is_the_clients_own_of_that_destination_newest_first(stack: FakeStack) -> None:
    names = []
    for _ in range(3):
        names.append(start(stack))
        stack.clock.advance(1)
    start(stack, "+31687654321")
    start(stack, client="other")
    page = stack.lookup.list("shop", NUMBER, 50, None)
    assert [str(record.verification.id) for record in page.records] == names[::-1]
    assert page.cursor is None


def test_pages_follow_each_other_without_gap_or_repeat(stack: FakeStack) -> None:
    names = []
    for _ in range(5):
        names.append(start(stack))
        stack.clock.advance(1)
    found: list[str] = []
    cursor: str | None = None
    for size in (2, 2, 1):
        page = stack.lookup.list("shop", NUMBER, 2, cursor)
        assert len(page.records) == size
        found += [str(record.verification.id) for record in page.records]
        cursor = page.cursor
    assert found == names[::-1] and cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "1-short", "-" + "a" * 26, "1-" + "A" * 26])
def test_a_cursor_of_somebody_else_is_refused(stack: FakeStack, cursor: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        stack.lookup.list("shop", NUMBER, 2, cursor)
    assert [fault.field for fault in refused.value.faults] == ["cursor"]


def test_a_deleted_verification_keeps_its_status_and_no_personal_data(stack: FakeStack) -> None:
    name = start(stack)
    stack.delete("shop", name, plenty)
    record = stack.lookup.one("shop", name)
    found = record.verification
    assert found.status_at(stack.clock()) == Status.CANCELED
    assert record.details == Details()
    assert (found.to, found.destination_hash, found.reference) == (None, None, None)
    assert (found.nonce, found.code_mac, found.last_guess) == (None, None, None)
    assert (found.device, found.sender) == (None, "Shop")
    assert record.delivery_at(stack.clock()) == Delivery.ACCEPTED  # bills are disputed by it
    assert stack.lookup.list("shop", NUMBER, 10, None).records == ()


def test_deleting_again_changes_nothing(stack: FakeStack) -> None:
    name = start(stack)
    stack.delete("shop", name, plenty)
    once = stack.lookup.one("shop", name)
    stack.delete("shop", name, plenty)
    assert stack.lookup.one("shop", name) == once
    assert stack.telemetry.events[-2:] == [("canceled", name)] * 2
