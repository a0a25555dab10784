"""What every table of services promises: the fake's, DynamoDB Local's and the emulator's."""

import itertools
import secrets
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

import pytest
from verification.domain.destination import Destination
from verification.domain.services import Auth, Service, User
from verification.domain.verification import Channel
from verification.errors import AlreadyExists, ServiceError, UserNotFound
from verification.operations.services import Services
from verification.operations.totp import Apps

from tests.fakes.services import InMemoryServices
from tests.integration.commands import remaining
from tests.integration.conftest import Place

NOW = 1_800_000_000_000
NONCE, OTHER_NONCE = bytes(range(16)), bytes(range(16, 32))
STEP = NOW // 30_000
SMS = Auth("a" + "q" * 26, Channel.SMS)
TOTP = Auth("a" + "r" * 26, Channel.TOTP)

_names = itertools.count()


class Table(Services, Apps, Protocol):
    """Both sides of it."""


@pytest.fixture(params=["memory", "dynamodb_local", "emulator"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return InMemoryServices()
    make_place: Callable[[str], Place] = request.getfixturevalue("make_place")
    return make_place(request.getfixturevalue(request.param)).stack()._services


def make_service(**changes: Any) -> Service:
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "client_id": "shop",
        "fqdn": f"{secrets.token_hex(8)}.example",
        "name": "Shop",
        "created_at": NOW,
    }
    return Service(**values | changes)


def make_user(service: Service, **changes: Any) -> User:
    values: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "service_id": service.id,
        "client_id": service.client_id,
        "id_in_service": f"user {next(_names)}",
        "to": Destination("+31612345678", "NL"),
        "created_at": NOW,
    }
    return User(**values | changes)


def created(table: Table, **changes: Any) -> Service:
    service = make_service(**changes)
    table.create_service(service, remaining)
    return service


def joined(table: Table, service: Service, **changes: Any) -> User:
    user = make_user(service, **changes)
    table.create_user(user, remaining)
    return user


def read(table: Table, user: User) -> User:
    found = table.user(user.service_id, user.id)
    assert found
    return found


def confirmed(table: Table) -> User:
    """A user with an app that was confirmed in the step before."""
    user = joined(table, created(table))
    assert table.enrol(user, NONCE)
    assert table.confirm(read(table, user), STEP - 1)
    return read(table, user)


def test_what_is_created_is_read_back_whole(table: Table) -> None:
    service = created(table)
    assert table.service(service.id) == service
    user = joined(table, service, id_in_service="\u00e9 \U0001f600")
    nowhere = joined(table, service, to=Destination("+883510000000091", None))
    assert table.user(service.id, user.id) == user
    assert table.user(service.id, nowhere.id) == nowhere


def test_what_is_not_there_is_none(table: Table) -> None:
    service = make_service()
    user = make_user(service)
    assert table.service(service.id) is None
    assert table.close("shop", service.id) is None
    assert table.user(service.id, user.id) is None
    assert table.users(service.id, 10) == []
    assert table.delete_user(user, remaining) is False
    assert table.set_auth(user, SMS) is False
    assert table.enrol(user, NONCE) is False
    assert table.confirm(replace(user, totp_pending=NONCE), STEP) is False
    assert table.spend(replace(user, totp_nonce=NONCE), STEP, "a") is False
    table.remove(user)
    table.delete_users([user])
    table.delete_service(service, remaining)
    assert table.user(service.id, user.id) is None


def test_a_client_has_one_service_of_a_host_name_and_others_have_theirs(table: Table) -> None:
    first = created(table)
    with pytest.raises(AlreadyExists):
        created(table, fqdn=first.fqdn)
    second = created(table, fqdn=first.fqdn, client_id="other")
    assert table.service(first.id) == first
    assert table.service(second.id) == second


def test_a_service_has_one_user_of_a_name_and_others_have_theirs(table: Table) -> None:
    service, other = created(table), created(table)
    user = joined(table, service)
    with pytest.raises(AlreadyExists):
        joined(table, service, id_in_service=user.id_in_service)
    joined(table, other, id_in_service=user.id_in_service)
    joined(table, service, id_in_service=user.id_in_service.upper())
    assert len(table.users(service.id, 10)) == 2


@pytest.mark.parametrize("character", ["x", "\u00e9", "\u6f22", "\U0001f600"])
def test_the_longest_name_fits_the_key(table: Table, character: str) -> None:
    service = created(table)
    user = joined(table, service, id_in_service=character * 255)
    with pytest.raises(AlreadyExists):
        joined(table, service, id_in_service=character * 255)
    assert read(table, user).id_in_service == character * 255


def test_nobody_joins_a_service_that_is_not_there_not_ones_own_or_being_deleted(
    table: Table,
) -> None:
    closed, others = created(table), created(table, client_id="other")
    table.close("shop", closed.id)
    for service in (make_service(), closed, replace(others, client_id="shop")):
        user = make_user(service)
        with pytest.raises(UserNotFound):
            table.create_user(user, remaining)
        assert table.user(service.id, user.id) is None


def test_that_there_is_no_such_service_outranks_that_the_name_is_taken(table: Table) -> None:
    service = created(table)
    user = joined(table, service)
    table.close("shop", service.id)
    with pytest.raises(UserNotFound):
        joined(table, service, id_in_service=user.id_in_service)


def test_all_pages_of_users_are_read_up_to_the_limit(table: Table) -> None:
    service = created(table)
    users = {joined(table, service, id_in_service=f"{n}" * 255).id for n in range(7)}
    assert {user.id for user in table.users(service.id, 100)} == users
    assert len(table.users(service.id, 7)) == 7
    assert len({user.id for user in table.users(service.id, 3)}) == 3


def test_only_its_client_closes_a_service_and_again_changes_nothing(table: Table) -> None:
    service = created(table)
    assert table.close("other", service.id) is None
    assert table.service(service.id) == service
    assert table.close("shop", service.id) == service
    assert table.close("shop", service.id) == service
    assert table.service(service.id) is None


def test_a_host_name_is_free_again_when_its_service_is_deleted_and_not_before(
    table: Table,
) -> None:
    service = created(table)
    table.delete_service(service, remaining)  # not closed: nothing happens
    assert table.service(service.id) == service
    table.close("shop", service.id)
    with pytest.raises(AlreadyExists):
        created(table, fqdn=service.fqdn)
    table.delete_service(service, remaining)
    again = created(table, fqdn=service.fqdn)
    table.delete_service(service, remaining)  # a slower deletion of the first
    with pytest.raises(AlreadyExists):
        created(table, fqdn=service.fqdn)
    assert table.service(again.id) == again


def test_deleted_users_are_gone_with_their_names_and_others_stay(table: Table) -> None:
    service, other = created(table), created(table)
    users = [joined(table, service) for _ in range(60)]  # more than one batch
    stays, elsewhere = joined(table, service), joined(table, other)
    table.delete_users(users)
    table.delete_users(users[:1])
    assert [user.id for user in table.users(service.id, 100)] == [stays.id]
    assert table.users(other.id, 100) == [elsewhere]
    joined(table, service, id_in_service=users[0].id_in_service)


def test_a_user_is_deleted_with_the_name_by_their_client_alone(table: Table) -> None:
    user = joined(table, created(table))
    assert table.delete_user(replace(user, client_id="other"), remaining) is False
    assert table.delete_user(user, remaining) is True
    assert table.user(user.service_id, user.id) is None
    assert table.delete_user(user, remaining) is False
    table.create_user(replace(user, id=str(uuid.uuid4())), remaining)


def test_a_user_with_a_newer_verification_is_not_deleted(table: Table) -> None:
    seen = joined(table, created(table))
    assert table.set_auth(seen, SMS)
    assert table.delete_user(seen, remaining) is False
    pointing = read(table, seen)
    assert pointing.auth == SMS
    assert table.set_auth(seen, TOTP)
    assert table.delete_user(pointing, remaining) is False
    assert table.delete_user(read(table, seen), remaining) is True


def test_only_its_client_changes_a_user(table: Table) -> None:
    user = confirmed(table)
    stranger = replace(user, client_id="other")
    assert table.set_auth(stranger, SMS) is False
    assert table.enrol(stranger, OTHER_NONCE) is False
    assert table.spend(stranger, STEP, "a") is False
    table.remove(stranger)
    assert read(table, user) == user


def test_an_app_counts_when_it_is_confirmed_and_the_one_before_until_then(table: Table) -> None:
    user = joined(table, created(table))
    assert table.enrol(user, OTHER_NONCE)
    assert table.enrol(user, NONCE)
    waiting = read(table, user)
    assert (waiting.totp_nonce, waiting.totp_pending) == (None, NONCE)
    assert table.confirm(waiting, STEP)
    user = read(table, user)
    assert (user.totp_nonce, user.totp_pending) == (NONCE, None)
    assert table.enrol(user, OTHER_NONCE)
    user = read(table, user)
    assert (user.totp_nonce, user.totp_pending) == (NONCE, OTHER_NONCE)
    assert table.spend(user, STEP + 1, "a")


def test_an_app_that_was_replaced_while_it_waited_is_not_confirmed(table: Table) -> None:
    user = joined(table, created(table))
    table.enrol(user, NONCE)
    waiting = read(table, user)
    table.enrol(user, OTHER_NONCE)
    assert table.confirm(waiting, STEP) is False
    assert read(table, user).totp_nonce is None


def test_a_confirmation_whose_answer_got_lost_is_one_and_frees_no_step(table: Table) -> None:
    user = joined(table, created(table))
    table.enrol(user, NONCE)
    waiting = read(table, user)
    assert table.confirm(waiting, STEP)
    assert table.spend(read(table, user), STEP + 1, "a")
    assert table.confirm(waiting, STEP) is True
    assert table.spend(read(table, user), STEP + 1, "b") is False


def test_the_step_of_the_confirming_code_is_spent(table: Table) -> None:
    user = confirmed(table)
    assert table.spend(user, STEP - 1, "a") is False
    assert table.spend(user, STEP - 2, "a") is False
    assert table.spend(user, STEP, "a") is True


def test_the_step_of_the_confirming_code_is_not_of_who_spent_it_with_the_app_before(
    table: Table,
) -> None:
    user = confirmed(table)
    assert table.spend(user, STEP, "a") is True
    table.enrol(user, OTHER_NONCE)
    assert table.confirm(read(table, user), STEP)
    assert table.spend(read(table, user), STEP, "a") is False


def test_a_step_is_spent_once_and_earlier_ones_with_it(table: Table) -> None:
    user = confirmed(table)
    assert table.spend(user, STEP + 1, "a") is True
    assert table.spend(user, STEP + 1, "b") is False
    assert table.spend(user, STEP, "b") is False
    assert table.spend(user, STEP + 2, "b") is True


def test_who_spent_the_last_step_may_say_so_again(table: Table) -> None:
    user = confirmed(table)
    assert table.spend(user, STEP, "a") is True
    assert table.spend(user, STEP, "a") is True
    assert table.spend(user, STEP - 1, "a") is False
    assert table.spend(user, STEP + 1, "b") is True
    assert table.spend(user, STEP, "a") is False


def test_no_step_is_spent_of_an_app_that_is_gone_or_replaced(table: Table) -> None:
    user = confirmed(table)
    table.enrol(user, OTHER_NONCE)
    table.confirm(read(table, user), STEP)
    assert table.spend(user, STEP + 1, "a") is False
    user = read(table, user)
    table.remove(user)
    assert table.spend(user, STEP + 2, "a") is False


def test_a_removed_app_leaves_nothing_and_again_changes_nothing(table: Table) -> None:
    user = confirmed(table)
    table.enrol(user, OTHER_NONCE)
    table.set_auth(user, TOTP)
    table.remove(user)
    table.remove(user)
    assert read(table, user) == replace(user, totp_nonce=None, totp_pending=None, auth=TOTP)
    table.enrol(user, NONCE)
    assert table.confirm(read(table, user), STEP - 5)
    assert table.spend(read(table, user), STEP - 4, "a") is True


def attempt(act: Callable[[], object]) -> str:
    try:
        act()
    except ServiceError as error:
        return error.code
    return "done"


def test_of_20_services_of_one_host_name_at_once_one_is_made(table: Table) -> None:
    fqdn = make_service().fqdn
    one_name = [make_service(fqdn=fqdn) for _ in range(20)]
    with ThreadPoolExecutor(10) as pool:
        outcomes = Counter(
            pool.map(lambda s: attempt(lambda: table.create_service(s, remaining)), one_name)
        )
    assert outcomes == {"done": 1, "already_exists": 19}
    assert sum(table.service(service.id) is not None for service in one_name) == 1


def test_of_20_users_of_one_name_at_once_one_is_made(table: Table) -> None:
    service = created(table)
    users = [make_user(service, id_in_service="ann") for _ in range(20)]
    with ThreadPoolExecutor(10) as pool:
        outcomes = Counter(
            pool.map(lambda u: attempt(lambda: table.create_user(u, remaining)), users)
        )
    assert outcomes == {"done": 1, "already_exists": 19}
    assert len(table.users(service.id, 100)) == 1


def test_of_many_who_spend_one_step_at_once_one_does(table: Table) -> None:
    user = confirmed(table)
    with ThreadPoolExecutor(32) as pool:
        spent = Counter(pool.map(lambda n: table.spend(user, STEP, f"owner-{n}"), range(100)))
    assert spent == {True: 1, False: 99}


def test_nobody_joins_a_service_after_it_was_closed(table: Table) -> None:
    service = created(table)
    users = [make_user(service) for _ in range(30)]

    def act(n: int) -> str:
        if n == 15:
            return str(bool(table.close("shop", service.id)))
        return attempt(lambda: table.create_user(users[n], remaining))

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(act, range(30)))
    assert outcomes["True"] == 1
    assert outcomes["done"] + outcomes["user_not_found"] == 29
    assert len(table.users(service.id, 100)) == outcomes["done"]
    assert attempt(lambda: table.create_user(users[15], remaining)) == "user_not_found"
