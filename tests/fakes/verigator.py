"""Verigator's API and the native one for its apps, on fakes: requests in, answers out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyotp
from verification.api.dialects.verigator.http import VerigatorApi
from verification.api.dialects.verigator.routes import Verigator
from verification.api.handler import Handler
from verification.api.native.http import NativeApi
from verification.api.native.totp import Totp
from verification.domain.policy import Client, Profile
from verification.domain.verification import OWN_APP
from verification.operations.auth import CheckAuth, StartAuth
from verification.operations.delete import Delete
from verification.operations.ports import Checker
from verification.operations.services import Manage
from verification.operations.totp import AppChecker, Enrol
from verification.operations.verify import Verify
from verification.providers.totp import code_at
from verification.telemetry import Telemetry

from .calls import SECRET, SHOP, Context, FakeClients, http_event
from .clock import CountingRandom
from .keys import identity_key
from .services import InMemoryServices
from .stack import FakeStack

OTHER = Client("other", Profile("Other"))
AT_HOME = Client("at-home", Profile("Home"), networks=("198.51.100.0/24",))
SERVICES = "/v1/service/service"
SERVICE = f"{SERVICES}/{{service}}"
USER = f"{SERVICE}/users/{{user}}"
AUTH = f"{USER}/auth"
TOTP = "/v1/services/{service}/users/{user}/totp"


@dataclass(frozen=True)
class Reply:
    """What came back; `body` is None where there was none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class FakeVerigator:
    """One stack in memory with services; its parts are public, to be set and looked at.

    Args:
        telemetry: of the handlers.
        logs_all: whether the operations report there too, or to the stack's own.
    """

    def __init__(
        self, telemetry: Telemetry, stack: FakeStack | None = None, *, logs_all: bool = False
    ) -> None:
        self.stack = stack or FakeStack()
        reports = telemetry if logs_all else self.stack.telemetry
        self.services = InMemoryServices()
        self.checker = AppChecker(
            self.services, self.services, identity_key, code_at, self.stack.clock
        )
        self.verify: Verify = replace(self.stack.verify, verifiers=self._checker, telemetry=reports)
        self.delete: Delete = replace(self.stack.delete, verifiers=self._checker, telemetry=reports)
        sender = replace(self.stack.sender, telemetry=reports)
        start = replace(self.stack.start, sender=sender, telemetry=reports)
        self.manage = Manage(
            services=self.services,
            delete=self.delete,
            lookup=self.stack.lookup,
            telemetry=reports,
            clock=self.stack.clock,
            random=CountingRandom(),
        )
        self.start_auth = StartAuth(
            self.services, start, self.delete, self.stack.clock, CountingRandom()
        )
        self.check_auth = CheckAuth(self.services, self.verify)
        self.enrol = Enrol(
            services=self.services,
            apps=self.services,
            identity_key=identity_key,
            code_at=code_at,
            clock=self.stack.clock,
            random=CountingRandom(),
        )
        clients = FakeClients(OTHER, AT_HOME)
        routes = Verigator(self.manage, self.start_auth, self.check_auth).routes
        self._handlers = {
            True: Handler("totp", NativeApi(), Totp(self.enrol).routes, None, clients, telemetry),
            False: Handler("verigator", VerigatorApi(), routes, None, clients, telemetry),
        }

    def _checker(self, name: str) -> Checker:
        return self.checker if name == OWN_APP else self.stack.providers.verifier(name)

    def handle(self, event: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
        """What functions/verigator does with an event."""
        handler = self._handlers[event["resource"].startswith("/v1/services/")]
        answer: dict[str, Any] = handler(event, context or Context())
        return answer

    def ask(
        self,
        method: str,
        resource: str,
        body: Any = None,
        path: tuple[str, ...] = (),
        *,
        by: str = SHOP.id,
        secret: str = SECRET,
        agent: str = "tests",
        **event: Any,
    ) -> Reply:
        """Ask as a client would.

        Args:
            path: the service, and the user.
        """
        headers = {
            "X-Service-Auth": f"{by}:{secret}",
            "Authorization": f"Bearer {by}.{secret}",
            "User-Agent": agent,
        }
        parameters = dict(zip(("service", "user"), path, strict=False)) or None
        made = http_event(method, resource, body, headers, pathParameters=parameters, **event)
        answer = self.handle(made)
        text = answer["body"]
        return Reply(answer["statusCode"], json.loads(text) if text else None, answer["headers"])

    def service(self, fqdn: str = "shop.example", by: str = SHOP.id, name: str = "Shop") -> str:
        """A new service; its id."""
        made = self.ask("POST", SERVICES, {"fqdn": fqdn, "name": name}, by=by)
        assert made.status == 201, made
        return str(made.body["id"])

    def user(
        self, service: str, name: str = "ann", number: str = "+31612345678", by: str = SHOP.id
    ) -> tuple[str, str]:
        """A new user; what their path takes."""
        body = {"id_in_service": name, "phone_number": number}
        made = self.ask("POST", f"{SERVICE}/users", body, (service,), by=by)
        assert made.status == 201, made
        return service, str(made.body["id"])

    def started(self, path: tuple[str, str], method: str = "sms") -> str:
        """Start an auth; the method that is used."""
        answer = self.ask("POST", AUTH, {"method": method}, path)
        assert answer.status == 200, answer
        return str(answer.body["method"])

    def code(self) -> str:
        """The code that was sent last."""
        return self.stack.messenger.sent[-1].code

    def guess(self, path: tuple[str, str], token: Any, **more: Any) -> Any:
        """Guess; the answer's body."""
        answer = self.ask("PUT", AUTH, {"token": token, **more}, path)
        assert answer.status == 200, answer
        return answer.body

    def app(self, path: tuple[str, str], *, confirmed: bool = True) -> pyotp.TOTP:
        """An authenticator app that was enrolled, and confirmed in the step before the last."""
        made = self.ask("POST", TOTP, None, path)
        assert made.status == 201, made
        app = pyotp.parse_uri(made.body["otpauth_url"])
        assert isinstance(app, pyotp.TOTP)
        if confirmed:
            self.stack.clock.advance(-60)
            answer = self.ask("POST", f"{TOTP}/confirm", {"code": self.shown(app)}, path)
            assert answer.status == 200, answer
            self.stack.clock.advance(60)
        return app

    def shown(self, app: pyotp.TOTP, later: int = 0) -> str:
        """What an app shows, now or some seconds later."""
        return app.at(self.stack.clock() // 1000 + later)
