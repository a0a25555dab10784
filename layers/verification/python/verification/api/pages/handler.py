"""GET and POST /v1/pages/{token}: a page is shown, a form is done and then shown as a page.

A form is answered by a redirect (303), so that reloading and going back repeat nothing. One alone
is not: a guess that got no answer is answered by the page with the very same form (503), since sent
again it is still the same guess. The form's key never stands in an address: who could choose it for
others could ask, later and as often as they like, which code they typed.
Nobody shows credentials here: the token in the address is what lets people in.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from ...domain.codes import normalise_guess
from ...domain.identifiers import make_token
from ...domain.return_urls import origin_of
from ...domain.verification import Reason
from ...errors import (
    InternalError,
    InvalidRequest,
    NotFound,
    ResendTooEarly,
    ServiceError,
    TemporarilyUnavailable,
    VerifierUnavailable,
)
from ...operations.page import HostedPage, Opened
from ...operations.ports import Random, Remaining
from ...telemetry import Telemetry
from ..body import read_form
from ..events import Answer, LambdaContext, headers_of, is_http, path_of
from ..handler import over_http
from ..native.http import problem
from .assets import SCRIPT_SOURCE, STYLE_SOURCE
from .html import draw, draw_fault, draw_nothing

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Permissions-Policy": "otp-credentials=(self), camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",  # the address is what lets people in
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_LANGUAGE = re.compile("[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,3}")  # BCP 47
_FORM = re.compile("[a-z2-7]{26}")  # as make_token() writes 16 bytes
_MAX_TYPED = 64  # characters of a code, with all that people put between the digits


def make_page_handler(
    page: HostedPage, telemetry: Telemetry, random: Random
) -> Callable[[Any, LambdaContext], Any]:
    """A handler of pages."""

    def handle(event: Any, context: LambdaContext) -> Any:
        telemetry.begin(context.aws_request_id)
        if not is_http(event):
            refusal = InvalidRequest("This function takes no direct invokes.")
            return {"error": problem(refusal, context.aws_request_id).body}
        answers, accepted = Pages(page, random), _accepted(event)
        client_id, error = "", None
        try:
            opened = page.open(path_of(event).get("token", ""))
            client_id = opened.client.id
            error, answer = answers(opened, event, context.get_remaining_time_in_millis)
        except NotFound as refusal:
            error, answer = refusal, _html(404, draw_nothing(accepted))
        except ServiceError as refusal:
            error, answer = refusal, _html(503, draw_fault(accepted))
        except Exception as crash:  # the last line of defence: API Gateway would show its words
            telemetry.crashed("request_crashed", crash)
            error, answer = InternalError(), _html(500, draw_fault(accepted))
        if error and error.limit:
            telemetry.limited(error.limit)
        telemetry.answered("page", client_id, answer.status, error.code if error else "ok")
        return over_http(answer)

    return handle


class Pages:
    """What answers a request for a page.

    Args:
        random: makes what tells the forms of one page from those of every other.
    """

    def __init__(self, page: HostedPage, random: Random) -> None:
        self._page = page
        self._random = random

    def __call__(
        self, opened: Opened, event: Mapping[str, Any], remaining: Remaining
    ) -> tuple[ServiceError | None, Answer]:
        """Answer a request, and say what went wrong.

        Raises:
            NotFound: the page is gone just now.
        """
        if event["httpMethod"] != "POST":
            return None, self._show(opened, event)
        try:
            return self._do(opened, event, remaining)
        except NotFound:
            raise
        except ResendTooEarly as error:  # the page says how long to wait
            return error, _back()
        except ServiceError as error:
            return error, _back("fault")

    def _show(self, opened: Opened, event: Mapping[str, Any]) -> Answer:
        notice = (event.get("queryStringParameters") or {}).get("e", "")
        return self._draw(200, opened, event, notice, make_token(self._random(16)))

    def _draw(
        self, status: int, opened: Opened, event: Mapping[str, Any], notice: str, form: str
    ) -> Answer:
        view = self._page.view(opened)
        html = draw(view, notice, form, _accepted(event))
        return _html(status, html, origin_of(view.return_url) if view.return_url else "")

    def _do(
        self, opened: Opened, event: Mapping[str, Any], remaining: Remaining
    ) -> tuple[ServiceError | None, Answer]:
        if _is_foreign(event):
            return None, _back()
        fields = read_form(event, headers_of(event).get("content-type"))
        action = fields.get("action")
        if action == "verify":
            try:
                return None, self._guess(opened, fields, remaining)
            except (TemporarilyUnavailable, VerifierUnavailable) as error:
                form = fields.get("form", "")
                if not _FORM.fullmatch(form):
                    raise
                return error, self._draw(503, opened, event, "fault", form)
        if action in ("resend", "call"):
            self._page.send_again(opened, remaining, call=action == "call")
            return None, _back("calling" if action == "call" else "resent")
        return None, _back()

    def _guess(self, opened: Opened, fields: Mapping[str, str], remaining: Remaining) -> Answer:
        length = opened.record.verification.code_length
        code = read_typed(fields.get("code", ""), length)
        if code is None:
            return _back("digits")
        guessed = self._page.guess(opened, code, fields.get("form", ""), remaining)
        if guessed.return_url:
            return Answer(303, "", _HEADERS | {"Location": guessed.return_url})
        return _back("wrong" if guessed.reason == Reason.INCORRECT else "")


def read_typed(typed: str, length: int) -> str | None:
    """The code that somebody typed or pasted, in the digits of any script; None if it is none.

    Args:
        length: of the code, in digits. Another one cannot be it, and costs no attempt.
    """
    # Marks of direction come along when a code is copied out of a text.
    kept = (c for c in typed[:_MAX_TYPED] if unicodedata.category(c) != "Cf")
    ascii_digits = (str(unicodedata.decimal(c)) if c.isdecimal() else c for c in kept)
    code = normalise_guess("".join(ascii_digits))
    return code if code and len(code) == length else None


def _html(status: int, html: str, origin: str = "") -> Answer:
    # A redirect that follows a form is held to form-action, too.
    rules = (
        "default-src 'none'",
        f"style-src {STYLE_SOURCE}",
        f"script-src {SCRIPT_SOURCE}",
        "img-src data:",
        f"form-action 'self' {origin}".rstrip(),
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
    return Answer(status, html, _HEADERS | {"Content-Security-Policy": "; ".join(rules)})


def _back(notice: str = "") -> Answer:
    """To the page itself, at the address that it has already."""
    return Answer(303, "", _HEADERS | {"Location": f"?e={notice or 'now'}"})


def _is_foreign(event: Mapping[str, Any]) -> bool:
    """Whether another site made the browser send the form; who says nothing is no browser."""
    return headers_of(event).get("sec-fetch-site") in ("cross-site", "same-site")


def _accepted(event: Mapping[str, Any]) -> str | None:
    """The first language that the browser asks for; it chooses texts and nothing else."""
    match = _LANGUAGE.match(headers_of(event).get("accept-language") or "")
    return match[0] if match else None
