"""A proxy before the emulator that has done what is asked, and loses the reply when told to."""

import ssl
import threading
from dataclasses import dataclass
from typing import Self

from tests.integration.proxies import Forwarder, ForwardingServer


@dataclass(frozen=True)
class Passed:
    """A request that was passed on, what came back, and whether that was lost."""

    target: str
    idempotency_key: str | None
    body: bytes
    status: int
    lost: bool


class LossyProxy(ForwardingServer):
    """Passes on all requests, in the order in which they come.

    Args:
        upstream: the URL of the emulator.
        tls: to speak TLS to those who ask.

    Attributes:
        url: where it is asked; without a slash at the end.
        passed: what it has passed on.
    """

    def __init__(self, upstream: str, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(_Handler, upstream)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        self.passed: list[Passed] = []
        self._to_lose = 0
        self._lock = threading.Lock()
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self._thread = threading.Thread(target=self.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def lose_the_next_reply(self) -> None:
        """To whatever is asked next; and forget what was passed before."""
        self.passed.clear()
        self._to_lose = 1

    def is_lost(self) -> bool:
        """Whether the reply that has just come is lost."""
        with self._lock:
            self._to_lose -= 1
            return self._to_lose >= 0


class _Handler(Forwarder):
    server: LossyProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, answer = self.forward(body)
        key, lost = self.headers.get("Idempotency-Key"), self.server.is_lost()
        self.server.passed.append(Passed(self.path, key, body, status, lost))
        if lost:
            self.cut()
        else:
            self.answer(status, headers, answer)
