"""What every table of services promises: the fake's, DynamoDB Local's and the emulator's."""

import itertools
import secrets
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

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
SMS = Auth("a" + "q" * 26, Channel.SMS, NOW)
TOTP = Auth("a" + "r" * 26, Channel.TOTP, NOW)

_names = itertools.count()


@dataclass(frozen=True)
class Table:
    """Both sides of it."""

    services: Services
    apps: Apps


@pytest.fixture(params=["memory", "dynamodb_local", "emulator"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        memory = InMemoryServices()
        return Table(memory, memory)
    make_place: Callable[[str], Place] = request.getfixturevalue("make_place")
    stack = make_place(request.getfixturevalue(request.param)).stack()
    return Table(stack._services, stack._apps)


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
    table.services.create_service(service, remaining)
    return service


def joined(table: Table, service: Service, **changes: Any) -> User:
    user = make_user(service, **changes)
    table.services.create_user(user, remaining)
    return user


def read(table: Table, user: User) -> User:
    found = table.services.user(user.service_id, user.id)
    assert found
    return found


def confirmed(table: Table) -> User:
    """A user with an app that was confirmed in the step before."""
    user = joined(table, created(table))
    assert table.apps.enrol(user, NONCE)
    assert table.apps.confirm(read(table, user), STEP - 1)
    return read(table, user)


def test_what_is_created_is_read_back_whole(table: Table) -> None:
    service = created(table)
    assert table.services.service(service.id) == service
    user = joined(table, service, id_in_service="\u00e9 \U0001f600")
    nowhere = joined(table, service, to=Destination("+883510000000091", None))
    assert table.services.user(service.id, user.id) == user
    assert table.services.user(service.id, nowhere.id) == nowhere


def test_what_is_not_there_is_none(table: Table) -> None:
    service = make_service()
    user = make_user(service)
    assert table.services.service(service.id) is None
    assert table.services.close("shop", service.id) is None
    assert table.services.user(service.id, user.id) is None
    assert table.services.users(service.id, 10) == []
    assert table.services.delete_user(user, remaining) is False
    assert table.services.set_auth(user, SMS) is None
    assert table.apps.enrol(user, NONCE) is False
    assert table.apps.confirm(replace(user, totp_pending=NONCE), STEP) is False
    assert table.apps.spend(replace(user, totp_nonce=NONCE), STEP, "a") is False
    table.apps.remove(user)
    table.services.delete_users([user])
    table.services.delete_service(service, remaining)
    assert table.services.user(service.id, user.id) is None


def test_a_client_has_one_service_of_a_host_name_and_others_have_theirs(table: Table) -> None:
    first = created(table)
    with pytest.raises(AlreadyExists) as refused:
        created(table, fqdn=first.fqdn)
    assert refused.value.detail == f"There is one of that name: {first.id}."
    second = created(table, fqdn=first.fqdn, client_id="other")
    assert table.services.service(first.id) == first
    assert table.services.service(second.id) == second


def test_a_service_has_one_user_of_a_name_and_others_have_theirs(table: Table) -> None:
    service, other = created(table), created(table)
    user = joined(table, service)
    with pytest.raises(AlreadyExists) as refused:
        joined(table, service, id_in_service=user.id_in_service)
    assert refused.value.detail == f"There is one of that name: {user.id}."
    joined(table, other, id_in_service=user.id_in_service)
    joined(table, service, id_in_service=user.id_in_service.upper())
    assert len(table.services.users(service.id, 10)) == 2


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
    table.services.close("shop", closed.id)
    for service in (make_service(), closed, replace(others, client_id="shop")):
        user = make_user(service)
        with pytest.raises(UserNotFound):
            table.services.create_user(user, remaining)
        assert table.services.user(service.id, user.id) is None


def test_that_there_is_no_such_service_outranks_that_the_name_is_taken(table: Table) -> None:
    service = created(table)
    user = joined(table, service)
    table.services.close("shop", service.id)
    with pytest.raises(UserNotFound):
        joined(table, service, id_in_service=user.id_in_service)


def test_all_pages_of_users_are_read_up_to_the_limit(table: Table) -> None:
    service = created(table)
    users = {joined(table, service, id_in_service=f"{n}" * 255).id for n in range(7)}
    assert {user.id for user in table.services.users(service.id, 100)} == users
    assert len(table.services.users(service.id, 7)) == 7
    assert len({user.id for user in table.services.users(service.id, 3)}) == 3


def test_only_its_client_closes_a_service_and_again_changes_nothing(table: Table) -> None:
    service = created(table)
    assert table.services.close("other", service.id) is None
    assert table.services.service(service.id) == service
    assert table.services.close("shop", service.id) == service
    assert table.services.close("shop", service.id) == service
    assert table.services.service(service.id) is None


def test_a_host_name_is_free_again_when_its_service_is_deleted_and_not_before(
    table: Table,
) -> None:
    service = created(table)
    table.services.delete_service(service, remaining)  # not closed: nothing happens
    assert table.services.service(service.id) == service
    table.services.close("shop", service.id)
    with pytest.raises(AlreadyExists):
        created(table, fqdn=service.fqdn)
    table.services.delete_service(service, remaining)
    again = created(table, fqdn=service.fqdn)
    table.services.delete_service(service, remaining)  # a slower deletion of the first
    with pytest.raises(AlreadyExists):
        created(table, fqdn=service.fqdn)
    assert table.services.service(again.id) == again


def test_deleted_users_are_gone_with_their_names_and_others_stay(table: Table) -> None:
    service, other = created(table), created(table)
    users = [joined(table, service) for _ in range(60)]  # more than one batch
    stays, elsewhere = joined(table, service), joined(table, other)
    table.services.delete_users(users)
    table.services.delete_users(users[:1])
    assert [user.id for user in table.services.users(service.id, 100)] == [stays.id]
    assert table.services.users(other.id, 100) == [elsewhere]
    joined(table, service, id_in_service=users[0].id_in_service)


def test_a_user_is_deleted_with_the_name_by_their_client_alone(table: Table) -> None:
    user = joined(table, created(table))
    assert table.services.delete_user(replace(user, client_id="other"), remaining) is False
    assert table.services.delete_user(user, remaining) is True
    assert table.services.user(user.service_id, user.id) is None
    assert table.services.delete_user(user, remaining) is False
    table.services.create_user(replace(user, id=str(uuid.uuid4())), remaining)


def test_a_user_with_a_newer_verification_is_not_deleted(table: Table) -> None:
    seen = joined(table, created(table))
    assert table.services.set_auth(seen, SMS)
    assert table.services.delete_user(seen, remaining) is False
    pointing = read(table, seen)
    assert pointing.auth == SMS
    assert table.services.set_auth(seen, TOTP)
    assert table.services.delete_user(pointing, remaining) is False
    assert table.services.delete_user(read(table, seen), remaining) is True


def test_the_verification_that_began_last_is_pointed_to_whichever_is_written_last(
    table: Table,
) -> None:
    user = joined(table, created(table))
    later = replace(TOTP, started_at=NOW + 1)
    assert table.services.set_auth(user, SMS) == SMS
    assert table.services.set_auth(user, later) == later
    assert table.services.set_auth(user, SMS) == later
    assert read(table, user).auth == later
    assert table.services.set_auth(user, later) == later  # again, after a lost answer
    same_moment = replace(SMS, started_at=NOW + 1)
    assert table.services.set_auth(user, same_moment) == same_moment
    assert read(table, user).auth == same_moment


def test_of_20_starts_at_once_the_one_that_began_last_is_pointed_to(table: Table) -> None:
    user = joined(table, created(table))
    auths = [Auth(f"a{n:026}", Channel.SMS, NOW + n) for n in range(20)]
    mixed = sorted(auths, key=lambda auth: auth.started_at * 7 % 20)
    with ThreadPoolExecutor(10) as pool:
        stood = list(pool.map(lambda auth: table.services.set_auth(user, auth), mixed))
    assert read(table, user).auth == auths[-1]
    assert all(
        found and found.started_at >= own.started_at
        for found, own in zip(stood, mixed, strict=True)
    )


def test_only_its_client_changes_a_user(table: Table) -> None:
    user = confirmed(table)
    stranger = replace(user, client_id="other")
    table.services.set_auth(user, SMS)
    user = read(table, user)
    assert table.services.set_auth(stranger, TOTP) is None
    assert table.services.set_auth(stranger, replace(SMS, started_at=NOW - 1)) is None
    assert table.apps.enrol(stranger, OTHER_NONCE) is False
    assert table.apps.spend(stranger, STEP, "a") is False
    table.apps.remove(stranger)
    assert read(table, user) == user


def test_an_app_counts_when_it_is_confirmed_and_the_one_before_until_then(table: Table) -> None:
    user = joined(table, created(table))
    assert table.apps.enrol(user, OTHER_NONCE)
    assert table.apps.enrol(user, NONCE)
    waiting = read(table, user)
    assert (waiting.totp_nonce, waiting.totp_pending) == (None, NONCE)
    assert table.apps.confirm(waiting, STEP)
    user = read(table, user)
    assert (user.totp_nonce, user.totp_pending) == (NONCE, None)
    assert table.apps.enrol(user, OTHER_NONCE)
    user = read(table, user)
    assert (user.totp_nonce, user.totp_pending) == (NONCE, OTHER_NONCE)
    assert table.apps.spend(user, STEP + 1, "a")


def test_an_app_that_was_replaced_while_it_waited_is_not_confirmed(table: Table) -> None:
    user = joined(table, created(table))
    table.apps.enrol(user, NONCE)
    waiting = read(table, user)
    table.apps.enrol(user, OTHER_NONCE)
    assert table.apps.confirm(waiting, STEP) is False
    assert read(table, user).totp_nonce is None


def test_a_confirmation_whose_answer_got_lost_is_one_and_frees_no_step(table: Table) -> None:
    user = joined(table, created(table))
    table.apps.enrol(user, NONCE)
    waiting = read(table, user)
    assert table.apps.confirm(waiting, STEP)
    assert table.apps.spend(read(table, user), STEP + 1, "a")
    assert table.apps.confirm(waiting, STEP) is True
    assert table.apps.spend(read(table, user), STEP + 1, "b") is False


def test_the_step_of_the_confirming_code_is_spent(table: Table) -> None:
    user = confirmed(table)
    assert table.apps.spend(user, STEP - 1, "a") is False
    assert table.apps.spend(user, STEP - 2, "a") is False
    assert table.apps.spend(user, STEP, "a") is True


def test_the_step_of_the_confirming_code_is_not_of_who_spent_it_with_the_app_before(
    table: Table,
) -> None:
    user = confirmed(table)
    assert table.apps.spend(user, STEP, "a") is True
    table.apps.enrol(user, OTHER_NONCE)
    assert table.apps.confirm(read(table, user), STEP)
    assert table.apps.spend(read(table, user), STEP, "a") is False


def test_a_step_is_spent_once_and_earlier_ones_with_it(table: Table) -> None:
    user = confirmed(table)
    assert table.apps.spend(user, STEP + 1, "a") is True
    assert table.apps.spend(user, STEP + 1, "b") is False
    assert table.apps.spend(user, STEP, "b") is False
    assert table.apps.spend(user, STEP + 2, "b") is True


def test_who_spent_the_last_step_may_say_so_again(table: Table) -> None:
    user = confirmed(table)
    assert table.apps.spend(user, STEP, "a") is True
    assert table.apps.spend(user, STEP, "a") is True
    assert table.apps.spend(user, STEP - 1, "a") is False
    assert table.apps.spend(user, STEP + 1, "b") is True
    assert table.apps.spend(user, STEP, "a") is False


def test_no_step_is_spent_of_an_app_that_is_gone_or_replaced(table: Table) -> None:
    user = confirmed(table)
    table.apps.enrol(user, OTHER_NONCE)
    table.apps.confirm(read(table, user), STEP)
    assert table.apps.spend(user, STEP + 1, "a") is False
    user = read(table, user)
    table.apps.remove(user)
    assert table.apps.spend(user, STEP + 2, "a") is False


def test_a_removed_app_leaves_nothing_and_again_changes_nothing(table: Table) -> None:
    user = confirmed(table)
    table.apps.enrol(user, OTHER_NONCE)
    table.services.set_auth(user, TOTP)
    table.apps.remove(user)
    table.apps.remove(user)
    assert read(table, user) == replace(user, totp_nonce=None, totp_pending=None, auth=TOTP)
    table.apps.enrol(user, NONCE)
    assert table.apps.confirm(read(table, user), STEP - 5)
    assert table.apps.spend(read(table, user), STEP - 4, "a") is True


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
            pool.map(
                lambda s: attempt(lambda: table.services.create_service(s, remaining)), one_name
            )
        )
    assert outcomes == {"done": 1, "already_exists": 19}
    assert sum(table.services.service(service.id) is not None for service in one_name) == 1


def test_of_20_users_of_one_name_at_once_one_is_made(table: Table) -> None:
    service = created(table)
    users = [make_user(service, id_in_service="ann") for _ in range(20)]
    with ThreadPoolExecutor(10) as pool:
        outcomes = Counter(
            pool.map(lambda u: attempt(lambda: table.services.create_user(u, remaining)), users)
        )
    assert outcomes == {"done": 1, "already_exists": 19}
    assert len(table.services.users(service.id, 100)) == 1


def test_of_many_who_spend_one_step_at_once_one_does(table: Table) -> None:
    user = confirmed(table)
    with ThreadPoolExecutor(32) as pool:
        spent = Counter(pool.map(lambda n: table.apps.spend(user, STEP, f"owner-{n}"), range(100)))
    assert spent == {True: 1, False: 99}


def test_nobody_joins_a_service_after_it_was_closed(table: Table) -> None:
    service = created(table)
    users = [make_user(service) for _ in range(30)]

    def act(n: int) -> str:
        if n == 15:
            return str(bool(table.services.close("shop", service.id)))
        return attempt(lambda: table.services.create_user(users[n], remaining))

    with ThreadPoolExecutor(8) as pool:
        outcomes = Counter(pool.map(act, range(30)))
    assert outcomes["True"] == 1
    assert outcomes["done"] + outcomes["user_not_found"] == 29
    assert len(table.services.users(service.id, 100)) == outcomes["done"]
    assert attempt(lambda: table.services.create_user(users[15], remaining)) == "user_not_found"
