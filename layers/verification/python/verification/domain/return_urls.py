"""Return URLs: where a page sends people when it is done, and where a client lets it.

A URL is taken in one spelling only, and compared part by part: what two programs could read in
two ways is refused. So no `..`, no escaped dot or slash, no backslash, no user before the host, no
host that is a number in disguise.
"""

import re
from collections.abc import Container, Iterable
from urllib.parse import parse_qsl

from ..valueclass import valueclass
from .policy import MAX_RETURN_URL

# What a page adds to a return URL; a URL that has them already would say two things.
ADDED = ("verification", "result")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# RFC 3986 §3, without user and fragment; hosts as RFC 1123 §2.1 has them, the last label with a
# letter, since browsers read `2130706433` and `0x7f.1` as addresses.
_URL = re.compile(
    r"(?P<scheme>https?)://"
    rf"(?P<host>(?:{_LABEL}\.)+(?!0x)(?=[0-9-]*[a-z]){_LABEL}|localhost|127\.0\.0\.1)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)"
    r"(?:\?(?P<query>[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*))?"
)
_ORIGIN = re.compile(r"[A-Za-z]+://[^/?#]*")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}|%")
# Escaped, these mean one thing to some programs and another to others: . / \ % and ;
_NEVER_ESCAPED = frozenset({"2e", "2f", "5c", "25", "3b"})
_OWN_MACHINE = ("localhost", "127.0.0.1")
_PORTS = {"https": 443, "http": 80}


class ReturnUrlError(ValueError):
    """It is no URL that a page may lead to; the message says what it should be."""


@valueclass
class ReturnUrl:
    """A return URL in its one spelling.

    Args:
        origin: scheme, host and port, the usual port left out.
        path: begins with a slash.
        query: without the question mark; None without one.
    """

    origin: str
    path: str
    query: str | None

    def __str__(self) -> str:
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query is not None else "")

    def within(self, allowed: Iterable[str]) -> bool:
        """Whether a client's list has it: the same origin, and a path that it begins with.

        A path ends at a slash: `/back` is no beginning of `/backdoor`.

        Args:
            allowed: entries as `parse_allowed` gives them.
        """
        return any(self._is_under(parse_allowed(entry)) for entry in allowed)

    def _is_under(self, allowed: "ReturnUrl") -> bool:
        if self.origin != allowed.origin:
            return False
        folder = allowed.path if allowed.path.endswith("/") else f"{allowed.path}/"
        return self.path == allowed.path or self.path.startswith(folder)


def parse_return_url(text: str) -> ReturnUrl:
    """Read a return URL.

    Raises:
        ReturnUrlError: it is none that is safe to follow.
    """
    url = _parse(text)
    # A `+` and an escape are read as the client's server will.
    names = {name.strip().lower() for name, _ in parse_qsl(url.query or "", keep_blank_values=True)}
    if names & {*ADDED}:
        raise ReturnUrlError(f"has no {' or '.join(ADDED)} of its own in the query: they are added")
    return url


def parse_allowed(text: str) -> ReturnUrl:
    """Read an entry of a client's list: an origin and the beginning of a path.

    Raises:
        ReturnUrlError: it is none.
    """
    url = _parse(text)
    if url.query is not None:
        raise ReturnUrlError("has no query: a list names origins and paths")
    return url


def returning(url: str, verification_id: str, result: str | None = None) -> str:
    """Where somebody is sent back to: a return URL that says of which verification it is.

    Args:
        url: in its one spelling.
        result: what proves to the client's server that it was verified on the page.
    """
    added = f"verification={verification_id}" + (f"&result={result}" if result else "")
    return f"{url}{'&' if '?' in url else '?'}{added}"


def origin_of(url: str) -> str:
    """The origin of a return URL in its one spelling."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?]', rest, maxsplit=1)[0]}"


def _parse(text: str) -> ReturnUrl:
    if len(text) > MAX_RETURN_URL:
        raise ReturnUrlError(f"has at most {MAX_RETURN_URL} characters")
    # Schemes and hosts are the same in all letters (RFC 3986 §6.2.2.1), paths are not.
    match = _URL.fullmatch(_ORIGIN.sub(lambda found: found[0].lower(), text, count=1))
    if not match:
        raise ReturnUrlError(
            "is an absolute https URL such as https://shop.example/back, with no user and no #"
        )
    scheme, host, port = match["scheme"], match["host"], int(match["port"] or 0)
    if port > 65_535 or len(host) > 253:
        raise ReturnUrlError("has a host of at most 253 characters and a port up to 65535")
    if scheme == "http" and host not in _OWN_MACHINE:
        raise ReturnUrlError(f"is https; http is for {' and '.join(_OWN_MACHINE)} alone")
    _check_escapes(match["path"], _NEVER_ESCAPED)
    _check_escapes(match["query"] or "")
    *segments, _ = parts = match["path"].split("/")
    if not all(segments[1:]):
        raise ReturnUrlError("has no empty part in its path")
    # Some servers take off what follows a semicolon before they look at the dots.
    if any(part.split(";")[0] in (".", "..") for part in parts):
        raise ReturnUrlError("has no . or .. in its path")
    shown = f":{port}" if port and port != _PORTS[scheme] else ""
    return ReturnUrl(f"{scheme}://{host}{shown}", match["path"] or "/", match["query"])


def _check_escapes(text: str, never: Container[str] = ()) -> None:
    for escape in _ESCAPE.findall(text):
        digits = escape[1:].lower()
        if not digits or digits < "20" or digits == "7f" or digits in never:
            raise ReturnUrlError(
                "escapes only what it must: no %2e, %2f, %5c or %25, and no control character"
            )
