"""A vendor on loopback that makes and checks codes of its own, as `messente-verify` asks for it.

The worst that a vendor may be: it counts no guesses, knows no end, and says yes to a right code
as often as it is asked. What we promise of a verification has to come from our own table.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

_NOT_NOW = "FAILED 209"


@dataclass
class Session:
    """A verification of the vendor's: whom it sent which code, and what it was asked since."""

    to: str
    code: str
    asked: list[str] = field(default_factory=list)


class Vendor:
    """The vendor.

    Attributes:
        url: where it is.
        down: the numbers of which it wants to know nothing just now.
        waits: what it waits for before it answers about a guess, by number.
    """

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.waits: dict[str, Callable[[], object]] = {}
        self._sessions: dict[str, Session] = {}
        self._numbers = itertools.count(100_001)  # no two sessions have the same code
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def codes_to(self, number: str) -> list[str]:
        """The codes that it made for a number, oldest first."""
        return [session.code for session in self._sessions.values() if session.to == number]

    def number_of(self, code: str) -> str:
        """The number that it made a code for."""
        return next(one.to for one in self._sessions.values() if one.code == code)

    def asked_about(self, number: str) -> list[str]:
        """The guesses at codes of this number that it was asked about."""
        mine = (session.asked for session in self._sessions.values() if session.to == number)
        return list(itertools.chain.from_iterable(mine))

    def answer(self, path: str, asked: dict[str, str]) -> str:
        with self._lock:
            if path == "/verify/start/":
                return self._start(asked["to"], int(asked["pin_length"]))
            session = self._sessions[asked["verification_id"]]
            answer = self._check(session, asked["pin"])
        self.waits.get(session.to, bool)()
        return answer

    def _start(self, to: str, length: int) -> str:
        if to in self.down:
            return _NOT_NOW
        number = next(self._numbers)
        ref = f"{number:032x}"
        self._sessions[ref] = Session(to, f"{number:0{length}d}")
        return f"OK {ref}"

    def _check(self, session: Session, code: str) -> str:
        session.asked.append(code)
        if session.to in self.down:
            return _NOT_NOW
        return "VERIFIED" if code == session.code else "INVALID"


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # the tests come with many at once

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vendor = vendor


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        # Whether parameters stand in the address or in a form is for the unit tests to say.
        asked = {name: values[0] for name, values in parse_qs(f"{query}&{body}").items()}
        answer = self.server.vendor.answer(path, asked).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: the test says what went wrong."""
