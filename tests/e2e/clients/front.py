"""A TLS server that plays a host which a client has built in, and passes on what comes.

Its certificate is made on the fly, for one day. Who is to believe it must be told so.
"""

import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PATIENCE = 60  # seconds for an answer: a function may have to start first
OF_ONE_CONNECTION = {"connection", "content-length", "host", "transfer-encoding"}  # RFC 9110 §7.6.1


class Front:
    """Plays a host, on a port of 127.0.0.1, from its making to `close`.

    Args:
        host: whose name the certificate bears.
        target: where requests go on to, http; its path goes before theirs.
        directory: for the certificate and its key.

    Attributes:
        port: where it listens.
        certificate: the file with it, which a client is to trust.
    """

    def __init__(self, host: str, target: str, directory: Path) -> None:
        self.certificate = directory / f"{host}.pem"
        key = directory / f"{host}.key"
        _certify(host, self.certificate, key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(target))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(target: str) -> type[BaseHTTPRequestHandler]:
    """What passes requests on to a URL, and its answers back: as they are, but for the host."""
    address = urlsplit(target)

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)
            connection.putrequest(self.command, address.path + self.path, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in OF_ONE_CONNECTION:
                    connection.putheader(name, value)
            if body or self.command == "POST":
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OF_ONE_CONNECTION:
                    self.send_header(name, value)
            if answer.status != 204:  # which has no body, RFC 9110 §15.3.5
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            pass  # a test that fails shows what was said

    return Handler


def _certify(host: str, certificate: Path, key: Path) -> None:
    """Write a key and a certificate of it for a host, signed by itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
