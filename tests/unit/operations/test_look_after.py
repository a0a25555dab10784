"""The queue's looks: lost sends are finished, automatic ones made once, duplicates do nothing."""

import pytest
from verification.domain.limits import Charge, LimitName, parse_all_limits
from verification.domain.policy import Profile
from verification.domain.verification import Delivery, Outcome, Record
from verification.errors import (
    NotFound,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
    TemporarilyUnavailable,
)
from verification.operations.ports import SEND_ROOM
from verification.operations.verify import VerifyCommand

from tests.fakes.clock import plenty
from tests.fakes.providers import FakeMessenger
from tests.fakes.stack import CLIENT, FakeStack, start_command
from tests.fakes.watches import Watch


class Watched:
    """A stack with one verification, and its queue."""

    def __init__(
        self,
        *,
        lost: bool = False,
        unavailable: bool = False,
        silent: bool = False,
        resend_after: int | None = None,
        automatic_sends: int | None = None,
        max_sends: int = 5,
        validity: int = 300,
        sends: str = "1000/10m",
    ) -> None:
        self.stack = FakeStack(sends=sends)
        if lost:  # the process dies between the transaction and the send
            self.stack.messenger.failing = KeyboardInterrupt()  # type: ignore[assignment]
        elif unavailable:
            self.stack.messenger.failing = ProviderUnavailable("fake", "timeout")
        elif silent:
            self.stack.messenger.failing = ProviderSilent("fake", "ReadTimeoutError")
        command = start_command(
            resend_after=resend_after,
            automatic_sends=automatic_sends,
            max_sends=max_sends,
            validity=validity,
        )
        try:
            self.stack.start(command, plenty)
        except KeyboardInterrupt:
            self.stack.messenger.failing = None
        (first,) = self.stack.watches.queued
        self.token = first.token
        self.pending: list[tuple[int, Watch]] = []  # what run() left, and when it is due

    def look(self, claimed: int | None = None, tries: int = 0) -> list[Watch]:
        """Look at a claim, the last one if none is named; returns what was queued by it."""
        if claimed is None:
            claimed = self.record.verification.sent_at
        self.stack.watches.queued.clear()
        self.stack.look_after(self.token, claimed, tries, plenty)
        return list(self.stack.watches.queued)

    def watch(self, delay: int, tries: int = 0) -> Watch:
        """A look at the last claim."""
        return Watch(self.token, self.record.verification.sent_at, delay, tries)

    def run(self, seconds: int) -> None:
        """Bring every message when it is due, for so long, each of them twice."""
        queue = self.pending or [
            (self.stack.clock() + w.delay * 1000, w) for w in self.stack.watches.queued
        ]
        end = self.stack.clock() + seconds * 1000
        while queue and min(due for due, _ in queue) <= end:
            due, watch = min(queue, key=lambda entry: entry[0])
            queue.remove((due, watch))
            self.stack.clock.now = due
            for _ in range(2):
                self.stack.watches.queued.clear()
                self.stack.look_after(watch.token, watch.claimed, watch.tries, plenty)
                queue += [(due + w.delay * 1000, w) for w in self.stack.watches.queued]
            queue = sorted(set(queue), key=lambda entry: entry[0])
        self.pending = queue
        self.stack.clock.now = end

    @property
    def record(self) -> Record:
        record = self.stack.verifications.read(self.token)
        assert record
        return record

    @property
    def codes(self) -> list[str]:
        return [sent.code for sent in self.stack.messenger.sent]


def test_a_send_that_was_accepted_is_left_alone() -> None:
    watched = Watched()
    watched.stack.clock.advance(15)
    assert watched.look() == []
    assert len(watched.codes) == 1


def test_a_lost_send_is_taken_over_only_after_its_lease() -> None:
    watched = Watched(lost=True)
    lease = watched.record.verification.lease_until - watched.stack.clock()
    assert lease == 12_000
    assert watched.look() == [watched.watch(delay=12)]
    watched.stack.clock.advance(11.999)
    assert watched.look(tries=2) == [watched.watch(delay=1, tries=2)]
    assert watched.codes == []
    watched.stack.clock.advance(0.001)
    queued = watched.look()
    assert queued == [watched.watch(delay=15, tries=1)]
    assert watched.look(queued[0].claimed) == []
    (send,) = watched.record.sends
    assert (send.number, send.outcome) == (1, Outcome.ACCEPTED)
    assert watched.record.verification.sends == 1
    assert len(watched.codes) == 1


def test_the_same_message_again_sends_nothing_again() -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    for _ in range(5):
        watched.look()
    assert len(watched.codes) == 1


def test_of_two_that_saw_the_same_lost_send_one_takes_it_over() -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    stale = watched.record
    watched.look()
    watched.stack.clock.advance(0.001)
    watched.stack.verifications.read = lambda token: stale  # type: ignore[method-assign]  # a race
    (vain,) = watched.look(stale.verification.sent_at)
    del watched.stack.verifications.read
    assert watched.look(vain.claimed) == [], "the look of a claim that was not got is void"
    assert len(watched.codes) == 1


def test_an_unavailable_provider_is_asked_again_ever_more_rarely() -> None:
    watched = Watched(unavailable=True, validity=3600)
    delays = []
    for tries in range(7):
        watched.stack.clock.advance(1)
        delays += [watch.delay for watch in watched.look(tries=tries)]
    assert delays == [15, 30, 60, 120, 240, 300, 300]
    watched.stack.clock.advance(1)
    assert watched.look(tries=3) == [watched.watch(delay=120, tries=4)]
    watched.stack.messenger.failing = None
    watched.stack.clock.advance(1)
    watched.look(tries=4)
    watched.stack.clock.advance(1)
    assert watched.look() == []
    assert len(watched.codes) == 1
    verification = watched.record.verification
    assert (verification.sends, verification.take_overs) == (1, 0)
    assert watched.record.delivery_at(watched.stack.clock()) == Delivery.ACCEPTED


def test_a_look_is_void_once_there_is_a_later_claim() -> None:
    watched = Watched(unavailable=True, validity=3600)
    first = watched.record.verification.sent_at
    watched.stack.clock.advance(20)
    watched.look()
    watched.stack.messenger.failing = None
    for _ in range(3):
        watched.stack.clock.advance(1)
        assert watched.look(first) == []
    assert watched.codes == []


def test_repeats_of_a_start_add_no_chains_of_looks() -> None:
    stack = FakeStack()
    stack.messenger.failing = ProviderUnavailable("fake", "timeout")
    looks = []
    for _ in range(6):
        stack.start(start_command(validity=3600, idempotency_key="k"), plenty)
        stack.clock.advance(0.01)
        looks += stack.watches.queued
        stack.watches.queued.clear()
    calls = 0
    for watch in looks:
        stack.clock.advance(3)
        stack.journal.clear()
        stack.look_after(watch.token, watch.claimed, watch.tries, plenty)
        calls += stack.journal.count("send")
    assert calls == 1
    assert len(stack.watches.queued) == 1


@pytest.mark.parametrize("lost", [True, False], ids=["crashed", "not answered"])
def test_what_may_have_been_sent_is_tried_once_more_and_not_again(lost: bool) -> None:
    watched = Watched(lost=lost, silent=not lost, validity=3600)
    watched.stack.messenger.failing = ProviderSilent("fake", "ReadTimeoutError")
    watched.stack.journal.clear()
    watched.run(3600)
    assert watched.stack.journal.count("send") == 1
    assert watched.record.verification.take_overs == 1


def test_of_many_silent_providers_two_are_asked_and_nobody_later() -> None:
    messengers = [FakeMessenger(name) for name in ("one", "two", "three")]
    stack = FakeStack(providers=messengers)
    for messenger in messengers:
        messenger.failing = ProviderSilent(messenger.name, "ReadTimeoutError")
    record = stack.start(start_command(), plenty).record
    assert [one.provider for one in record.sends[0].tries] == ["one", "two"]
    for messenger in messengers:
        messenger.failing = None
    stack.clock.advance(20)
    stack.look_after(record.verification.token, record.verification.sent_at, 0, plenty)
    assert [messenger.sent for messenger in messengers] == [[], [], []]


def test_after_a_crash_one_silent_provider_is_the_last_that_is_asked() -> None:
    one, two = FakeMessenger("one"), FakeMessenger("two")
    stack = FakeStack(providers=[one, two])
    one.failing = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        stack.start(start_command(), plenty)
    (watch,) = stack.watches.queued
    one.failing = ProviderSilent("one", "ReadTimeoutError")
    stack.clock.advance(20)
    stack.look_after(watch.token, watch.claimed, 0, plenty)
    assert two.sent == []
    record = stack.verifications.read(watch.token)
    assert record and [one.provider for one in record.sends[0].tries] == ["one"]


def test_the_first_five_retries_are_free_and_each_later_one_counts_as_a_send() -> None:
    watched = Watched(unavailable=True, validity=3600, sends="3/24h")  # one was the start's
    name = str(watched.record.verification.id)
    warning = ("warn", "retry_over_limit", {"verification_id": name})
    for tries in range(7):
        watched.stack.clock.advance(20)
        (queued,) = watched.look(tries=tries)
        assert queued == watched.watch(queued.delay, tries + 1)
    assert warning not in watched.stack.telemetry.events
    watched.stack.messenger.failing = None
    watched.stack.clock.advance(20)
    (void,) = watched.look(tries=7)
    assert watched.stack.telemetry.events[-1] == warning
    # That was the end: nothing was claimed, and no look is left that would find a claim.
    assert watched.look(void.claimed, void.tries) == []
    assert watched.codes == []


def test_a_free_retry_is_made_though_the_limit_is_used_up() -> None:
    watched = Watched(unavailable=True, validity=3600, sends="1/24h")
    watched.stack.messenger.failing = None
    watched.stack.clock.advance(20)
    watched.look(tries=4)
    assert len(watched.codes) == 1


def test_a_send_in_flight_is_not_tried_beside() -> None:
    watched = Watched(unavailable=True, validity=3600)
    watched.stack.clock.advance(20)
    watched.stack.messenger.failing = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):  # dies in the middle, its claim holds
        watched.look()
    watched.stack.messenger.failing = None
    assert watched.look() == [watched.watch(delay=12)]
    assert watched.codes == []


def test_with_no_time_left_nothing_is_sent_and_the_queue_does_it() -> None:
    stack = FakeStack()
    stack.start(start_command(), lambda: SEND_ROOM - 1)
    assert stack.messenger.sent == []
    (watch,) = stack.watches.queued
    record = stack.verifications.read(watch.token)
    assert record and record.last_send
    assert (record.last_send.outcome, record.last_send.taken.provider) == (
        Outcome.UNAVAILABLE,
        "none",
    )
    stack.clock.advance(watch.delay)
    stack.look_after(watch.token, watch.claimed, watch.tries, plenty)
    assert len(stack.messenger.sent) == 1


def test_many_tries_are_no_trouble() -> None:
    assert Watched(unavailable=True).look(tries=10_000)[0].delay == 300


def test_a_rejected_send_ends_it() -> None:
    watched = Watched(unavailable=True)
    watched.stack.messenger.failing = ProviderRejected("fake", "no")
    watched.stack.clock.advance(1)
    watched.look()
    assert watched.record.delivery_at(watched.stack.clock()) == Delivery.UNDELIVERED
    watched.stack.messenger.failing = None
    assert watched.look() == []
    assert watched.codes == []


def test_a_message_for_another_send_or_for_nothing_does_nothing() -> None:
    watched = Watched(unavailable=True)
    watched.stack.messenger.failing = None
    claimed = watched.record.verification.sent_at
    for other in (0, claimed - 1, claimed + 1):
        assert watched.look(other) == []
    watched.stack.look_after("z" * 26, claimed, 0, plenty)
    assert watched.codes == []


@pytest.mark.parametrize("end", ["verified", "expired", "canceled"])
def test_what_has_ended_is_not_sent(end: str) -> None:
    watched = Watched(resend_after=60)
    name = str(watched.record.verification.id)
    watched.stack.clock.advance(60)
    if end == "verified":
        watched.stack.verify(VerifyCommand("shop", name, watched.codes[0]), plenty)
    elif end == "expired":
        watched.stack.clock.advance(240)
    else:
        watched.stack.delete("shop", name, plenty)
    assert watched.look() == []
    assert len(watched.codes) == 1


def test_an_automatic_send_waits_for_its_time() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(15)
    assert watched.look() == [watched.watch(delay=45)]
    watched.stack.clock.advance(44.999)
    assert watched.look() == [watched.watch(delay=1)]
    assert len(watched.codes) == 1
    watched.stack.clock.advance(0.001)
    assert watched.look() == [watched.watch(delay=13)]
    assert len(watched.codes) == 2 and len(set(watched.codes)) == 1
    verification = watched.record.verification
    assert (verification.sends, verification.auto_sends) == (2, 1)


@pytest.mark.parametrize(
    ("resend_after", "max_sends", "sent"), [(None, 5, 1), (60, 5, 2), (60, 2, 2), (60, 1, 1)]
)
def test_it_is_sent_by_itself_once_and_never_over_max_sends(
    resend_after: int | None, max_sends: int, sent: int
) -> None:
    watched = Watched(resend_after=resend_after, max_sends=max_sends, validity=600)
    watched.run(1200)
    assert len(watched.codes) == sent


@pytest.mark.parametrize(
    ("automatic_sends", "max_sends", "validity", "sent"),
    [
        (0, 5, 600, 1),
        (1, 5, 600, 2),
        (3, 5, 600, 4),
        (9, 10, 1800, 10),
        (9, 3, 600, 3),  # max_sends ends it
        (9, 10, 150, 3),  # so does the end of the code
        (9, 1, 600, 1),
    ],
)
def test_several_automatic_sends_come_one_after_the_other_each_resend_after_the_last(
    automatic_sends: int, max_sends: int, validity: int, sent: int
) -> None:
    watched = Watched(
        resend_after=60, automatic_sends=automatic_sends, max_sends=max_sends, validity=validity
    )
    began = watched.record.verification.created_at
    watched.run(validity * 2)
    assert len(watched.codes) == sent and len(set(watched.codes)) == 1
    sends = watched.record.sends
    assert [send.tries[0].at - began for send in sends] == [n * 60_000 for n in range(sent)]
    assert watched.record.verification.auto_sends == sent - 1


def test_a_send_that_was_asked_for_puts_off_the_automatic_ones_and_takes_none_of_them() -> None:
    watched = Watched(resend_after=60, automatic_sends=2, max_sends=4, validity=600)
    began = watched.record.verification.created_at
    watched.run(90)  # one came at 60
    name = str(watched.record.verification.id)
    watched.stack.clock.advance(10)
    watched.stack.watches.queued.clear()
    watched.stack.resend(CLIENT, name, None, plenty)
    watched.pending += [
        (watched.stack.clock() + w.delay * 1000, w) for w in watched.stack.watches.queued
    ]
    watched.run(900)
    seconds = [(send.tries[0].at - began) // 1000 for send in watched.record.sends]
    assert seconds == [0, 60, 100, 160]
    verification = watched.record.verification
    assert (verification.sends, verification.auto_sends) == (4, 2)


def test_of_several_automatic_sends_those_over_a_limit_are_not_made() -> None:
    watched = Watched(resend_after=60, automatic_sends=5, max_sends=6, validity=600, sends="3/24h")
    watched.run(1200)
    assert len(watched.codes) == 3


def test_after_success_no_further_automatic_send_comes() -> None:
    watched = Watched(resend_after=60, automatic_sends=5, max_sends=6, validity=600)
    watched.run(70)
    name = str(watched.record.verification.id)
    watched.stack.verify(VerifyCommand("shop", name, watched.codes[0]), plenty)
    watched.run(1200)
    assert len(watched.codes) == 2


def test_a_lost_first_send_is_finished_and_its_automatic_one_still_comes() -> None:
    watched = Watched(lost=True, resend_after=60, validity=600)
    watched.run(1200)
    assert len(watched.codes) == 2
    assert [send.number for send in watched.record.sends] == [1, 2]


def test_providers_that_come_back_get_the_message_once() -> None:
    watched = Watched(unavailable=True, validity=600)
    watched.run(100)
    watched.stack.messenger.failing = None
    watched.run(500)
    assert len(watched.codes) == 1


def test_an_automatic_send_over_a_limit_is_logged_and_not_made() -> None:
    watched = Watched(resend_after=60, sends="1/24h")
    watched.stack.clock.advance(60)
    watched.look()
    name = str(watched.record.verification.id)
    warned = ("warn", "automatic_send_over_limit", {"verification_id": name})
    assert warned in watched.stack.telemetry.events
    assert len(watched.codes) == 1 and watched.record.verification.sends == 1


def test_an_automatic_send_is_claimed_before_it_is_made() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(60)
    claimed = watched.record.verification.sent_at
    watched.stack.journal.clear()
    watched.look(claimed)
    assert watched.stack.journal == ["read", "watch", "claim", "send", "record_send"]


@pytest.mark.parametrize("step", ["read", "claim"])
def test_a_table_out_of_reach_brings_the_message_back(step: str) -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    watched.stack.verifications.failing[step] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        watched.look()
    assert watched.codes == []
    del watched.stack.verifications.failing[step]
    watched.look()
    assert len(watched.codes) == 1


def test_of_two_that_saw_an_automatic_send_due_one_makes_it() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(60)
    stale = watched.record
    watched.look()
    watched.stack.verifications.read = lambda token: stale  # type: ignore[method-assign]  # a race
    watched.look(stale.verification.sent_at)
    assert len(watched.codes) == 2


def test_an_automatic_send_of_what_is_gone_by_then_is_not_made() -> None:
    watched = Watched(resend_after=60)
    watched.stack.clock.advance(60)
    watched.stack.verifications.failing["claim"] = NotFound()
    watched.look()
    assert len(watched.codes) == 1


def test_a_code_whose_key_was_dropped_too_early_cannot_be_sent() -> None:
    watched = Watched(lost=True)
    watched.stack.clock.advance(15)
    watched.stack.code_keys.keys.clear()
    with pytest.raises(LookupError, match="key id a"):
        watched.look()
    assert watched.codes == []


# ------------------------------------------------------------------------------- whose it is


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "automatic"])
def test_nothing_more_is_sent_for_a_client_that_is_gone_or_shut_out(lost: bool) -> None:
    watched = Watched(lost=lost, resend_after=60)
    sent = len(watched.codes)
    watched.stack.profiles.of["shop"] = None
    used = dict(watched.stack.verifications.used)
    watched.run(600)
    assert len(watched.codes) == sent
    assert watched.stack.verifications.used == used
    assert watched.record.verification.sends == 1


def test_a_client_that_is_let_in_again_has_its_sends_finished() -> None:
    watched = Watched(resend_after=60)
    watched.stack.profiles.of["shop"] = None
    watched.stack.clock.advance(60)
    watched.look()
    assert len(watched.codes) == 1
    del watched.stack.profiles.of["shop"]
    watched.look()
    assert len(watched.codes) == 2


def test_what_a_key_for_tests_started_is_finished_whoever_is_gone() -> None:
    stack = FakeStack()
    command = start_command(test_code="4711", resend_after=15)
    record = stack.start(command, plenty).record
    stack.profiles.of["shop"] = None
    stack.clock.advance(30)
    stack.look_after(record.verification.token, record.verification.sent_at, 0, plenty)
    found = stack.verifications.read(record.verification.token)
    assert found and found.verification.sends == 2
    assert stack.verifications.used == {}
    assert stack.messenger.sent == []


def test_a_send_by_itself_counts_against_the_limits_of_its_client() -> None:
    watched = Watched(resend_after=60, max_sends=5)
    own = parse_all_limits("client_messages=1")
    watched.stack.profiles.of["shop"] = Profile("Shop", limits=own)
    used, now = watched.stack.verifications.used, watched.stack.clock.now
    used[Charge(own.of(LimitName.CLIENT_MESSAGES)[0], b"shop", 1).window_key(now)] = 1
    watched.run(600)
    assert len(watched.codes) == 1
    warned = [event[1] for event in watched.stack.telemetry.events if event[0] == "warn"]
    assert set(warned) == {"automatic_send_over_limit"}


def test_while_nobody_knows_whose_it_is_the_message_comes_back() -> None:
    watched = Watched(lost=True)
    watched.stack.profiles.failing = TemporarilyUnavailable()
    watched.stack.clock.advance(20)
    with pytest.raises(TemporarilyUnavailable):
        watched.look()
    assert watched.codes == []
