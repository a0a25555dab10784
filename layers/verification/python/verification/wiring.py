"""The one place where real parts are put together, for each function just what it needs.

Made at INIT, where a wrong setting stops the function. Nothing here reads the clock or draws
randomness, so that a snapshot may be taken of it.
"""

import functools
import gc
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .api.events import Answer, LambdaContext
from .api.handler import Api, Handler, Respond
from .api.native.http import NativeApi
from .aws_json import make_json_client
from .domain.verification import OWN_APP
from .errors import TemporarilyUnavailable
from .operations.delete import Delete
from .operations.lookup import Lookup
from .operations.verify import Verify
from .settings import Settings
from .storage.directory import Directory
from .storage.proofs import prove_queue, prove_secret, prove_table
from .storage.secrets import StoredCodeKeys, StoredIdentityKey
from .storage.table import Item, client_key, verification_key
from .storage.verifications import DynamoDbVerifications
from .telemetry import Telemetry

if TYPE_CHECKING:
    from .api.dialects.messagebird.http import MessageBirdApi
    from .catalogue import Catalogue
    from .countries import Countries
    from .operations.auth import CheckAuth, StartAuth
    from .operations.charging import Charging
    from .operations.deliver import Deliver
    from .operations.devices import StartUnlessTrusted, TrustedDevices, VerifyAndTrust
    from .operations.page import HostedPage
    from .operations.ports import Checker, Prices
    from .operations.publish import End
    from .operations.report import TakeReport
    from .operations.resend import LookAfter, Resend
    from .operations.screening import Screening
    from .operations.sending import Sender
    from .operations.services import Manage
    from .operations.start import Start
    from .operations.tally import Tally
    from .operations.totp import AppChecker, Enrol
    from .storage.apps import DynamoDbApps
    from .storage.bus import EventBridgeBus, SqsEnds
    from .storage.counters import DynamoDbCounters
    from .storage.services import DynamoDbServices
    from .storage.tallies import DynamoDbTallies
    from .storage.watches import SqsWatches


PROOF_SECONDS = 4  # of the ten that Lambda gives INIT


def clock() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _prove_all(proofs: Iterable[Callable[[], None]]) -> None:
    # What is out of reach for the moment is the requests' affair.
    with suppress(TemporarilyUnavailable):
        for proof in proofs:
            proof()


class Stack:
    """The parts of one function.

    Args:
        environ: its environment.

    Raises:
        ConfigurationError: on use of a part whose settings are missing or wrong.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._settings = Settings(environ)
        self.telemetry = Telemetry()
        # Of what was made; those of one service follow one another by one connection.
        self._proofs: dict[str, list[Callable[[], None]]] = defaultdict(list)

    def handler(
        self,
        operation: str,
        routes: Mapping[str, Respond],
        direct: Respond | None = None,
        open_routes: Mapping[str, Callable[[], Answer]] | None = None,
        methods: Mapping[str, str] | None = None,
        api: Api | None = None,
    ) -> Handler:
        """The frame around a function's answers; without `api` it speaks the native one."""
        return Handler(
            operation,
            api or NativeApi(),
            routes,
            direct,
            self._directory,
            self.telemetry,
            open_routes,
            methods,
        )

    def prove(self) -> None:
        """End INIT: prove that the tables, secrets and queues of the parts made so far are there.

        All services are asked at once, and who has not answered in PROOF_SECONDS is left to the
        requests. Nothing is proven where a snapshot may be taken of the process, nor outside
        Lambda, where nothing is. From here on garbage is looked for, and only in what requests
        make: see verification/__init__.py.

        Raises:
            ConfigurationError: one is not, or a secret has not the form it should have.
        """
        if not self._settings.optional("AWS_LAMBDA_FUNCTION_NAME"):
            return
        if self._settings.optional("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
            threads = ThreadPoolExecutor()
            begun = [threads.submit(_prove_all, proofs) for proofs in self._proofs.values()]
            for proven in wait(begun, PROOF_SECONDS).done:
                proven.result()
            threads.shutdown(wait=False)
        gc.freeze()
        gc.enable()

    def start(self) -> "Start":
        from .operations.start import Start

        return Start(
            verifications=self._verifications,
            watches=self._watches,
            sender=self._sender,
            code_keys=self._code_keys,
            identity_key=self._identity_key,
            screening=self._screening,
            charging=self._charging,
            test_destinations=self._settings.test_destinations,
            retention_seconds=self._settings.retention_seconds,
            telemetry=self.telemetry,
            clock=clock,
            random=os.urandom,
        )

    @property
    def public_url(self) -> str | None:
        """Where people find pages; None: where the request came in."""
        return self._settings.page_url

    def verify(self) -> Verify:
        return Verify(
            verifications=self._verifications,
            code_keys=self._code_keys,
            identity_key=self._identity_key,
            verifiers=self._verifier,
            telemetry=self.telemetry,
            clock=clock,
            random=os.urandom,
        )

    def trusted_devices(self) -> "TrustedDevices":
        from .operations.devices import TrustedDevices
        from .storage.devices import DynamoDbDevices

        return TrustedDevices(
            devices=DynamoDbDevices(self._dynamodb, self._settings.required("SESSIONS_TABLE")),
            identity_key=self._identity_key,
            countries=self._countries,
            seconds=self._settings.trusted_device_seconds,
            clock=clock,
        )

    def start_unless_trusted(self) -> "StartUnlessTrusted":
        from .operations.devices import StartUnlessTrusted

        return StartUnlessTrusted(self.start(), self.trusted_devices(), self.telemetry)

    def verify_and_trust(self) -> "VerifyAndTrust":
        from .operations.devices import VerifyAndTrust

        return VerifyAndTrust(self.verify(), self.trusted_devices(), self.telemetry)

    def lookup(self) -> Lookup:
        return Lookup(self._verifications, self._identity_key, clock, os.urandom)

    def delete(self) -> Delete:
        return Delete(self._verifications, self._verifier, self.telemetry)

    def resend(self) -> "Resend":
        from .operations.resend import Resend

        return Resend(
            verifications=self._verifications,
            watches=self._watches,
            sender=self._sender,
            charging=self._charging,
            clock=clock,
        )

    def look_after(self) -> "LookAfter":
        from .operations.resend import LookAfter

        return LookAfter(
            verifications=self._verifications,
            watches=self._watches,
            sender=self._sender,
            charging=self._charging,
            profiles=self._directory,
            telemetry=self.telemetry,
            clock=clock,
        )

    def hosted_page(self) -> "HostedPage":
        from .operations.page import HostedPage

        return HostedPage(
            verifications=self._verifications,
            clients=self._directory,
            verify=self.verify(),
            resend=self.resend(),
            route=self._sender.route,
            identity_key=self._identity_key,
            clock=clock,
        )

    def page_handler(self) -> Callable[[Any, LambdaContext], Any]:
        """A function's answer to people who type their codes."""
        from .api.pages.handler import make_page_handler

        return make_page_handler(self.hosted_page(), self.telemetry, os.urandom)

    def take_report(self) -> "TakeReport":
        from .operations.report import TakeReport

        return TakeReport(
            self._verifications, self._watches, self._identity_key, self.telemetry, clock
        )

    def stream_handler(self) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
        """A function's answer to the stream of the sessions table."""
        from .api.stream import make_stream_handler, tally_all
        from .storage.stream import read_stream

        return make_stream_handler(tally_all(self._tally()), read_stream, self.telemetry)

    def publish_handler(self) -> Callable[[Mapping[str, Any], LambdaContext], dict[str, Any]]:
        """A function's answer to the same stream, which tells others what it says."""
        from .api.stream import make_stream_handler
        from .operations.publish import Publish
        from .storage.stream import read_write

        publish = Publish(self._verifications, self._bus, self._ends, self.telemetry, clock)
        return make_stream_handler(publish, read_write, self.telemetry)

    def end(self) -> "End":
        from .operations.publish import End

        return End(self._verifications, self._ends, clock)

    def deliver(self) -> "Deliver":
        from .operations.deliver import Deliver
        from .providers.circuit import Circuit
        from .providers.outbound import Outbound
        from .storage.webhooks import DynamoDbWebhooks, SqsPostings

        queue = self._queue("WEBHOOKS_QUEUE_URL")
        dead_letters = self._queue("WEBHOOKS_DEAD_LETTER_QUEUE_URL")
        table = self._settings.required("DIRECTORY_TABLE")
        return Deliver(
            webhooks=DynamoDbWebhooks(self._dynamodb, table, clock),
            profiles=self._directory,
            postings=SqsPostings(self._sqs, queue, dead_letters),
            post=Outbound(self._settings.webhook_networks).post,
            circuit=Circuit(clock),
            identity_key=self._identity_key,
            telemetry=self.telemetry,
            clock=clock,
            jitter=lambda: random.SystemRandom().uniform(0.8, 1.2),
        )

    def _tally(self) -> "Tally":
        from .operations.tally import Tally

        return Tally(
            self._counters, self._tallies, self._identity_key, self._prices, self.telemetry
        )

    def manage_services(self) -> "Manage":
        from .operations.services import Manage

        return Manage(
            services=self._services,
            delete=self.delete(),
            lookup=self.lookup(),
            telemetry=self.telemetry,
            clock=clock,
            random=os.urandom,
        )

    def start_auth(self) -> "StartAuth":
        from .operations.auth import StartAuth

        return StartAuth(self._services, self.start(), self.delete(), clock, os.urandom)

    def check_auth(self) -> "CheckAuth":
        from .operations.auth import CheckAuth

        return CheckAuth(self._services, self.verify())

    def enrol(self) -> "Enrol":
        from .operations.totp import Enrol
        from .providers.totp import code_at

        return Enrol(
            services=self._services,
            apps=self._apps,
            identity_key=self._identity_key,
            code_at=code_at,
            clock=clock,
            random=os.urandom,
        )

    def messagebird_api(self) -> "MessageBirdApi":
        from .api.dialects.messagebird.http import MessageBirdApi

        return MessageBirdApi(self._settings.test_code, self._settings.public_url)

    def _table(self, variable: str, nobody: Item) -> str:
        """The name of a table, to be proven with the key of an item that there never is."""
        name = self._settings.required(variable)
        self._proofs["dynamodb"].append(lambda: prove_table(self._dynamodb, name, nobody, variable))
        return name

    def _secret(self, variable: str, read: Callable[[], Any]) -> str:
        """The name of a secret, to be proven by reading it."""
        name = self._settings.required(variable)
        self._proofs["secretsmanager"].append(lambda: prove_secret(read, name, variable))
        return name

    def _queue(self, variable: str) -> str:
        """The address of a queue, to be proven."""
        url = self._settings.required(variable)
        self._proofs["sqs"].append(lambda: prove_queue(self._sqs, url, variable))
        return url

    @functools.cached_property
    def _dynamodb(self) -> Any:
        return make_json_client("dynamodb", attempts=3, read=2)

    @functools.cached_property
    def _secrets_manager(self) -> Any:
        return make_json_client("secretsmanager", attempts=2, read=2)

    @functools.cached_property
    def _sqs(self) -> Any:
        return make_json_client("sqs", attempts=3)

    @functools.cached_property
    def _directory(self) -> Directory:
        table = self._table("DIRECTORY_TABLE", client_key(""))
        return Directory(self._dynamodb, table, self._settings.brand, clock)

    @functools.cached_property
    def _verifications(self) -> DynamoDbVerifications:
        table = self._table("SESSIONS_TABLE", verification_key(""))
        return DynamoDbVerifications(self._dynamodb, table)

    @functools.cached_property
    def _counters(self) -> "DynamoDbCounters":
        from .storage.counters import DynamoDbCounters

        table = self._table("SESSIONS_TABLE", verification_key(""))
        return DynamoDbCounters(self._dynamodb, table)

    @functools.cached_property
    def _tallies(self) -> "DynamoDbTallies":
        from .storage.tallies import DynamoDbTallies

        return DynamoDbTallies(self._dynamodb, self._settings.required("SESSIONS_TABLE"))

    @functools.cached_property
    def _screening(self) -> "Screening":
        from .api.destinations import kind_of
        from .operations.screening import Screening

        return Screening(
            countries=self._settings.countries,
            refused_kinds=self._settings.refused_kinds,
            kind_of=kind_of,
            mode=self._settings.guard_mode,
            allowed=self._settings.guard_allow,
            tallies=self._tallies,
            identity_key=self._identity_key,
            telemetry=self.telemetry,
        )

    @functools.cached_property
    def _charging(self) -> "Charging":
        from .operations.charging import Charging

        route = self._sender.route
        return Charging(self._settings.limits, self._identity_key, route, self._prices)

    @functools.cached_property
    def _prices(self) -> "Prices":
        from .storage.prices import StoredPrices

        return StoredPrices(self._dynamodb, self._settings.required("DIRECTORY_TABLE"), clock)

    @functools.cached_property
    def _countries(self) -> "Countries":
        from .countries import Countries

        return Countries()

    @functools.cached_property
    def _code_keys(self) -> StoredCodeKeys:
        secret = self._secret("CODE_KEYS_SECRET", lambda: self._code_keys.newest())
        return StoredCodeKeys(self._secrets_manager, secret, clock)

    @functools.cached_property
    def _identity_key(self) -> StoredIdentityKey:
        secret = self._secret("IDENTITY_KEY_SECRET", lambda: self._identity_key())
        return StoredIdentityKey(self._secrets_manager, secret)

    @functools.cached_property
    def _watches(self) -> "SqsWatches":
        from .storage.watches import SqsWatches

        return SqsWatches(self._sqs, self._queue("RESEND_QUEUE_URL"))

    @functools.cached_property
    def _ends(self) -> "SqsEnds":
        from .storage.bus import SqsEnds

        return SqsEnds(self._sqs, self._queue("ENDS_QUEUE_URL"))

    @functools.cached_property
    def _bus(self) -> "EventBridgeBus":
        from .api.told import show_event
        from .storage.bus import EventBridgeBus

        client = make_json_client("events", attempts=3)
        return EventBridgeBus(client, self._settings.required("EVENT_BUS"), show_event)

    @functools.cached_property
    def _catalogue(self) -> "Catalogue":
        # Imported late: most guesses are at codes of ours, and need no provider.
        from .catalogue import Catalogue
        from .storage.secrets import StoredProviderSettings

        secret_id = self._settings.required("PROVIDERS_SECRET")
        return Catalogue(
            self._settings,
            # Asked once and shortly: a send waits for it, and another provider may need none.
            StoredProviderSettings(
                make_json_client("secretsmanager", attempts=1, read=2), secret_id, clock
            ),
            lambda: self._dynamodb,
            self.telemetry,
            clock,
        )

    @functools.cached_property
    def _services(self) -> "DynamoDbServices":
        from .storage.services import DynamoDbServices

        return DynamoDbServices(self._dynamodb, self._settings.required("DIRECTORY_TABLE"))

    @functools.cached_property
    def _apps(self) -> "DynamoDbApps":
        from .storage.apps import DynamoDbApps

        return DynamoDbApps(self._dynamodb, self._settings.required("DIRECTORY_TABLE"))

    def _verifier(self, name: str) -> "Checker":
        return self._app_checker if name == OWN_APP else self._catalogue.verifier(name)

    @functools.cached_property
    def _app_checker(self) -> "AppChecker":
        # Imported late, as the catalogue. The key is looked for when a code is: delete has none.
        from .operations.totp import AppChecker
        from .providers.totp import code_at

        return AppChecker(self._services, self._apps, lambda: self._identity_key(), code_at, clock)

    @functools.cached_property
    def _sender(self) -> "Sender":
        from .operations.sending import Sender
        from .providers.routing import Routing

        routes = self._settings.routes
        self._proofs["providers"].append(lambda: self._catalogue.warm_up(routes.names))
        return Sender(
            verifications=self._verifications,
            route=Routing(routes, self._catalogue, clock),
            code_keys=self._code_keys,
            identity_key=self._identity_key,
            telemetry=self.telemetry,
            clock=clock,
            followed=self._settings.followed,
        )
