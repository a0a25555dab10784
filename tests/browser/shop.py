"""A shop with pages of its own to come back to; its server asks whether it is true."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.e2e.talking import client_with
from tests.local.stack import Answer, Credentials, Stack, handed_out


class Shop:
    """A client of the service, with a server that people come back to.

    Attributes:
        visits: the queries of those who came back, oldest first.
    """

    def __init__(self, stack: Stack) -> None:
        self.visits: list[Mapping[str, str]] = []
        self._stack = stack
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.credentials: Credentials = client_with(
            stack, return_urls=[f"{self.url}/back"], brand="Coffee Shop"
        )

    def starts(self, to: str, **fields: Any) -> dict[str, Any]:
        """Start a verification with a page, which offers calls."""
        page = {"return_url": f"{self.url}/back?order=7", "call": True}
        body = {"to": to, "locale": "en", "page": page}
        answer = self._call("POST", "/v1/verifications", body | fields)
        assert answer.status == 201, answer
        started: dict[str, Any] = answer.body
        handed_out.add(started["page_url"].rpartition("-")[2])
        return started

    def result(self, query: Mapping[str, str]) -> str:
        """What the service says of somebody who came back with this query."""
        path = f"/v1/verifications/{query['verification']}"
        if "result" not in query:
            return str(self._call("GET", path).body["status"])
        answer = self._call("GET", f"{path}?result={query['result']}")
        return str(answer.body["page"]["result"])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _call(self, method: str, path: str, body: Any = None) -> Answer:
        return self._stack.call(method, path, body, self.credentials)


def _handler(shop: Shop) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != "/back":
                self.send_error(404)
                return
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            shop.visits.append(query)
            handed_out.update({query["result"]} if "result" in query else ())
            # With an icon of its own: else browsers ask for one.
            head = (
                '<!DOCTYPE html><html lang="en"><title>Shop</title><link rel="icon" href="data:,">'
            )
            html = f"{head}<h1>{shop.result(query)}</h1>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(html)))
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
