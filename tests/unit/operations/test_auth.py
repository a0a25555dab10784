"""Auth: one verification of a user at a time, by SMS or by an authenticator app."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from queue import SimpleQueue
from threading import Event
from typing import Any

import pytest
from verification.domain import policy
from verification.domain.destination import TestDestination
from verification.domain.verification import Channel, Delivery, Reason, Status
from verification.errors import (
    LimitExceeded,
    MaxSendsReached,
    NotFound,
    ProviderSilent,
    TemporarilyUnavailable,
    UserNotFound,
    VerifierUnavailable,
)
from verification.operations import auth
from verification.operations.ports import Order
from verification.operations.verify import VerifyCommand

from tests.fakes.calls import SHOP
from tests.fakes.clock import plenty
from tests.fakes.providers import FakeMessenger
from tests.fakes.stack import FakeStack
from tests.fakes.verigator import OTHER, FakeVerigator
from tests.unit.logs import make_telemetry

SMS, TOTP = Channel.SMS, Channel.TOTP
NUMBER = "+31612345678"


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Any:
    telemetry = make_telemetry(monkeypatch)
    return lambda **settings: FakeVerigator(telemetry, FakeStack(**settings))


@pytest.fixture
def verigator(make: Any) -> FakeVerigator:
    made: FakeVerigator = make()
    return made


@pytest.fixture
def path(verigator: FakeVerigator) -> tuple[str, str]:
    return verigator.user(verigator.service())


def start(verigator: FakeVerigator, path: tuple[str, str], method: Channel = SMS) -> Channel:
    return verigator.start_auth(SHOP, *path, method, plenty)


def check(verigator: FakeVerigator, path: tuple[str, str], code: str | None) -> Any:
    return verigator.check_auth(SHOP.id, *path, code, plenty)[1]


def pointed(verigator: FakeVerigator, path: tuple[str, str]) -> str:
    """The verification that the user points to."""
    user = verigator.services.user(*path)
    assert user and user.auth
    return user.auth.verification_id


def record(verigator: FakeVerigator, path: tuple[str, str]) -> Any:
    return verigator.stack.lookup.one(SHOP.id, pointed(verigator, path))


def test_the_numbers_are_those_of_the_native_api() -> None:
    assert auth.CODE_LENGTH == policy.CODE_LENGTH.default
    assert auth.VALIDITY == policy.VALIDITY.default
    assert auth.MAX_ATTEMPTS == policy.MAX_ATTEMPTS.default
    assert auth.APP_ATTEMPTS == 3


def test_an_sms_goes_to_the_users_number_once(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    assert start(verigator, path) == SMS
    (sent,) = verigator.stack.messenger.sent
    assert (sent.to, sent.order.country, sent.channel) == (NUMBER, "NL", SMS)
    started = record(verigator, path).verification
    assert (started.code_length, started.max_attempts, started.max_sends) == (6, 5, 1)
    assert (started.valid_until - started.created_at, started.max_auto_sends) == (300_000, 0)
    assert check(verigator, path, sent.code).valid


@pytest.mark.parametrize(
    ("name", "brand"),
    [("x" * 20, "x" * 20), ("\U0001f600" * 20, "\U0001f600" * 20), ("x" * 21, "Shop")],
)
def test_the_message_bears_the_services_name_where_it_fits(
    verigator: FakeVerigator, name: str, brand: str
) -> None:
    start(verigator, verigator.user(verigator.service(name=name)))
    assert brand in verigator.stack.messenger.sent[0].message.text


def test_a_later_start_takes_the_place_of_the_one_before(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    start(verigator, path)
    start(verigator, path)
    first, second = (sent.code for sent in verigator.stack.messenger.sent)
    assert not check(verigator, path, first).valid
    assert check(verigator, path, second).valid


def test_who_has_no_app_or_an_unconfirmed_one_gets_an_sms(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    assert start(verigator, path, TOTP) == SMS
    verigator.app(path, confirmed=False)
    assert start(verigator, path, TOTP) == SMS
    assert len(verigator.stack.messenger.sent) == 2


def test_an_app_needs_no_message_and_no_provider(make: Any) -> None:
    verigator = make(routes="email=fake")
    path = verigator.user(verigator.service())
    app = verigator.app(path)
    assert start(verigator, path, TOTP) == TOTP
    assert verigator.stack.messenger.sent == verigator.stack.watches.queued == []
    assert check(verigator, path, verigator.shown(app)).valid


def test_who_has_an_app_may_still_have_an_sms(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    assert start(verigator, path) == SMS
    assert not check(verigator, path, verigator.shown(app)).valid
    assert check(verigator, path, verigator.code()).valid


def test_a_totp_verification_is_one_like_every_other(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    found = record(verigator, path)
    verification, now = found.verification, verigator.stack.clock()
    assert (verification.channel, verification.to) == (TOTP, NUMBER)
    assert (verification.code_length, verification.max_attempts) == (6, 3)
    assert found.sends == ()
    assert found.delivery_at(now) == Delivery.UNKNOWN
    with pytest.raises(MaxSendsReached):
        verigator.stack.resend(SHOP, str(verification.id), None, plenty)
    guess = VerifyCommand(SHOP.id, str(verification.id), verigator.shown(app))
    assert verigator.verify(guess, plenty)[1].valid
    found = record(verigator, path)
    assert found.verification.status_at(now) == Status.VERIFIED
    assert found.delivery_at(now) == Delivery.UNKNOWN
    assert ("started", str(verification.id)) in verigator.stack.telemetry.events


def test_no_code_of_ours_opens_a_totp_verification(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    verigator.app(path)
    start(verigator, path, TOTP)
    verification = record(verigator, path).verification
    code = verigator.stack.sender._code_of(verification)
    assert check(verigator, path, code).reason == Reason.INCORRECT


def test_three_wrong_guesses_at_an_apps_code_end_it(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    right = verigator.shown(app)
    wrong = f"{(int(right) + 500_000) % 1_000_000:06d}"
    reasons = [check(verigator, path, wrong).reason for _ in range(3)]
    assert reasons == [Reason.INCORRECT] * 3
    assert check(verigator, path, right).reason == Reason.EXHAUSTED


def test_it_ends_in_time(verigator: FakeVerigator, path: tuple[str, str]) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    verigator.stack.clock.advance(300)
    assert check(verigator, path, verigator.shown(app)).reason == Reason.EXPIRED


@pytest.mark.parametrize(
    ("off", "valid"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_an_apps_clock_may_be_off_by_one_step(
    verigator: FakeVerigator, path: tuple[str, str], off: int, valid: bool
) -> None:
    app = verigator.app(path)
    verigator.stack.clock.advance(60)  # past the step that the confirmation spent
    start(verigator, path, TOTP)
    assert check(verigator, path, verigator.shown(app, off)).valid is valid


def test_a_code_counts_in_one_auth_alone(verigator: FakeVerigator, path: tuple[str, str]) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    code = verigator.shown(app)
    assert check(verigator, path, code).valid
    assert check(verigator, path, code).reason == Reason.ALREADY_VERIFIED
    start(verigator, path, TOTP)
    assert check(verigator, path, code).reason == Reason.INCORRECT
    verigator.stack.clock.advance(30)
    assert check(verigator, path, verigator.shown(app)).valid


def test_the_code_that_confirmed_an_app_counts_no_second_time(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path, confirmed=False)
    code = verigator.shown(app)
    verigator.enrol.confirm(SHOP.id, *path, code)
    start(verigator, path, TOTP)
    assert check(verigator, path, code).reason == Reason.INCORRECT


def test_a_clock_that_steps_back_opens_no_step_again(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    code = verigator.shown(app)
    assert check(verigator, path, code).valid
    verigator.stack.clock.advance(-30)
    start(verigator, path, TOTP)
    assert check(verigator, path, code).reason == Reason.INCORRECT
    assert check(verigator, path, verigator.shown(app)).reason == Reason.INCORRECT
    verigator.stack.clock.advance(60)
    assert check(verigator, path, verigator.shown(app)).valid


def test_a_removed_app_ends_what_was_started_with_it(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    verigator.enrol.remove(SHOP.id, *path)
    assert check(verigator, path, verigator.shown(app)).reason == Reason.INCORRECT
    assert start(verigator, path, TOTP) == SMS


def test_another_users_app_is_of_no_use(verigator: FakeVerigator, path: tuple[str, str]) -> None:
    verigator.app(path)
    other = verigator.user(path[0], "bob", "+31612345679")
    app = verigator.app(other)
    start(verigator, path, TOTP)
    assert check(verigator, path, verigator.shown(app)).reason == Reason.INCORRECT


def test_of_100_right_codes_of_one_step_over_3_auths_one_counts(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    ids = []
    for _ in range(3):
        start(verigator, path, TOTP)
        ids.append(pointed(verigator, path))
    code = verigator.shown(app)
    commands = [VerifyCommand(SHOP.id, ids[n % 3], code) for n in range(100)]
    with ThreadPoolExecutor(32) as pool:
        verdicts = list(pool.map(lambda command: verigator.verify(command, plenty)[1], commands))
    assert Counter(verdict.valid for verdict in verdicts) == {True: 1, False: 99}


def test_attempt_limits_outlive_a_code_and_count_guesses_alone(make: Any) -> None:
    verigator = make(guesses="50/24h", sends="1/24h")
    path = verigator.user(verigator.service())
    verigator.app(path)
    for _ in range(16):
        start(verigator, path, TOTP)
    with pytest.raises(LimitExceeded) as refused:
        start(verigator, path, TOTP)
    assert refused.value.detail == "The limit destination_guesses 50/24h is used up."


def test_a_test_destination_with_an_app_is_a_real_one(make: Any) -> None:
    client = replace(SHOP, test=True)
    known = {"+12025550100": TestDestination("4321", 9_999_999_999_999)}
    verigator = make(test_destinations=known)
    path = verigator.user(verigator.service(), number="+12025550100")
    app = verigator.app(path)
    assert verigator.start_auth(client, *path, TOTP, plenty) == TOTP
    assert check(verigator, path, "4321").reason == Reason.INCORRECT
    assert record(verigator, path).verification.test is False
    assert check(verigator, path, verigator.shown(app)).valid
    verigator.start_auth(client, *path, SMS, plenty)
    assert check(verigator, path, "4321").valid


@pytest.mark.parametrize("name", ["user", "spend"])
def test_without_the_table_nothing_is_valid_and_the_attempt_is_spent(
    verigator: FakeVerigator, path: tuple[str, str], name: str
) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    guess = VerifyCommand(
        SHOP.id, pointed(verigator, path), verigator.shown(app), idempotency_key="k"
    )
    verigator.services.failing[name] = TemporarilyUnavailable()
    with pytest.raises(VerifierUnavailable) as refused:
        verigator.verify(guess, plenty)
    verigator.services.failing.clear()
    assert isinstance(refused.value.__cause__, ProviderSilent)
    assert ("verifier_failed", "totp", "out_of_reach") in verigator.stack.telemetry.events
    assert record(verigator, path).verification.attempts == 1
    verigator.stack.clock.advance(15)  # the code of the step before now
    assert verigator.verify(guess, plenty)[1].valid
    assert record(verigator, path).verification.attempts == 1


def test_a_step_that_was_spent_before_the_answer_got_lost_is_not_lost(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    start(verigator, path, TOTP)
    code = verigator.shown(app)
    verigator.stack.verifications.failing["confirm"] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        check(verigator, path, code)
    verigator.stack.verifications.failing.clear()
    assert check(verigator, path, code).valid


def test_what_cannot_be_a_code_is_wrong_and_not_counted(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    start(verigator, path)
    verdict = check(verigator, path, None)
    assert (verdict.valid, verdict.reason) == (False, Reason.INCORRECT)
    assert record(verigator, path).verification.attempts == 0


def test_without_a_start_or_after_a_cancel_there_is_nothing_to_check(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    for code in ("123456", None):
        with pytest.raises(NotFound):
            check(verigator, path, code)
    start(verigator, path)
    verigator.delete(SHOP.id, pointed(verigator, path), plenty)
    with pytest.raises(NotFound):
        check(verigator, path, verigator.code())


def test_users_of_others_and_unknown_ones_are_not_found(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    service, user = path
    for client, where in (
        (OTHER, path),
        (SHOP, (service, service)),
        (SHOP, (user, user)),
        (SHOP, (service, "x" * 3000)),
        (SHOP, ("x" * 3000, user)),
    ):
        with pytest.raises(UserNotFound):
            verigator.start_auth(client, *where, SMS, plenty)
        with pytest.raises(UserNotFound):
            verigator.check_auth(client.id, *where, "123456", plenty)
    assert verigator.stack.messenger.sent == []


class Interrupted(FakeMessenger):
    """A messenger during whose sends something else happens."""

    meanwhile: Callable[[], object] = bool

    def send(self, order: Order) -> str:
        self.meanwhile()
        return super().send(order)


@pytest.mark.parametrize("gone", ["user", "service"])
def test_who_is_deleted_while_the_message_is_sent_leaves_nothing(make: Any, gone: str) -> None:
    messenger = Interrupted()
    verigator = make(providers=[messenger])
    service, user = path = verigator.user(verigator.service())
    if gone == "user":
        messenger.meanwhile = lambda: verigator.manage.delete_user(SHOP.id, service, user, plenty)
    else:
        # A deletion of the service that has read the user, and not yet deleted it.
        messenger.meanwhile = lambda: verigator.services.close(SHOP.id, service)
    with pytest.raises(UserNotFound):
        start(verigator, path)
    assert len(messenger.sent) == 1
    (verification,) = verigator.stack.verifications._items.values()
    assert (verification.status, verification.to) == (Status.CANCELED, None)


class Gated(FakeMessenger):
    """A messenger each of whose sends waits until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: SimpleQueue[Event] = SimpleQueue()

    def send(self, order: Order) -> str:
        gate = Event()
        self.waiting.put(gate)
        assert gate.wait(10)
        return super().send(order)


@pytest.mark.parametrize("order", [("earlier", "later"), ("later", "earlier")])
def test_of_two_starts_at_once_the_later_counts_whichever_is_done_first(
    make: Any, order: tuple[str, str]
) -> None:
    messenger = Gated()
    verigator = make(providers=[messenger])
    path = verigator.user(verigator.service())
    under_way, codes = {}, {}
    with ThreadPoolExecutor(2) as pool:
        for name in ("earlier", "later"):
            done = pool.submit(start, verigator, path)
            under_way[name] = messenger.waiting.get(timeout=10), done
            verigator.stack.clock.advance(1)
        for name in order:
            gate, done = under_way[name]
            gate.set()
            assert done.result(10) == SMS
            codes[name] = messenger.sent[-1].code
    assert not check(verigator, path, codes["earlier"]).valid
    assert check(verigator, path, codes["later"]).valid
    left = [one.status for one in verigator.stack.verifications._items.values()]
    # Whoever finds a later one there takes their own away.
    assert left.count(Status.CANCELED) == (order[0] == "later")


def test_who_is_overtaken_is_told_what_the_next_guess_is_about(make: Any) -> None:
    messenger = Interrupted()
    verigator = make(providers=[messenger])
    path = verigator.user(verigator.service())
    app = verigator.app(path)

    def overtake() -> None:
        verigator.stack.clock.advance(1)
        assert start(verigator, path, TOTP) == TOTP

    messenger.meanwhile = overtake
    assert start(verigator, path, SMS) == TOTP
    assert check(verigator, path, verigator.shown(app)).valid


@pytest.mark.parametrize("cancelable", [True, False])
@pytest.mark.parametrize("step", ["set_auth", "service"])
def test_a_start_that_nobody_could_point_to_is_canceled_if_that_can_be(
    make: Any, step: str, cancelable: bool
) -> None:
    messenger = Interrupted()
    verigator = make(providers=[messenger])
    path = verigator.user(verigator.service())
    first = TemporarilyUnavailable("the first")

    def fail() -> None:
        verigator.services.failing[step] = first
        if not cancelable:
            verigator.stack.verifications.failing["cancel"] = TemporarilyUnavailable("the second")

    messenger.meanwhile = fail
    with pytest.raises(TemporarilyUnavailable) as refused:
        start(verigator, path)
    assert refused.value is first
    (verification,) = verigator.stack.verifications._items.values()
    kept = (Status.PENDING, NUMBER)
    expected = (Status.CANCELED, None) if cancelable else kept
    assert (verification.status, verification.to) == expected
