"""Services and users: each client has its own, and what is deleted leaves nothing."""

from collections.abc import Sequence

import pytest
from verification.domain.destination import Destination
from verification.domain.services import User
from verification.domain.verification import Channel, Status
from verification.errors import (
    AlreadyExists,
    InvalidRequest,
    TemporarilyUnavailable,
    UserNotFound,
)
from verification.operations import services
from verification.operations.services import Manage
from verification.operations.start import StartCommand

from tests.fakes.calls import SHOP
from tests.fakes.clock import plenty
from tests.fakes.verigator import OTHER, FakeVerigator
from tests.unit.logs import make_telemetry

TO = Destination("+31612345678", "NL")
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def verigator(monkeypatch: pytest.MonkeyPatch) -> FakeVerigator:
    return FakeVerigator(make_telemetry(monkeypatch))


@pytest.fixture
def manage(verigator: FakeVerigator) -> Manage:
    return verigator.manage


def service_of(manage: Manage, client: str = SHOP.id, fqdn: str = "shop.example") -> str:
    return manage.create_service(client, fqdn, "Shop", plenty).id


def user_of(manage: Manage, service: str, name: str = "ann") -> User:
    return manage.create_user(SHOP.id, service, name, TO, plenty)


def start(verigator: FakeVerigator, user: User) -> None:
    verigator.start_auth(SHOP, user.service_id, user.id, Channel.SMS, plenty)


def left(verigator: FakeVerigator) -> list[tuple[Status, str | None]]:
    """Every verification: its status and its destination."""
    return [(one.status, one.to) for one in verigator.stack.verifications._items.values()]


def test_what_is_made_is_found_by_its_client_alone(manage: Manage) -> None:
    service = manage.create_service(SHOP.id, "shop.example", "Shop", plenty)
    user = manage.create_user(SHOP.id, service.id, "ann", TO, plenty)
    assert manage.service(SHOP.id, service.id) == service
    assert manage.user(SHOP.id, service.id, user.id) == user
    assert manage.users(SHOP.id, service.id) == [user]
    for client, where, who in (
        (OTHER.id, service.id, user.id),
        (SHOP.id, NOWHERE, user.id),
        (SHOP.id, "#", user.id),
        (SHOP.id, "x" * 5000, user.id),
    ):
        with pytest.raises(UserNotFound):
            manage.service(client, where)
        with pytest.raises(UserNotFound):
            manage.users(client, where)
        with pytest.raises(UserNotFound):
            manage.user(client, where, who)
        with pytest.raises(UserNotFound):
            manage.create_user(client, where, "bob", TO, plenty)
        with pytest.raises(UserNotFound):
            manage.delete_user(client, where, who, plenty)
        with pytest.raises(UserNotFound):
            manage.delete_service(client, where, plenty)
    for who in (NOWHERE, "", "x" * 5000):
        with pytest.raises(UserNotFound):
            manage.user(SHOP.id, service.id, who)
        with pytest.raises(UserNotFound):
            manage.delete_user(SHOP.id, service.id, who, plenty)
    assert manage.user(SHOP.id, service.id, user.id) == user


def test_users_are_listed_in_order_of_creation(verigator: FakeVerigator, manage: Manage) -> None:
    service = service_of(manage)
    verigator.stack.clock.advance(60)
    last = user_of(manage, service, "a")
    verigator.stack.clock.advance(-30)
    first = user_of(manage, service, "z")
    assert manage.users(SHOP.id, service) == [first, last]


def test_the_list_has_a_bound(manage: Manage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert services.MAX_LISTED == 10_000
    monkeypatch.setattr(services, "MAX_LISTED", 3)
    service = service_of(manage)
    for n in range(3):
        user_of(manage, service, f"user {n}")
    assert len(manage.users(SHOP.id, service)) == 3
    user_of(manage, service, "one more")
    with pytest.raises(InvalidRequest) as refused:
        manage.users(SHOP.id, service)
    assert refused.value.detail == "A service with more than 3 users is not listed."


def test_a_deleted_user_leaves_no_destination(verigator: FakeVerigator, manage: Manage) -> None:
    user = user_of(manage, service_of(manage))
    start(verigator, user)
    manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    assert left(verigator) == [(Status.CANCELED, None)]
    assert manage.users(SHOP.id, user.service_id) == []
    user_of(manage, user.service_id)  # the name is free
    with pytest.raises(UserNotFound):
        manage.delete_user(SHOP.id, user.service_id, user.id, plenty)


def test_a_deleted_user_leaves_none_of_their_verifications_and_all_of_others(
    verigator: FakeVerigator, manage: Manage
) -> None:
    service = service_of(manage)
    user, other = user_of(manage, service), user_of(manage, service, "bob")
    for who in (user, other, user, user):
        start(verigator, who)
    manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    kept = [(Status.PENDING, TO.value)]
    assert left(verigator) == [(Status.CANCELED, None), *kept, *2 * [(Status.CANCELED, None)]]


def test_a_deletion_leaves_alone_what_the_client_itself_calls_so(
    verigator: FakeVerigator, manage: Manage
) -> None:
    user = user_of(manage, service_of(manage))
    command = StartCommand(
        client=SHOP,
        to=TO,
        channel=Channel.SMS,
        code_length=6,
        validity=300,
        max_attempts=5,
        max_sends=1,
        request=b"",
        reference=user.id,
    )
    verigator.stack.start(command, plenty)
    manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    assert left(verigator) == [(Status.PENDING, TO.value)]


def test_a_deletion_reads_all_pages(
    verigator: FakeVerigator, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_PAGE", 2)
    user = user_of(manage, service_of(manage))
    for _ in range(5):
        start(verigator, user)
    manage.delete_service(SHOP.id, user.service_id, plenty)
    assert left(verigator) == 5 * [(Status.CANCELED, None)]


def test_a_deletion_that_crashed_is_finished_by_the_next(
    verigator: FakeVerigator, manage: Manage
) -> None:
    user = user_of(manage, service_of(manage))
    start(verigator, user)
    verigator.services.failing["delete_user"] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    verigator.services.failing.clear()
    manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    assert left(verigator) == [(Status.CANCELED, None)]


def test_a_verification_that_is_long_gone_is_in_nobodys_way(
    verigator: FakeVerigator, manage: Manage
) -> None:
    user = user_of(manage, service_of(manage))
    start(verigator, user)
    verigator.stack.verifications._items.clear()  # as TTL does
    manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    assert manage.users(SHOP.id, user.service_id) == []


class Busy:
    """Users for whom a verification is started at every look."""

    def __init__(self, verigator: FakeVerigator, user: User, times: int) -> None:
        self._verigator = verigator
        self._user = user
        self._look = verigator.services.user
        self._left = times

    def __call__(self, service_id: str, user_id: str) -> User | None:
        seen = self._look(service_id, user_id)
        if self._left:
            self._left -= 1
            services = self._verigator.services
            vars(services)["user"] = self._look
            start(self._verigator, self._user)
            vars(services)["user"] = self
        return seen


def test_verifications_that_begin_meanwhile_are_canceled_too(
    verigator: FakeVerigator, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = user_of(manage, service_of(manage))
    monkeypatch.setattr(verigator.services, "user", Busy(verigator, user, times=1))
    manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    assert left(verigator) == [(Status.CANCELED, None)]


def test_who_is_verified_without_end_is_not_deleted_now(
    verigator: FakeVerigator, manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = user_of(manage, service_of(manage))
    monkeypatch.setattr(verigator.services, "user", Busy(verigator, user, times=100))
    with pytest.raises(TemporarilyUnavailable):
        manage.delete_user(SHOP.id, user.service_id, user.id, plenty)


def test_a_deleted_service_takes_its_users_and_their_destinations_along(
    verigator: FakeVerigator, manage: Manage
) -> None:
    service, other = service_of(manage), service_of(manage, fqdn="other.example")
    users = [user_of(manage, service, f"user {n}") for n in range(60)]
    stays = user_of(manage, other)
    start(verigator, users[0])
    start(verigator, users[59])
    start(verigator, stays)
    manage.delete_service(SHOP.id, service, plenty)
    assert verigator.services.users(service, 100) == []
    assert manage.users(SHOP.id, other) == [verigator.services.user(other, stays.id)]
    gone = [(Status.CANCELED, None)] * 2
    assert left(verigator) == [*gone, (Status.PENDING, TO.value)]
    with pytest.raises(UserNotFound):
        manage.delete_service(SHOP.id, service, plenty)
    service_of(manage)  # the host name is free


@pytest.mark.parametrize("step", ["users", "delete_users", "delete_service"])
def test_a_service_whose_deletion_crashed_is_not_there_and_the_next_finishes(
    verigator: FakeVerigator, manage: Manage, step: str
) -> None:
    user = user_of(manage, service_of(manage))
    start(verigator, user)
    verigator.services.failing[step] = TemporarilyUnavailable()
    with pytest.raises(TemporarilyUnavailable):
        manage.delete_service(SHOP.id, user.service_id, plenty)
    verigator.services.failing.clear()
    for look in (manage.service, manage.users):
        with pytest.raises(UserNotFound):
            look(SHOP.id, user.service_id)
    with pytest.raises(UserNotFound):
        manage.user(SHOP.id, user.service_id, user.id)
    with pytest.raises(UserNotFound):
        start(verigator, user)
    with pytest.raises(UserNotFound):
        verigator.check_auth(SHOP.id, user.service_id, user.id, "123456", plenty)
    with pytest.raises(AlreadyExists):
        service_of(manage)
    manage.delete_service(SHOP.id, user.service_id, plenty)
    assert left(verigator) == [(Status.CANCELED, None)]
    service_of(manage)


def test_a_deletion_stops_in_time_and_is_finished_by_repeating_it(
    verigator: FakeVerigator, manage: Manage
) -> None:
    service = service_of(manage)
    for n in range(30):
        user_of(manage, service, f"user {n}")
    spent = iter(range(16_000, 0, -250))
    with pytest.raises(TemporarilyUnavailable) as refused:
        manage.delete_service(SHOP.id, service, lambda: next(spent))
    assert refused.value.detail == "Not everything is deleted yet: repeat it."
    assert 0 < len(verigator.services.users(service, 100)) < 30
    # Nobody sees the service any more, but who runs the stack.
    warned = ("warn", "service_not_deleted_yet", {"service_id": service})
    assert verigator.stack.telemetry.events.count(warned) == 1
    manage.delete_service(SHOP.id, service, plenty)
    assert verigator.services.users(service, 100) == []
    assert verigator.stack.telemetry.events.count(warned) == 1


@pytest.mark.parametrize(("pages", "steps"), [(1, 5), (3, 9)])
def test_a_deletion_stops_in_time_among_the_verifications_of_one_user(
    verigator: FakeVerigator,
    manage: Manage,
    monkeypatch: pytest.MonkeyPatch,
    pages: int,
    steps: int,
) -> None:
    monkeypatch.setattr(services, "_PAGE", 10 // pages)
    user = user_of(manage, service_of(manage))
    for _ in range(10):
        start(verigator, user)
    looks = iter(range(steps))
    with pytest.raises(TemporarilyUnavailable) as refused:
        manage.delete_user(
            SHOP.id, user.service_id, user.id, lambda: 3_000 if next(looks, None) is not None else 0
        )
    assert refused.value.detail == "Not everything is deleted yet: repeat it."
    gone = left(verigator).count((Status.CANCELED, None))
    assert 0 < gone < 10
    assert manage.user(SHOP.id, user.service_id, user.id)
    manage.delete_user(SHOP.id, user.service_id, user.id, plenty)
    assert left(verigator) == 10 * [(Status.CANCELED, None)]


def test_another_clients_service_is_not_closed(manage: Manage) -> None:
    service = service_of(manage)
    with pytest.raises(UserNotFound):
        manage.delete_service(OTHER.id, service, plenty)
    assert manage.service(SHOP.id, service).id == service


def names(users: Sequence[User]) -> list[str]:
    return [user.id_in_service for user in users]


def test_names_are_taken_once_in_each_service(manage: Manage) -> None:
    first, second = service_of(manage), service_of(manage, fqdn="second.example")
    user = user_of(manage, first)
    with pytest.raises(AlreadyExists) as refused:
        user_of(manage, first)
    assert refused.value.detail == f"There is one of that name: {user.id}."
    user_of(manage, second)
    assert names(manage.users(SHOP.id, first)) == names(manage.users(SHOP.id, second)) == ["ann"]


def test_a_host_name_is_taken_once_by_each_client(manage: Manage) -> None:
    service = service_of(manage)
    with pytest.raises(AlreadyExists) as refused:
        service_of(manage)
    assert refused.value.detail == f"There is one of that name: {service}."
    service_of(manage, OTHER.id)
