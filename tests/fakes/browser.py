"""Somebody in front of a page, without a browser: sends its forms, follows its redirects."""

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from .calls import Context, http_event

PAGES = "/v1/pages/{token}"
FORM = "application/x-www-form-urlencoded"


class Visitor:
    """Somebody with the address of a page.

    Args:
        handler: of the function `page`.
        page_url: the address, or just its token.

    Attributes:
        answer: the last one, as API Gateway gets it.
        headers: what the browser sends along.
    """

    def __init__(self, handler: Callable[[Any, Any], Any], page_url: str) -> None:
        self._handler = handler
        self.token = page_url.rpartition("/")[2]
        self.headers: dict[str, str] = {}
        self.answer: dict[str, Any] = {}

    @property
    def status(self) -> int:
        return int(self.answer["statusCode"])

    @property
    def html(self) -> str:
        return str(self.answer["body"])

    @property
    def text(self) -> str:
        """What can be read, without its blanks."""
        body = re.sub(r"(?s)<(style|script|title)>.*?</\1>|<[^>]*>", " ", self.html)
        return " ".join(unescape(body).split())

    @property
    def title(self) -> str:
        return unescape(re.findall("<h1.*?>(.*?)</h1>", self.html)[0])

    @property
    def location(self) -> str:
        return str(self.answer["headers"]["Location"])

    @property
    def form(self) -> str:
        """What tells the forms of the page that was seen last from others."""
        return str(re.findall('name="form" value="([a-z2-7]+)"', self.html)[0])

    @property
    def actions(self) -> list[str]:
        """What the page that was seen last offers."""
        return re.findall('name="action" value="([a-z]+)"', self.html)

    @property
    def link(self) -> str | None:
        """Where its link leads."""
        found = re.findall('<a href="([^"]*)"', self.html)
        return unescape(found[0]) if found else None

    def sees(self, notice: str = "") -> "Visitor":
        """Open the page."""
        self._ask("GET", None, {"e": notice} if notice else None)
        return self

    def sends(self, fields: Mapping[str, str] | str, kind: str = FORM) -> "Visitor":
        """Send a form."""
        body = fields if isinstance(fields, str) else urlencode(fields)
        self._ask("POST", body, None, {"Content-Type": kind})
        return self

    def does(self, action: str, code: str = "") -> "Visitor":
        """Use a form of the page that was seen last; follow a redirect to the page itself.

        A guess that got no answer is answered by the page.
        """
        fields = {"action": action}
        if action == "verify":
            fields |= {"code": code, "form": self.form}
        self.sends(fields)
        assert self.status == (503 if "Location" not in self.answer["headers"] else 303), self.html
        if self.status == 303 and self.location.startswith("?"):
            (notice,) = parse_qs(urlsplit(self.location).query)["e"]
            self.sees(notice)
        return self

    def _ask(
        self,
        method: str,
        body: str | None,
        query: Mapping[str, str] | None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        event = http_event(
            method,
            PAGES,
            body,
            {**self.headers, **(more or {})},
            queryStringParameters=query,
            pathParameters={"token": self.token},
        )
        self.answer = self._handler(event, Context())
