"""Servers by raw sockets, on loopback: they can say what no HTTP library would let them say."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PATIENCE = 10  # seconds, over every deadline; a caller that holds on for so long is at fault


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Talk:
    """One connection, from the server's side.

    Every method but the last two raises OSError when the other side has closed it. Those that
    speak or wait without an end are at fault with a caller that lets them; see PATIENCE.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._reader = connection.makefile("rb")

    def read(self) -> Asked | None:
        """The next request; None when there are no more."""
        if not (line := self._reader.readline()):
            return None
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while line := self._reader.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self._reader.read(int(headers.get("content-length", 0)))
        return Asked(method, target, headers, body)

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def drip(self, data: bytes, pause: float = 0.05) -> None:
        """Say it again and again, a byte at a time, until the other side closes."""
        for byte in islice(cycle(data), int(PATIENCE / pause)):
            self.say(bytes([byte]))
            time.sleep(pause)
        raise AssertionError("the caller did not hang up")

    def wait(self) -> None:
        """Say nothing until the other side closes."""
        self._socket.settimeout(PATIENCE)
        try:
            while self._socket.recv(1024):
                pass
        except TimeoutError:
            raise AssertionError("the caller did not hang up") from None

    def stop(self) -> None:
        """End it, from any thread."""
        with suppress(OSError):  # ended already
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.stop()
        self._reader.close()
        self._socket.close()


type Behaviour = Callable[[Talk, Asked], None]
"""What to do about one request."""


class Close(Exception):
    """Raised by a behaviour that wants the connection closed."""


class RawServer:
    """Serves one connection after the other, in one thread.

    Args:
        behaviour: called for each request.
        tls: to speak TLS before anything else.

    Attributes:
        url: without a slash at its end.
        connections: how many there were; talks: those whose handshake is done.
        asked: the requests of all of them.
        closed: released once for each that has ended.
    """

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._behaviour, self._tls = behaviour, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._talk: Talk | None = None
        self._fault: Exception | None = None
        self._thread = threading.Thread(target=self._serve)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.connections = self.talks = 0
        self.asked: list[Asked] = []
        self.closed = threading.Semaphore(0)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def refuse(self) -> None:
        """Take no more connections."""
        with suppress(OSError):  # it does not already
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()

    def hang_up(self) -> None:
        """End the connection that there is."""
        if self._talk:
            self._talk.stop()

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self.hang_up()
        self._thread.join()
        self._listener.close()
        if self._fault:
            raise self._fault

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # stopped
                return
            self.connections += 1
            try:
                self._serve_one(connection)
            except (OSError, Close):
                pass  # the other side may go at any time: that is what the tests are about
            except Exception as fault:
                self._fault = fault  # of the test itself; shown at its end
            self.closed.release()

    def _serve_one(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True)
        talk = self._talk = Talk(connection)
        self.talks += 1
        try:
            while asked := talk.read():
                self.asked.append(asked)
                self._behaviour(talk, asked)
        finally:
            talk.close()


def http(body: bytes | str = b"", status: str = "200 OK", *headers: str) -> bytes:
    """An answer as it should be."""
    content = body if isinstance(body, bytes) else body.encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def says(answer: bytes) -> Behaviour:
    """Answers each request with these bytes, and keeps the connection."""
    return lambda talk, asked: talk.say(answer)


def says_and_closes(answer: bytes) -> Behaviour:
    """Answers the first request of a connection with these bytes, and closes it."""

    def behave(talk: Talk, asked: Asked) -> None:
        talk.say(answer)
        raise Close

    return behave


def says_and_waits(answer: bytes) -> Behaviour:
    """Says these bytes and nothing more, and keeps the connection open."""

    def behave(talk: Talk, asked: Asked) -> None:
        talk.say(answer)
        talk.wait()
        raise Close

    return behave


def drips(answer: bytes, then: bytes) -> Behaviour:
    """Says the one, then the other again and again, a byte at a time."""

    def behave(talk: Talk, asked: Asked) -> None:
        talk.say(answer)
        talk.drip(then)

    return behave


def self_signed(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for 127.0.0.1 by nobody but itself: for a server, and as the file to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, secret = folder / "certificate.pem", folder / "key.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return context, trusted
