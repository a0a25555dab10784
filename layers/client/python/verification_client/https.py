"""The service over HTTPS."""

import http.client
import io
import json
import re
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from .errors import Unreachable, error_of

_CONNECT_SECONDS = 3.0
_IDLE_SECONDS = 20  # after which a kept connection may be dead: the process was frozen, perhaps
_CONNECTIONS = 10  # that are kept, when threads share the client
_MAX_ANSWER_BYTES = 1_048_576
_ADDRESSES = {
    "start": ("POST", "/v1/verifications"),
    "list": ("GET", "/v1/verifications"),
    "lookup": ("GET", "/v1/verifications/{id}"),
    "delete": ("DELETE", "/v1/verifications/{id}"),
    "verify": ("POST", "/v1/verifications/{id}/verify"),
    "resend": ("POST", "/v1/verifications/{id}/resend"),
}
_CREDENTIAL = re.compile("[!-~]+")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# Nothing of a request has left where one of these is what went wrong.
_NOT_ASKED = (ConnectTimeoutError, NewConnectionError)


class Https:
    """A stack's API, as a client with a secret.

    Args:
        url: the stack's output `ApiUrl`.

    Raises:
        ValueError: the URL is not https (http is for this machine alone), or the id or the secret
            has characters that none has.
    """

    def __init__(self, url: str, client_id: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("url should begin with https://: it carries the client's secret")
        if not all(map(_CREDENTIAL.fullmatch, (client_id, secret))):  # http.client would show it
            raise ValueError("client_id and secret should be visible ASCII characters")
        self._url = url.rstrip("/")
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {client_id}.{secret}",
            "User-Agent": "verification-client",
        }
        self._used_at = time.monotonic()
        self._pool = urllib3.PoolManager(
            maxsize=_CONNECTIONS,
            retries=False,
            cert_reqs="CERT_REQUIRED",
        )
        self._pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def ask(
        self,
        operation: str,
        verification_id: str,
        fields: Mapping[str, Any],
        idempotency_key: str | None,
        timeout: float,
    ) -> Mapping[str, Any]:
        """See client.Transport."""
        method, path = _ADDRESSES[operation]
        url = self._url + path.replace("{id}", quote(verification_id, safe=""))
        headers, body = dict(self._headers), None
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        if method == "POST":
            headers["Content-Type"] = "application/json"
            body = json.dumps(fields).encode()
        elif fields:
            url += f"?{urlencode({name: _word(value) for name, value in fields.items()})}"
        now = time.monotonic()
        if now - self._used_at > _IDLE_SECONDS:
            self._pool.clear()
        self._used_at = now
        try:
            answer = self._pool.request(
                method,
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=timeout),
                redirect=False,
                preload_content=False,
            )
            with answer:  # closes what is too large, and ends what is read to its end
                data = answer.read(_MAX_ANSWER_BYTES + 1)
        except HTTPError as error:
            asked = not isinstance(error, _NOT_ASKED)
            # Its words may hold the whole address.
            raise Unreachable(type(error).__name__, asked=asked) from None
        return _read(answer.status, data)


class _Bytes(io.RawIOBase):
    """What comes in on a connection until a moment; a socket's own timeout is for each byte."""

    def __init__(self, connection: socket.socket, raw: io.RawIOBase, until: float) -> None:
        self._connection, self._raw, self._until = connection, raw, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer takes too long")
        self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is over, head and body, when the timeout of its connection is."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        if (seconds := sock.gettimeout()) is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Bytes(sock, raw, time.monotonic() + seconds))


class _Http(HTTPConnection):
    response_class = _Response


class _Https(HTTPSConnection):
    response_class = _Response


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read(status: int, data: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(data or b"{}") if len(data) <= _MAX_ANSWER_BYTES else None
    except (ValueError, RecursionError):
        said = None
    if status >= 400:
        raise error_of(status, said if isinstance(said, dict) else {})
    if not 200 <= status < 300 or not isinstance(said, dict):
        raise Unreachable("the answer is none of the service's", asked=True, status=status)
    return said
