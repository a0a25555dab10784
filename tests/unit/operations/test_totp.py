"""TOTP: how an authenticator app comes to count, and ceases to."""

from dataclasses import replace

import pytest
from verification.domain.services import User
from verification.domain.verification import Reason
from verification.errors import (
    FieldFault,
    InvalidFields,
    ProviderSilent,
    TemporarilyUnavailable,
    UserNotFound,
)
from verification.operations.totp import Enrolment
from verification.providers.totp import code_at

from tests.fakes.calls import SHOP
from tests.fakes.clock import plenty
from tests.fakes.verigator import OTHER, FakeVerigator
from tests.unit.logs import make_telemetry


@pytest.fixture
def verigator(monkeypatch: pytest.MonkeyPatch) -> FakeVerigator:
    return FakeVerigator(make_telemetry(monkeypatch))


@pytest.fixture
def path(verigator: FakeVerigator) -> tuple[str, str]:
    return verigator.user(verigator.service())


def user(verigator: FakeVerigator, path: tuple[str, str]) -> User:
    found = verigator.services.user(*path)
    assert found
    return found


def enrol(verigator: FakeVerigator, path: tuple[str, str]) -> Enrolment:
    return verigator.enrol.enrol(SHOP.id, *path)


def code_of(verigator: FakeVerigator, enrolment: Enrolment, later: int = 0) -> str:
    return code_at(enrolment.seed, verigator.stack.clock() // 30_000 + later)


def confirm(verigator: FakeVerigator, path: tuple[str, str], code: str) -> None:
    verigator.enrol.confirm(SHOP.id, *path, code)


def refusal(verigator: FakeVerigator, path: tuple[str, str], code: str) -> FieldFault:
    with pytest.raises(InvalidFields) as refused:
        confirm(verigator, path, code)
    (fault,) = refused.value.faults
    return fault


def check(verigator: FakeVerigator, path: tuple[str, str], code: str, own: str = "a") -> object:
    ref = f"{path[0]}/{path[1]}/{own}"
    return verigator.checker.check(ref, "+31612345678", code, repeated=False, remaining=plenty)


def test_the_seed_is_nowhere_in_the_table(verigator: FakeVerigator, path: tuple[str, str]) -> None:
    enrolment = enrol(verigator, path)
    stored = user(verigator, path)
    assert stored.totp_pending and len(stored.totp_pending) == 16
    assert enrolment.seed not in (stored.totp_pending, stored.totp_nonce)
    assert enrolment.seed.hex() not in repr(enrolment) and repr(enrolment.seed) not in repr(
        enrolment
    )


def test_every_enrolment_has_a_seed_of_its_own(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    assert enrol(verigator, path).seed != enrol(verigator, path).seed


@pytest.mark.parametrize("later", [-1, 0, 1])
def test_a_first_right_code_confirms_it(
    verigator: FakeVerigator, path: tuple[str, str], later: int
) -> None:
    confirm(verigator, path, code_of(verigator, enrol(verigator, path), later))
    assert user(verigator, path).totp_nonce


@pytest.mark.parametrize("later", [-2, 2])
def test_a_code_of_another_time_does_not(
    verigator: FakeVerigator, path: tuple[str, str], later: int
) -> None:
    fault = refusal(verigator, path, code_of(verigator, enrol(verigator, path), later))
    assert fault == FieldFault("code", "is not the code that the app shows")
    assert user(verigator, path).totp_nonce is None


def test_only_the_last_enrolment_can_be_confirmed(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    first, second = enrol(verigator, path), enrol(verigator, path)
    refusal(verigator, path, code_of(verigator, first))
    confirm(verigator, path, code_of(verigator, second))


def test_an_enrolment_that_comes_in_between_is_not_confirmed(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    first = enrol(verigator, path)
    stale = user(verigator, path)
    enrol(verigator, path)
    vars(verigator.services)["user"] = lambda service_id, user_id: stale
    fault = refusal(verigator, path, code_of(verigator, first))
    assert fault == FieldFault("code", "another app waits for its first code")


def test_without_an_enrolment_there_is_nothing_to_confirm(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    nothing = FieldFault("code", "no app waits for its first code")
    assert refusal(verigator, path, "123456") == nothing
    code = code_of(verigator, enrol(verigator, path))
    confirm(verigator, path, code)
    assert refusal(verigator, path, code) == nothing


def test_the_app_before_counts_until_the_new_one_is_confirmed(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    old = enrol(verigator, path)
    confirm(verigator, path, code_of(verigator, old))
    verigator.stack.clock.advance(60)
    new = enrol(verigator, path)
    assert check(verigator, path, code_of(verigator, new)) == Reason.INCORRECT
    assert check(verigator, path, code_of(verigator, old)) is None
    confirm(verigator, path, code_of(verigator, new))
    verigator.stack.clock.advance(30)
    assert check(verigator, path, code_of(verigator, old)) == Reason.INCORRECT
    assert check(verigator, path, code_of(verigator, new)) is None


def test_a_removed_app_counts_no_more_nor_one_that_waits(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    old = enrol(verigator, path)
    confirm(verigator, path, code_of(verigator, old))
    waiting = enrol(verigator, path)
    verigator.enrol.remove(SHOP.id, *path)
    verigator.enrol.remove(SHOP.id, *path)
    verigator.stack.clock.advance(60)
    assert check(verigator, path, code_of(verigator, old)) == Reason.INCORRECT
    refusal(verigator, path, code_of(verigator, waiting))


def test_only_its_client_enrols_confirms_and_removes(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    code = code_of(verigator, enrol(verigator, path))
    for client, where in ((OTHER.id, path), (SHOP.id, (path[0], "x")), (SHOP.id, ("x", path[1]))):
        with pytest.raises(UserNotFound):
            verigator.enrol.enrol(client, *where)
        with pytest.raises(UserNotFound):
            verigator.enrol.confirm(client, *where, code)
        with pytest.raises(UserNotFound):
            verigator.enrol.remove(client, *where)
    confirm(verigator, path, code)


def test_who_is_deleted_meanwhile_has_no_app(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    stale = user(verigator, path)
    verigator.manage.delete_user(SHOP.id, *path, plenty)
    vars(verigator.services)["user"] = lambda service_id, user_id: stale
    with pytest.raises(UserNotFound):
        enrol(verigator, path)


def test_who_is_gone_or_has_no_app_has_no_right_code(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    assert check(verigator, path, "123456") == Reason.INCORRECT
    verigator.manage.delete_user(SHOP.id, *path, plenty)
    assert check(verigator, path, "123456") == Reason.INCORRECT


def test_a_code_is_right_once_but_for_whom_it_was_right(
    verigator: FakeVerigator, path: tuple[str, str]
) -> None:
    app = verigator.app(path)
    code = verigator.shown(app)
    assert check(verigator, path, code, "a") is None
    assert check(verigator, path, code, "b") == Reason.INCORRECT
    assert check(verigator, path, code, "a") is None


def test_without_the_key_nobody_knows(verigator: FakeVerigator, path: tuple[str, str]) -> None:
    verigator.app(path)

    def out_of_reach() -> bytes:
        raise TemporarilyUnavailable

    verigator.checker = replace(verigator.checker, identity_key=out_of_reach)
    with pytest.raises(ProviderSilent) as unknown:
        check(verigator, path, "123456")
    assert (unknown.value.provider, unknown.value.vendor_code) == ("totp", "out_of_reach")
