"""Services, users and apps in memory, with the promises of `storage.services` and `.apps` kept.

The same contract tests run against this and against DynamoDB. One lock makes each method as
atomic as one conditional write.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from verification.domain.services import Auth, Service, User
from verification.errors import AlreadyExists, UserNotFound
from verification.operations.ports import Remaining


@dataclass
class _Spent:
    """The last step that was spent, and by whom."""

    step: int
    owner: str | None = None


class InMemoryServices:
    """The table of services, users and apps.

    Attributes:
        failing: errors to raise in place of the methods of these names.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._services: dict[str, Service] = {}
        self._closed: set[str] = set()
        self._users: dict[tuple[str, str], User] = {}
        self._spent: dict[tuple[str, str], _Spent] = {}
        self.failing: dict[str, Exception] = {}

    def create_service(self, service: Service, remaining: Remaining) -> None:
        with self._begin("create_service"):
            names = {(one.client_id, one.fqdn): one.id for one in self._services.values()}
            if taken := names.get((service.client_id, service.fqdn)):
                raise AlreadyExists(f"There is one of that name: {taken}.")
            self._services[service.id] = service

    def service(self, service_id: str) -> Service | None:
        with self._begin("service"):
            return None if service_id in self._closed else self._services.get(service_id)

    def close(self, client_id: str, service_id: str) -> Service | None:
        with self._begin("close"):
            found = self._services.get(service_id)
            if found is None or found.client_id != client_id:
                return None
            self._closed.add(service_id)
            return found

    def delete_service(self, service: Service, remaining: Remaining) -> None:
        with self._begin("delete_service"):
            if service.id in self._closed:
                self._closed.discard(service.id)
                del self._services[service.id]

    def create_user(self, user: User, remaining: Remaining) -> None:
        with self._begin("create_user"):
            service = self._services.get(user.service_id)
            if service is None or service.id in self._closed:
                raise UserNotFound
            if service.client_id != user.client_id:
                raise UserNotFound
            names = {(one.service_id, one.id_in_service): one.id for one in self._users.values()}
            if taken := names.get((user.service_id, user.id_in_service)):
                raise AlreadyExists(f"There is one of that name: {taken}.")
            self._users[_key(user)] = user

    def user(self, service_id: str, user_id: str) -> User | None:
        with self._begin("user"):
            return self._users.get((service_id, user_id))

    def users(self, service_id: str, limit: int) -> Sequence[User]:
        with self._begin("users"):
            return [one for one in self._users.values() if one.service_id == service_id][:limit]

    def delete_user(self, user: User, remaining: Remaining) -> bool:
        with self._begin("delete_user"):
            found = self._own(user)
            if found is None or found.auth != user.auth:
                return False
            self._forget(user)
            return True

    def delete_users(self, users: Sequence[User]) -> None:
        with self._begin("delete_users"):
            for user in users:
                self._forget(user)

    def set_auth(self, user: User, auth: Auth) -> Auth | None:
        with self._begin("set_auth"):
            found = self._own(user)
            if found and found.auth and found.auth.started_at > auth.started_at:
                return found.auth
            return auth if self._change(user, auth=auth) else None

    def enrol(self, user: User, nonce: bytes) -> bool:
        with self._begin("enrol"):
            return self._change(user, totp_pending=nonce)

    def confirm(self, user: User, step: int) -> bool:
        with self._begin("confirm"):
            found = self._own(user)
            if found is None or found.totp_pending != user.totp_pending:
                return found is not None and found.totp_nonce == user.totp_pending
            self._spent[_key(user)] = _Spent(step)
            return self._change(user, totp_nonce=found.totp_pending, totp_pending=None)

    def spend(self, user: User, step: int, owner: str) -> bool:
        with self._begin("spend"):
            found, spent = self._own(user), self._spent.get(_key(user))
            if found is None or found.totp_nonce != user.totp_nonce:
                return False
            if spent and spent.step >= step and (spent.step, spent.owner) != (step, owner):
                return False
            self._spent[_key(user)] = _Spent(step, owner)
            return True

    def remove(self, user: User) -> None:
        with self._begin("remove"):
            if self._change(user, totp_nonce=None, totp_pending=None):
                self._spent.pop(_key(user), None)

    def _begin(self, name: str) -> threading.Lock:
        if name in self.failing:
            raise self.failing[name]
        return self._lock

    def _own(self, user: User) -> User | None:
        found = self._users.get(_key(user))
        return found if found and found.client_id == user.client_id else None

    def _change(self, user: User, **changes: Any) -> bool:
        found = self._own(user)
        if found is None:
            return False
        self._users[_key(user)] = replace(found, **changes)
        return True

    def _forget(self, user: User) -> None:
        self._users.pop(_key(user), None)
        self._spent.pop(_key(user), None)


def _key(user: User) -> tuple[str, str]:
    return user.service_id, user.id
