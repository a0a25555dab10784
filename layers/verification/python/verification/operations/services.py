"""Services and their users: made, shown and deleted, each by the client that owns it."""

from collections.abc import Sequence
from typing import Protocol

from ..domain.destination import Destination
from ..domain.services import Auth, Service, User, is_id, make_id
from ..errors import InvalidRequest, NotFound, TemporarilyUnavailable, UserNotFound
from ..valueclass import valueclass
from .delete import Delete
from .lookup import Lookup
from .ports import Clock, Random, Remaining, Telemetry

MAX_LISTED = 10_000  # users

_BATCH = 25  # users that a deletion reads at once
_ROOM = 3_000  # milliseconds; with less left a deletion stops, to be repeated
_TRIES = 5  # of a deletion that new verifications get in the way of
_PAGE = 50  # verifications of a number that a deletion reads at once


class Services(Protocol):
    """The table of services and users. Every change of state is one conditional write.

    Every method raises TemporarilyUnavailable when the table is throttled or out of reach. What
    is read is what was written last.
    """

    def create_service(self, service: Service, remaining: Remaining) -> None:
        """Put a service.

        Raises:
            AlreadyExists: its client has one of that host name.
        """
        ...

    def service(self, service_id: str) -> Service | None:
        """A service; None when it is being deleted, too."""
        ...

    def close(self, client_id: str, service_id: str) -> Service | None:
        """Begin to delete a service: from now on it has no new users and is nobody's to see.

        Returns:
            The service, also when this was done before; None when this client has none such.
        """
        ...

    def delete_service(self, service: Service, remaining: Remaining) -> None:
        """Delete a closed service without users, and set its host name free."""
        ...

    def create_user(self, user: User, remaining: Remaining) -> None:
        """Put a user.

        Raises:
            UserNotFound: their client has no such service, or it is being deleted.
            AlreadyExists: the service has one of that `id_in_service`.
        """
        ...

    def user(self, service_id: str, user_id: str) -> User | None:
        """A user, whether their service is being deleted or not."""
        ...

    def users(self, service_id: str, limit: int) -> Sequence[User]:
        """Some users of a service, at most `limit`, in no order."""
        ...

    def delete_user(self, user: User, remaining: Remaining) -> bool:
        """Delete a user; false when they are gone, or their `auth` is not as it was seen."""
        ...

    def delete_users(self, users: Sequence[User]) -> None:
        """Delete some users of a closed service."""
        ...

    def set_auth(self, user: User, auth: Auth) -> Auth | None:
        """Let a user's next guess be about this verification, if none was started later.

        Returns:
            What it is about now: this one, or the later one; None when the user is gone.
        """
        ...


def find_service(services: Services, client_id: str, service_id: str) -> Service:
    """One service of the client.

    Raises:
        UserNotFound: this client has none with this id.
    """
    service = services.service(service_id) if is_id(service_id) else None
    if service is None or service.client_id != client_id:
        raise UserNotFound
    return service


def find_user(
    services: Services, client_id: str, service_id: str, user_id: str
) -> tuple[Service, User]:
    """One user of a service of the client.

    Raises:
        UserNotFound: this client has no such service, or the service no such user.
    """
    service = find_service(services, client_id, service_id)
    user = services.user(service_id, user_id) if is_id(user_id) else None
    if user is None:
        raise UserNotFound
    return service, user


def cancel(delete: Delete, client_id: str, verification_id: str, remaining: Remaining) -> None:
    """Cancel a user's verification; one that is gone already is fine.

    Raises:
        TemporarilyUnavailable: its code may still work.
    """
    try:
        delete(client_id, verification_id, remaining)
    except NotFound:
        return


@valueclass
class Manage:
    """Makes, shows and deletes services and users.

    Every method raises UserNotFound when the client has no such service or user, and
    TemporarilyUnavailable: repeat it.

    Args:
        delete, lookup: of verifications.
    """

    services: Services
    delete: Delete
    lookup: Lookup
    telemetry: Telemetry
    clock: Clock
    random: Random

    def create_service(self, client_id: str, fqdn: str, name: str, remaining: Remaining) -> Service:
        """Make a service.

        Raises:
            AlreadyExists: the client has one of that host name; it says which.
        """
        service = Service(make_id(self.random(16)), client_id, fqdn, name, self.clock())
        self.services.create_service(service, remaining)
        return service

    def service(self, client_id: str, service_id: str) -> Service:
        return find_service(self.services, client_id, service_id)

    def delete_service(self, client_id: str, service_id: str, remaining: Remaining) -> None:
        """Delete a service with its users, as delete_user() does.

        Raises:
            TemporarilyUnavailable: nobody sees the service any more, but some of its users are
                still there; the log names it.
        """
        service = self.services.close(client_id, service_id) if is_id(service_id) else None
        if service is None:
            raise UserNotFound
        try:
            while users := self.services.users(service_id, _BATCH):
                for user in users:
                    self._forget(user, remaining)
                self.services.delete_users(users)
            self.services.delete_service(service, remaining)
        except TemporarilyUnavailable:
            self.telemetry.warn("service_not_deleted_yet", service_id=service_id)
            raise

    def create_user(
        self,
        client_id: str,
        service_id: str,
        id_in_service: str,
        to: Destination,
        remaining: Remaining,
    ) -> User:
        """Make a user.

        Raises:
            AlreadyExists: the service has one of that `id_in_service`; it says who.
        """
        if not is_id(service_id):
            raise UserNotFound
        user_id = make_id(self.random(16))
        user = User(user_id, service_id, client_id, id_in_service, to, self.clock())
        self.services.create_user(user, remaining)
        return user

    def user(self, client_id: str, service_id: str, user_id: str) -> User:
        return find_user(self.services, client_id, service_id, user_id)[1]

    def users(self, client_id: str, service_id: str) -> Sequence[User]:
        """All users of a service, in order of creation.

        Raises:
            InvalidRequest: there are more than MAX_LISTED.
        """
        find_service(self.services, client_id, service_id)
        users = self.services.users(service_id, MAX_LISTED + 1)
        if len(users) > MAX_LISTED:
            raise InvalidRequest(f"A service with more than {MAX_LISTED:,} users is not listed.")
        return sorted(users, key=lambda user: (user.created_at, user.id))

    def delete_user(
        self, client_id: str, service_id: str, user_id: str, remaining: Remaining
    ) -> None:
        """Delete a user and cancel their verifications, so that nothing keeps the number."""
        for _ in range(_TRIES):
            user = self.user(client_id, service_id, user_id)
            # First, so that after a crash there is still somebody to be deleted.
            self._forget(user, remaining)
            if self.services.delete_user(user, remaining):
                return
        raise TemporarilyUnavailable("New verifications of the user get in the way.", retry_after=1)

    def _forget(self, user: User, remaining: Remaining) -> None:
        """Cancel the user's verifications: the last one, and those before it that are still there.

        Those before are found by an index, which may not have what was started a moment ago.

        Raises:
            TemporarilyUnavailable: the time is up, or the table is out of reach.
        """
        _leave_room(remaining)
        if user.auth:
            cancel(self.delete, user.client_id, user.auth.verification_id, remaining)
        cursor: str | None = None
        while True:
            _leave_room(remaining)
            page = self.lookup.list(user.client_id, user.to.value, _PAGE, cursor)
            for verification in (record.verification for record in page.records):
                if verification.user == user.id:  # the number may be others' too
                    _leave_room(remaining)
                    cancel(self.delete, user.client_id, str(verification.id), remaining)
            cursor = page.cursor
            if cursor is None:
                return


def _leave_room(remaining: Remaining) -> None:
    """Stop a deletion in time.

    Raises:
        TemporarilyUnavailable: too little is left for another step.
    """
    if remaining() < _ROOM:
        raise TemporarilyUnavailable("Not everything is deleted yet: repeat it.", retry_after=1)
