"""All that a function says to AWS and to the vendor, through one door of ours that speaks TLS.

On AWS every connection is TLS; its handshakes, and the reading of the authorities' certificates,
are part of the price. The door passes requests on to DynamoDB Local, to the emulator or to the
vendor, and writes down what passed.
"""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_VENDOR = "vendor"
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")


@dataclass(frozen=True)
class Said:
    """One call, as it passed.

    Args:
        service, operation: such as `dynamodb` and `UpdateItem`; of the vendor, `vendor` and the
            path.
        status: of the answer.
        request, answer: their JSON; of a body that is none, None.
    """

    service: str
    operation: str
    status: int
    request: Any
    answer: Any


@dataclass
class Heard:
    """The calls of a while, oldest first."""

    calls: list[Said] = field(default_factory=list)


class Door:
    """A TLS server that passes on.

    Args:
        context: with its certificate.
        targets: where DynamoDB (`dynamodb`), the rest of AWS (`aws`) and the vendor (`vendor`) are.
    """

    def __init__(self, context: ssl.SSLContext, targets: Mapping[str, str]) -> None:
        self._targets = {
            name: (parts.hostname or "", parts.port or 80)
            for name, url in targets.items()
            for parts in [urlsplit(url)]
        }
        self._heard: list[Heard] = []
        self._local = threading.local()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.tls, self._server.ended = context, self._hang_up
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def listening(self) -> Iterator[Heard]:
        """Write down what passes meanwhile, and have DynamoDB say what it takes for that."""
        heard = Heard()
        self._heard.append(heard)
        try:
            yield heard
        finally:
            self._heard.remove(heard)

    def pass_on(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask whom it is meant for; the status, headers and body of the answer."""
        prefix, _, operation = headers.get("x-amz-target", "").partition(".")
        service = _service(prefix)
        target = {"dynamodb": "dynamodb", _VENDOR: _VENDOR}.get(service, "aws")
        if self._heard and service == "dynamodb":
            body = json.dumps(json.loads(body) | {"ReturnConsumedCapacity": "INDEXES"}).encode()
        sent = {n: v for n, v in headers.items() if n.lower() not in _HOP_BY_HOP}
        status, back, answer = self._ask(target, method, path, sent, body)
        for heard in self._heard:
            heard.calls.append(Said(service, operation or path, status, _json(body), _json(answer)))
        return status, back, answer

    def _hang_up(self) -> None:
        """Close what was opened for a connection that has ended, in its thread."""
        for connection in self._local.__dict__.pop("connections", {}).values():
            connection.close()

    def _ask(
        self, target: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connections: dict[str, http.client.HTTPConnection]
        connections = self._local.__dict__.setdefault("connections", {})
        for fresh in (False, True):  # a kept connection may have been closed from the other side
            if fresh or target not in connections:
                connections[target] = http.client.HTTPConnection(*self._targets[target], timeout=60)
            connection = connections[target]
            try:
                connection.request(method, path, body, dict(headers))
                answer = connection.getresponse()
                content = answer.read()
                break
            except (http.client.HTTPException, ConnectionError):
                connection.close()
                if fresh:
                    raise
        else:
            raise AssertionError("left by break or raise")
        back = [(n, v) for n, v in answer.getheaders() if n.lower() not in _HOP_BY_HOP]
        return answer.status, back, content


def _service(target: str) -> str:
    """The service that a request's X-Amz-Target names."""
    if not target:
        return _VENDOR
    return {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs"}.get(target, target.lower())


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext
    ended: Callable[[], None]
    request_queue_size = 128

    def finish_request(self, request: Any, client_address: Any) -> None:
        # In the connection's own thread: a handshake must not keep others waiting.
        with suppress(ConnectionError, ssl.SSLEOFError):  # the function was ended in the midst
            with self.tls.wrap_socket(request, server_side=True) as secure:
                try:
                    super().finish_request(secure, client_address)
                finally:
                    self.ended()


def _handler(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one write, one TLS record, for headers and body together

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, back, answer = door.pass_on(self.command, self.path, headers, body)
            self.send_response_only(status)
            for name, value in back:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            self.wfile.flush()

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            pass  # what passes is kept where somebody listens

    return Handler
