"""What answers each address of Verigator's API."""

import json
from collections.abc import Mapping
from typing import Any

from ....domain.codes import normalise_guess
from ....domain.policy import Scope
from ....domain.verification import Channel
from ....errors import InvalidRequest
from ....operations.auth import CheckAuth, StartAuth
from ....operations.services import Manage
from ...events import Answer, Call
from ...fields import read_fields
from ...handler import Respond
from .fields import GuessFields, ServiceFields, StartFields, UserFields, read_number
from .views import show_service, show_user, show_verdict

MAX_LIST_BYTES = 4_000_000  # Lambda answers with 6 MB at most, in which quotes count twice

_JAVA_CLIENT = "verigator-java"


class Verigator:
    """What answers each request.

    Attributes:
        routes: by method and resource.
    """

    def __init__(self, manage: Manage, start: StartAuth, check: CheckAuth) -> None:
        self._manage = manage
        self._start = start
        self._check = check
        services = "/v1/service/service"
        service = f"{services}/{{service}}"
        self.routes: Mapping[str, Respond] = {
            f"POST {services}": self._create_service,
            f"GET {service}": self._read_service,
            f"DELETE {service}": self._delete_service,
            f"POST {service}/users": self._create_user,
            f"GET {service}/users": self._list_users,
            f"GET {service}/users/{{user}}": self._read_user,
            f"GET {service}/user/{{user}}": self._read_user,  # so the Java client
            f"DELETE {service}/users/{{user}}": self._delete_user,
            f"POST {service}/users/{{user}}/auth": self._start_auth,
            f"PUT {service}/users/{{user}}/auth": self._check_auth,
        }

    def _create_service(self, call: Call) -> Answer:
        call.require(Scope.ADMIN)
        fields = read_fields(ServiceFields, call.fields)
        service = self._manage.create_service(
            call.client.id, fields.fqdn, fields.name, call.remaining
        )
        return _created(call, show_service(service))

    def _read_service(self, call: Call) -> Answer:
        call.require(Scope.LOOKUP)
        return Answer(200, show_service(self._manage.service(call.client.id, _service(call))))

    def _delete_service(self, call: Call) -> Answer:
        call.require(Scope.ADMIN)
        self._manage.delete_service(call.client.id, _service(call), call.remaining)
        return Answer(202, {"id": _service(call)})

    def _create_user(self, call: Call) -> Answer:
        call.require(Scope.START)
        fields = read_fields(UserFields, call.fields)
        number = read_number(fields.phone_number)
        user = self._manage.create_user(
            call.client.id, _service(call), fields.id_in_service, number, call.remaining
        )
        return _created(call, show_user(user))

    def _list_users(self, call: Call) -> Answer:
        call.require(Scope.LOOKUP)
        users = self._manage.users(call.client.id, _service(call))
        shown = {"users": [show_user(user) for user in users]}
        if len(json.dumps(shown)) > MAX_LIST_BYTES:
            raise InvalidRequest("The users of this service are too many to be listed.")
        return Answer(200, shown)

    def _read_user(self, call: Call) -> Answer:
        call.require(Scope.LOOKUP)
        return Answer(200, show_user(self._manage.user(call.client.id, *_user(call))))

    def _delete_user(self, call: Call) -> Answer:
        call.require(Scope.DELETE)
        self._manage.delete_user(call.client.id, *_user(call), call.remaining)
        return Answer(202, {"id": _user(call)[1]})

    def _start_auth(self, call: Call) -> Answer:
        call.require(Scope.START)
        wanted = Channel(read_fields(StartFields, call.fields).method)
        method = self._start(call.client, *_user(call), wanted, call.remaining)
        return Answer(200, {"method": method})

    def _check_auth(self, call: Call) -> Answer:
        call.require(Scope.VERIFY)
        code = normalise_guess(read_fields(GuessFields, call.fields).token)
        method, verdict = self._check(call.client.id, *_user(call), code, call.remaining)
        return Answer(200, show_verdict(method, verdict))


def _created(call: Call, body: Mapping[str, Any]) -> Answer:
    is_java = call.agent.lower().startswith(_JAVA_CLIENT)
    return Answer(200 if is_java else 201, body)


def _service(call: Call) -> str:
    return call.path.get("service", "")


def _user(call: Call) -> tuple[str, str]:
    return _service(call), call.path.get("user", "")
