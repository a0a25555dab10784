"""Vendors' HTTP APIs: one session each, bounds on everything, and typed errors.

    connect     1 s      for each address; with no connection nothing was sent: once more at once
                         for as long as there is time (a look-up of a name cannot be cut)
    each read   5 s
    in all      6 s      or what the function has left, less what recording the send takes;
                         a timer cuts the connection, so that no drip of bytes can hold us
    answer      64 KB

Redirects are not followed: a vendor's address is a setting. Nothing is read from the environment
(proxies, netrc), no certificate is taken on trust, and no cookie is kept.
"""

import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.util import Retry

from ..errors import ProviderError, ProviderRefused, ProviderSilent, ProviderUnavailable
from ..operations.ports import Remaining
from ..trust import trust
from ..valueclass import valueclass
from .tls import is_untrusted

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 1, 5, 6
MAX_ANSWER_BYTES = 65_536
RESERVE_SECONDS = 1.5  # of the function's time, to record what became of the send
IDLE_SECONDS = 20  # after which a kept connection may be dead: the process was frozen, perhaps

# It warns of retries and of wrong headers with the whole URL: some vendors take credentials there.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@valueclass
class Answer:
    """What a vendor answered.

    Args:
        provider: its name, for the errors.
    """

    provider: str
    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")

    def json(self) -> dict[str, Any]:
        """The JSON object in the body.

        Raises:
            ProviderSilent: there is none: the vendor may have done it or not.
        """
        found = self._object()
        if found is None:
            raise ProviderSilent(self.provider, f"http_{self.status}_not_json")
        return found

    @property
    def fields(self) -> dict[str, Any]:
        """The JSON object in a body that need not be one; empty where it is none."""
        return self._object() or {}

    def _object(self) -> dict[str, Any] | None:
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def error(self, vendor_code: str | None = None) -> ProviderError:
        """What an answer that is no success means, as far as HTTP's status tells.

        408, 425, 429 and 503: not now. Other 4xx, and redirects: our credentials, balance or
        address; an adapter that knows better reads the vendor's own code first. All else: nobody
        knows.

        Args:
            vendor_code: the vendor's own, to be kept in place of HTTP's status.
        """
        code = vendor_code or f"http_{self.status}"
        if self.status in (408, 425, 429, 503):
            return ProviderUnavailable(self.provider, code)
        if 300 <= self.status < 500:
            return ProviderRefused(self.provider, code)
        return ProviderSilent(self.provider, code)


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """A request with the vendor's own defaults where we have nothing to say."""
    return {name: value for name, value in values.items() if value is not None}


class HttpApi:
    """One vendor's API, by one session that lives as long as the process.

    Args:
        provider: its name, for the errors.
        clock: seconds that only ever grow.
        may_reach: whether it may connect to an address; asked after every look-up of a name.
        connects: how often it tries to, where nothing was sent.
    """

    def __init__(
        self,
        provider: str,
        clock: Callable[[], float] = time.monotonic,
        may_reach: Callable[[str], bool] = lambda address: True,
        connects: int = 2,
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._may_reach = may_reach
        self._used_at = clock()
        self._session = _Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.headers.update(
            {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "verify/1"}
        )
        self._adapter = _Adapter(
            max_retries=Retry(
                total=None,
                connect=connects - 1,
                read=False,
                redirect=False,
                status=False,
                other=False,
            )
        )
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def connect(self, url: str) -> None:
        """Open the connection that the next call to where this is will use.

        Within CONNECT_SECONDS and the look-up of a name, which cannot be cut; if it fails there is
        no connection, and the call tries again.
        """
        faults = (requests.RequestException, HTTPError, OSError, ValueError)
        with _Watchdog(CONNECT_SECONDS, self._may_reach), suppress(*faults):
            request = requests.Request("GET", url).prepare()
            pool: Any = self._adapter.get_connection_with_tls_context(request, verify=True)
            connection = pool._get_conn()
            try:
                connection.connect()
            except BaseException:
                connection.close()
                raise
            pool._put_conn(connection)
        self._used_at = self._clock()

    def call(
        self,
        method: str,
        url: str,
        remaining: Remaining,
        *,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        json: Mapping[str, Any] | None = None,
        max_bytes: int | None = MAX_ANSWER_BYTES,
    ) -> Answer:
        """Ask once; again only where no connection was made.

        Args:
            remaining: milliseconds the function has left.
            auth: user and password of HTTP's basic authentication.
            max_bytes: of the answer; a larger one is not read to its end. None: its status is all
                that counts, and nothing of its body is read.

        Raises:
            ProviderUnavailable: no connection, or no time for one: nothing was sent.
            ProviderRefused: its certificate is not one we trust, our settings make no request, or
                it is where we may not go: nothing was sent.
            ProviderSilent: no answer, or half of one, or a too large one: nobody knows.
        """
        seconds = min(TOTAL_SECONDS, remaining() / 1000 - RESERVE_SECONDS)
        if seconds <= CONNECT_SECONDS:
            raise ProviderUnavailable(self._provider, "no_time_left")
        if self._clock() - self._used_at > IDLE_SECONDS:
            self._adapter.close()
        request = requests.Request(
            method,
            url,
            headers,
            params=params,
            data=data,
            json=json,
            # As bytes: of text, requests would make Latin-1, or an error. RFC 7617 §2.1: UTF-8.
            auth=auth and HTTPBasicAuth(auth[0].encode(), auth[1].encode()),
        )
        try:
            prepared = self._session.prepare_request(request)
        except (requests.RequestException, ValueError):  # of a base URL or a credential
            raise ProviderRefused(self._provider, "bad_request") from None
        with _Watchdog(seconds, self._may_reach) as watchdog:
            try:
                answer = self._session.send(
                    prepared,
                    timeout=(CONNECT_SECONDS, READ_SECONDS),
                    allow_redirects=False,
                    stream=True,
                )
                with answer:
                    if max_bytes is None:
                        return Answer(self._provider, answer.status_code, b"")
                    body = answer.raw.read(max_bytes + 1, decode_content=False)
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                # Its words hold the URL, and with that the credentials of some vendors.
                raise self._named(error, watchdog) from None
        self._used_at = self._clock()
        if watchdog.has_cut:  # an answer without a length ends where its connection does
            raise ProviderSilent(self._provider, "deadline")
        if len(body) > max_bytes:
            raise ProviderSilent(self._provider, "answer_too_large")
        if answer.raw.length_remaining:  # urllib3 takes less than was promised
            raise ProviderSilent(self._provider, "broken_answer")
        return Answer(self._provider, answer.status_code, body)

    def _named(self, error: Exception, watchdog: "_Watchdog") -> ProviderError:
        """The many ways in which a call can fail, by our few names."""
        if watchdog.asked:
            timed_out = isinstance(error, requests.ReadTimeout | ReadTimeoutError)
            code = "read_timeout" if timed_out else "broken_answer"
            return ProviderSilent(self._provider, "deadline" if watchdog.has_cut else code)
        if watchdog.forbidden:
            return ProviderRefused(self._provider, "address_not_allowed")
        if is_untrusted(error):
            return ProviderRefused(self._provider, "tls_failed")
        return ProviderUnavailable(self._provider, "no_connection")


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: else `requests` reads and unpacks all of a redirect, followed or not."""


class _Watchdog:
    """Cuts the connection of one call when its time is over.

    Args:
        may_reach: whether the call may go to an address.

    Attributes:
        asked: whether any of the request may have been sent.
        has_cut: whether the time was over.
        forbidden: whether there was an address that it may not go to.
    """

    current = threading.local()

    def __init__(self, seconds: float, may_reach: Callable[[str], bool]) -> None:
        self.asked = self.has_cut = self.forbidden = False
        self.may_reach = may_reach
        self._connection: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)

    def __enter__(self) -> Self:
        self.current.watchdog = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()  # so that nothing is cut any more from here on
        self.current.watchdog = None
        self._let_go()

    def hold(self, connection: socket.socket) -> None:
        """Watch a connection; by a handle of our own, since TLS changes hands in between."""
        self._let_go()
        self._connection = socket.socket(fileno=os.dup(connection.fileno()))
        if self.has_cut:
            self._cut()

    def _let_go(self) -> None:
        if self._connection:
            self._connection.close()

    def _cut(self) -> None:
        self.has_cut = True
        if self._connection:
            with suppress(OSError):  # the other side has closed it already
                self._connection.shutdown(socket.SHUT_RDWR)


class _Watched:
    """A connection of urllib3 that shows itself to the watchdog of the call it is used for."""

    def _new_conn(self) -> socket.socket:
        """As urllib3's, but for the deadline: a name may have any number of addresses."""
        watchdog: _Watchdog = _Watchdog.current.watchdog
        fault: OSError = TimeoutError("no time left")
        try:
            if watchdog.has_cut:  # a look-up cannot be cut, so none is begun
                raise fault
            for family, kind, protocol, _, address in socket.getaddrinfo(
                self._dns_host,  # type: ignore[attr-defined]
                self.port,  # type: ignore[attr-defined]
                type=socket.SOCK_STREAM,
            ):
                if watchdog.has_cut:
                    break
                if not watchdog.may_reach(str(address[0])):
                    watchdog.forbidden = True
                    continue
                connection = socket.socket(family, kind, protocol)
                connection.settimeout(CONNECT_SECONDS)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    connection.connect(address)
                except OSError as error:
                    connection.close()
                    fault = error
                else:
                    watchdog.hold(connection)
                    return connection
        except OSError as error:  # the name was not resolved
            fault = error
        raise NewConnectionError(self, str(fault)) from fault  # type: ignore[arg-type]

    @property
    def is_connected(self) -> bool:
        """As urllib3's, but for what TLS 1.3 says after its handshake: that ends no connection."""
        sock: socket.socket | None = self.sock  # type: ignore[attr-defined]
        connected: bool = super().is_connected  # type: ignore[misc]
        return connected or (sock is not None and _says_nothing(sock))

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # type: ignore[attr-defined] # kept from an earlier call, or TLS
            _Watchdog.current.watchdog.hold(self.sock)  # type: ignore[attr-defined]
        super().putrequest(*args, **kwargs)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if self.sock is None:  # type: ignore[attr-defined]
            self.connect()  # type: ignore[attr-defined]
        _Watchdog.current.watchdog.asked = True
        super().send(data)  # type: ignore[misc]


def _says_nothing(sock: socket.socket) -> bool:
    """Whether what there is to read is TLS's own: not the end, nor what nobody asked for."""
    sock.settimeout(0)
    try:
        sock.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        pass
    return False


class _HttpConnection(_Watched, HTTPConnection):
    pass


class _HttpsConnection(_Watched, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=trust(), **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def cert_verify(self, conn: Any, *_: Any) -> None:
        """Always; by the context, where requests would have the roots read again."""
        conn.cert_reqs = "CERT_REQUIRED"
