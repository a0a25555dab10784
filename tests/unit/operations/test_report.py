"""Delivery reports: what shows no token of ours changes nothing, what comes again neither."""

import pytest
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery
from verification.errors import ProviderUnavailable, TemporarilyUnavailable
from verification.operations.ports import Order
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.providers import FakeMessenger
from tests.fakes.stack import CLIENT, RETENTION, FakeStack, start_command
from tests.fakes.watches import Watch

DELIVERED, UNDELIVERED = Delivery.DELIVERED, Delivery.UNDELIVERED


class Reported:
    """A stack with one verification by SMS, taken by `followed`, that may fall back on voice."""

    def __init__(self, *fallback: Channel) -> None:
        self.messenger = FakeMessenger("followed")
        self.stack = FakeStack(providers=[self.messenger])
        command = start_command(fallback=fallback)
        self.name = str(self.stack.start(command, plenty).record.verification.id)
        self.stack.clock.advance(10)
        self.forget()

    def forget(self) -> None:
        self.stack.journal.clear()
        self.stack.watches.queued.clear()
        self.stack.telemetry.events.clear()

    def token(self, number: int = 1, provider: str = "followed") -> str:
        order = self.messenger.sent[number - 1].order
        return order.report_token(provider)

    def take(self, delivery: Delivery, number: int = 1) -> None:
        self.stack.take_report(Report("followed", delivery, self.token(number)))

    @property
    def delivery(self) -> Delivery:
        record = self.stack.lookup.one("shop", self.name)
        return record.delivery_at(self.stack.clock())

    @property
    def is_untouched(self) -> bool:
        stack = self.stack
        writes = {"record_report"} & set(stack.journal)
        return not (writes or stack.watches.queued or stack.telemetry.events)


def test_a_report_with_its_token_is_written_down_and_told() -> None:
    for delivery in (DELIVERED, UNDELIVERED):
        reported = Reported()
        reported.take(delivery)
        assert reported.delivery == delivery
        assert reported.stack.telemetry.events == [("reported", "followed", delivery)]


def test_a_report_with_the_vendors_id_alone_finds_the_send_that_was_followed() -> None:
    reported = Reported()
    reported.stack.take_report(Report("followed", DELIVERED, message_id="followed-1"))
    assert reported.delivery == DELIVERED


@pytest.mark.parametrize(
    "report",
    [
        Report("followed", DELIVERED),
        Report("followed", DELIVERED, message_id="followed-2"),
        Report("other", DELIVERED, message_id="followed-1"),
        Report("followed", DELIVERED, "", "followed-1"),  # its token is wrong: its id is no help
        Report("followed", DELIVERED, "no token", "followed-1"),
    ],
)
def test_a_report_on_nothing_of_ours_changes_nothing(report: Report) -> None:
    reported = Reported()
    reported.stack.take_report(report)
    assert reported.is_untouched
    assert reported.delivery == Delivery.ACCEPTED


def test_a_token_is_for_one_provider_one_send_and_one_verification() -> None:
    reported, other = Reported(), Reported()
    reported.stack.start(start_command(), plenty)
    other_token = reported.messenger.sent[1].order.report_token("followed")
    reported.forget()
    token = reported.token()
    name, number, began, mac = token.split("-")
    other_name, _, _, other_mac = other_token.split("-")
    last = "b" if mac[0] == "a" else "a"
    for provider, wrong in (
        ("other", token),
        ("followed", reported.token(provider="other")),
        ("followed", f"{name}-2-{began}-{mac}"),
        ("followed", f"{name}-1-{int(began) + 1}-{mac}"),
        ("followed", f"{other_name}-1-{began}-{mac}"),
        ("followed", f"{name}-1-{began}-{other_mac}"),
        ("followed", f"b{name[1:]}-1-{began}-{mac}"),
        ("followed", f"{name}-1-{began}-{last}{mac[1:]}"),
    ):
        for delivery in (DELIVERED, UNDELIVERED):
            reported.stack.take_report(Report(provider, delivery, wrong))
    assert reported.is_untouched and reported.stack.journal == []
    assert number == "1" and other.is_untouched


def test_a_report_that_is_repeated_is_no_news() -> None:
    reported = Reported()
    for _ in range(3):
        reported.take(DELIVERED)
    assert reported.stack.telemetry.events == [("reported", "followed", DELIVERED)]


@pytest.mark.parametrize(
    ("reports", "delivery", "news"),
    [
        ([DELIVERED, UNDELIVERED], DELIVERED, [DELIVERED]),  # nothing undoes a delivery
        ([UNDELIVERED, DELIVERED], DELIVERED, [UNDELIVERED, DELIVERED]),
        ([UNDELIVERED, DELIVERED, UNDELIVERED], DELIVERED, [UNDELIVERED, DELIVERED]),
        ([UNDELIVERED, UNDELIVERED], UNDELIVERED, [UNDELIVERED]),
    ],
)
def test_of_several_reports_a_delivery_stands(
    reports: list[Delivery], delivery: Delivery, news: list[Delivery]
) -> None:
    reported = Reported()
    for each in reports:
        reported.take(each)
    assert reported.delivery == delivery
    assert [event[2] for event in reported.stack.telemetry.events] == news


def test_a_late_failure_does_not_undo_verified() -> None:
    reported = Reported()
    code = reported.messenger.sent[0].code
    assert reported.stack.verify(VerifyCommand("shop", reported.name, code), plenty)[1].valid
    reported.take(UNDELIVERED)
    assert reported.delivery == Delivery.ACCEPTED
    assert reported.stack.lookup.one("shop", reported.name).verification.is_verified


def test_what_is_undelivered_has_the_queue_look_at_once() -> None:
    reported = Reported(Channel.VOICE)
    reported.take(UNDELIVERED)
    verification = reported.stack.lookup.one("shop", reported.name).verification
    look = Watch(verification.token, verification.sent_at, delay=1)
    assert reported.stack.watches.queued == [look]
    # Again, since what came before may have ended between the two.
    reported.take(UNDELIVERED)
    assert reported.stack.watches.queued == [look, look]
    for each in (look, look):
        reported.stack.clock.advance(1)
        reported.stack.look_after(each.token, each.claimed, each.tries, plenty)
    assert [sent.channel for sent in reported.messenger.sent] == ["sms", "voice"]


def test_what_is_delivered_has_nobody_look() -> None:
    reported = Reported(Channel.VOICE)
    reported.take(DELIVERED)
    assert reported.stack.watches.queued == []


def test_with_no_channel_left_nobody_looks() -> None:
    reported = Reported()
    reported.take(UNDELIVERED)
    assert reported.stack.watches.queued == []


def test_a_report_on_a_send_before_the_last_has_nobody_look() -> None:
    reported = Reported(Channel.VOICE, Channel.VIBER)
    reported.stack.clock.advance(30)
    reported.stack.resend(CLIENT, reported.name, None, plenty)
    reported.forget()
    reported.take(UNDELIVERED, number=1)
    assert reported.stack.watches.queued == []
    reported.take(UNDELIVERED, number=2)
    assert len(reported.stack.watches.queued) == 1


@pytest.mark.parametrize("end", ["verified", "expired", "canceled"])
def test_after_the_end_nobody_looks(end: str) -> None:
    reported = Reported(Channel.VOICE)
    stack, name = reported.stack, reported.name
    if end == "verified":
        stack.verify(VerifyCommand("shop", name, reported.messenger.sent[0].code), plenty)
    elif end == "expired":
        stack.clock.advance(300)
    else:
        stack.delete("shop", name, plenty)
    reported.take(UNDELIVERED)
    assert stack.watches.queued == []


@pytest.mark.parametrize("step", ["record_report", "read"])
def test_out_of_reach_the_vendor_is_to_say_it_again(step: str) -> None:
    reported = Reported(Channel.VOICE)
    reported.stack.verifications.failing[step] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        reported.take(UNDELIVERED)
    del reported.stack.verifications.failing[step]
    reported.take(UNDELIVERED)
    assert reported.delivery == UNDELIVERED
    assert len(reported.stack.watches.queued) == 1


def test_a_report_that_comes_before_its_send_is_recorded_counts() -> None:
    messenger = FakeMessenger("early")
    stack = FakeStack(providers=[messenger])
    send = messenger.send

    def send_and_report(order: Order) -> str:
        message_id = send(order)
        token = messenger.sent[-1].order.report_token("early")
        stack.take_report(Report("early", DELIVERED, token))
        return message_id

    messenger.send = send_and_report  # type: ignore[method-assign]  # a race
    token = stack.start(start_command(), plenty).record.verification.token
    record = stack.verifications.read(token)
    assert record and record.delivery_at(stack.clock()) == DELIVERED


class TwoLives:
    """An id that was used again after its end, by the same Idempotency-Key."""

    def __init__(self) -> None:
        self.messenger = FakeMessenger("followed")
        self.stack = FakeStack(providers=[self.messenger])
        for _ in range(2):
            self.stack.clock.advance(300 + RETENTION)
            command = start_command(idempotency_key="k", fallback=(Channel.VOICE,))
            self.verification = self.stack.start(command, plenty).record.verification
        self.stack.watches.queued.clear()

    @property
    def orders(self) -> list[Order]:
        return [sent.order for sent in self.messenger.sent]

    def take(self, life: int, delivery: Delivery) -> Delivery:
        """Take a report on the send of a life; returns what the second one says then."""
        token = self.orders[life - 1].report_token("followed")
        self.stack.take_report(Report("followed", delivery, token))
        record = self.stack.lookup.one("shop", str(self.verification.id))
        return record.delivery_at(self.stack.clock())


def test_the_second_life_of_an_id_has_other_keys_and_other_tokens() -> None:
    first, second = TwoLives().orders
    assert first.key[:28] == second.key[:28] and first.key != second.key
    assert first.report_token("followed") != second.report_token("followed")


@pytest.mark.parametrize("old", [DELIVERED, UNDELIVERED])
@pytest.mark.parametrize("new", [DELIVERED, UNDELIVERED])
def test_a_report_on_the_first_life_changes_nothing_in_the_second(
    old: Delivery, new: Delivery
) -> None:
    lives = TwoLives()
    assert lives.take(1, old) == Delivery.ACCEPTED
    assert lives.stack.watches.queued == []
    assert lives.take(2, new) == new
    assert lives.take(1, old) == new


def test_a_report_on_what_was_not_taken_says_nothing() -> None:
    messenger = FakeMessenger("one")
    messenger.failing = ProviderUnavailable("one", "503")
    second = FakeMessenger("two")
    stack = FakeStack(providers=[messenger, second])
    record = stack.start(start_command(), plenty).record
    token = second.sent[0].order.report_token("one")
    stack.take_report(Report("one", DELIVERED, token))
    record = stack.lookup.one("shop", str(record.verification.id))
    assert record.delivery_at(stack.clock()) == Delivery.ACCEPTED
