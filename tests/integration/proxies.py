"""Two proxies in front of a DynamoDB, which do to chosen calls what AWS and networks do.

`Microburst` (from PyPI) answers as AWS does when it will not or cannot, holds connections open,
resets them, and spoils answers on their way back. `Losing` is ours, for what that has no word for:
what was asked is done, and nobody hears of it.
"""

import http.client
import json
import socket
import struct
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from tests.local.dynamodb_local import answers
from tests.local.processes import free_port, spawn, wait_until

PAGE = b"<html><body>Something is wrong.</body></html>"


@dataclass(frozen=True)
class Fault:
    """What becomes of a call.

    Args:
        rule: what microburst does; empty where our own proxy does it.
        way: what our own proxy does.
        done: whether the call is done all the same.
        calls: of which operations of DynamoDB alone; none: of all.
        heard: whether it is taken for an answer: what makes no sense, but comes with a 200.
        rare: whether it is left to the long form: another one is much like it.
    """

    rule: Mapping[str, Any] = field(default_factory=dict)
    way: str = ""
    done: bool = False
    calls: tuple[str, ...] = ()
    heard: bool = False
    rare: bool = False

    def concerns(self, call: str) -> bool:
        return not self.calls or call in self.calls


class Proxy(Protocol):
    """Stands between a client and DynamoDB."""

    url: str

    def fail(self, fault: Fault, first: int, times: int | None) -> None:
        """Let calls meet a fault: the first one counted from 0, `times` in a row (None: all)."""
        ...

    def heal(self) -> int:
        """Let all calls through; how many met the fault."""
        ...


class Microburst:
    """microburst, in a process of its own."""

    def __init__(self, upstream: str, directory: Path) -> None:
        port, log = free_port(), directory / "microburst.log"
        self.url = f"http://127.0.0.1:{port}"
        argv = [sys.executable, "-m", "microburst", "--upstream", upstream, "--port", str(port)]
        self._process = spawn(argv, directory, {}, log)
        wait_until(lambda: answers(self._control("health")), self._process, "microburst", log)
        # It reads all of botocore's models at the first one: no client would wait so long.
        target = {"X-Amz-Target": "DynamoDB_20120810.ListTables"}
        requests.post(self.url, headers=target, timeout=60)

    def _control(self, what: str) -> str:
        return f"{self.url}/_microburst/{what}"

    def stop(self) -> None:
        self._process.stop()

    def fail(self, fault: Fault, first: int, times: int | None) -> None:
        # The first rule that matches is the one: it lets through what comes before.
        before = {"times": first, "latency": 0}
        self._set([before, {**fault.rule, "times": times}])

    def heal(self) -> int:
        rules = requests.get(self._control("rules"), timeout=10).json()
        self._set([])
        return int(rules[-1]["fired_count"]) if rules else 0

    def _set(self, rules: list[dict[str, Any]]) -> None:
        requests.post(self._control("rules"), json=rules, timeout=10).raise_for_status()


class Losing:
    """A proxy that has a call done and loses the answer, and keeps the names of all calls.

    Args:
        directory: the name of the directory table.

    Attributes:
        calls: of DynamoDB, in the order in which they came; `directory.GetItem` and so on.
    """

    def __init__(self, upstream: str, directory: str) -> None:
        self._directory = directory.encode()
        self.calls: list[str] = []
        self._fault: Fault | None = None
        self._range = range(0)
        self._failed = 0
        self._server = _Server(self, upstream)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def fail(self, fault: Fault, first: int, times: int | None) -> None:
        self.calls.clear()
        self._fault, self._failed = fault, 0
        self._range = range(first, sys.maxsize if times is None else first + times)

    def heal(self) -> int:
        self._fault = None
        return self._failed

    def fate_of(self, call: str, body: bytes) -> Fault | None:
        """What becomes of the call that has just come in."""
        self.calls.append(f"directory.{call}" if self._directory in body else call)
        if self._fault is None or len(self.calls) - 1 not in self._range:
            return None
        self._failed += 1
        return self._fault


class ForwardingServer(ThreadingHTTPServer):
    """Stands before another server, on a port of this machine.

    Args:
        upstream: the URL of the other one, without a path.
    """

    daemon_threads = True  # clients keep connections open that nobody uses any more

    def __init__(self, handler: type["Forwarder"], upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.upstream = urlsplit(upstream).netloc


class Forwarder(BaseHTTPRequestHandler):
    """Passes a request on, and brings back what is answered."""

    server: ForwardingServer
    protocol_version = "HTTP/1.1"

    def forward(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """What upstream says to this request: status, headers, body."""
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=30)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Hand on what upstream said."""
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        """Break the connection."""
        linger = struct.pack("ii", 1, 0)  # a reset: nobody waits for the rest
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what went wrong."""


class _Server(ForwardingServer):
    def __init__(self, proxy: Losing, upstream: str) -> None:
        super().__init__(_Handler, upstream)
        self.proxy = proxy


class _Handler(Forwarder):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        call = self.headers["X-Amz-Target"].rpartition(".")[2]
        fault = self.server.proxy.fate_of(call, body)
        if fault is None or fault.done:
            status, headers, answer = self.forward(body)
        if fault is None:
            self.answer(status, headers, answer)
        else:
            getattr(self, f"_{fault.way}")(body)

    def _cut(self, _: bytes) -> None:
        """The connection breaks."""
        self.cut()

    def _silence(self, _: bytes) -> None:
        """Nothing comes until the client goes away."""
        self.close_connection = True
        self.connection.recv(1)

    def _page(self, _: bytes) -> None:
        """A page comes in place of the answer."""
        self.answer(200, {"Content-Type": "text/html"}, PAGE)

    def _error(self, _: bytes) -> None:
        """The engine fails after it was done."""
        kind = "com.amazonaws.dynamodb.v20120810#InternalServerError"
        error = json.dumps({"__type": kind, "message": "x"}).encode()
        self.answer(500, {"Content-Type": "application/x-amz-json-1.0"}, error)

    def _nothing(self, body: bytes) -> None:
        """A batch of which nothing was done yet."""
        unprocessed = {"Responses": {}, "UnprocessedKeys": json.loads(body)["RequestItems"]}
        answer = json.dumps(unprocessed).encode()
        self.answer(200, {"Content-Type": "application/x-amz-json-1.0"}, answer)
