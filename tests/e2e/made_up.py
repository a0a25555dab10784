"""Requests for the three drop-in APIs, as Hypothesis makes them up.

Sane and mad values are mixed, in queries, in forms, in JSON and in what is none of it. Names in
braces are filled in when a request is sent, so that many are about what was started a moment ago.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.e2e.rules import MARK

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SERVICE = "/v1/service/service/{service}"
USER = f"{SERVICE}/users/{{user}}"
TOTP = "/v1/services/{service}/users/{user}/totp"

type Values = st.SearchStrategy[Any]


@dataclass(frozen=True)
class Request:
    """A request without its credentials.

    Args:
        route: `METHOD /resource`, as the document has it.
        ids: the parameters of the path.
        body: bytes as they are; all else as `kind` says.
        kind: the media type; None for none.
    """

    route: str
    ids: Mapping[str, str] = field(default_factory=dict)
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    kind: str | None = None


MAD = [
    *("", " ", "0", "-1", "1e3", "6.0", "9" * 30, "true", "null", "None", "٤", "{", "{}", "[]"),
    *("\x00", "\r\nSet-Cookie: a=b", "\u202e", "\ud800", "🙂", "%", "%00", "%token", "<PIN>"),
    *("' OR 1=1 --", "<script>", "{code}", "{brand.__class__}", "../../health", "a@b", "+31"),
    MARK,
]
TEXT = st.sampled_from(MAD) | st.text(st.characters(), max_size=40)
ANYTHING: Values = st.recursive(
    TEXT | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)


def rarely(mad: Values, sane: Values) -> Values:
    """Mad every eighth time; Hypothesis likes the ends of a range, so not at an end."""
    return st.integers(0, 7).flatmap(lambda n: mad if n == 5 else sane)


def mostly(*sane: Any) -> Values:
    """One of these; rarely anything."""
    return rarely(ANYTHING, st.sampled_from(sane))


def texts(values: Values) -> st.SearchStrategy[str]:
    return values.map(as_text)


def as_text(value: Any) -> str:
    """A value as it stands in a query or a form."""
    return value if isinstance(value, str) else json.dumps(value)


def fields(known: Mapping[str, Values], *always: str) -> Values:
    """An object with `always` and some of the other known fields; rarely with anything."""
    optional = {name: values for name, values in known.items() if name not in always}
    sane = st.fixed_dictionaries({name: known[name] for name in always}, optional=optional)
    names = st.sampled_from([*known]) | TEXT if known else TEXT
    return rarely(st.dictionaries(names, ANYTHING, max_size=4), sane)


@st.composite
def filled(draw: st.DrawFn, route: str, known: Mapping[str, Values], *always: str) -> Request:
    """A request with its fields in the query, in a form, in JSON, or some here and some there."""
    given = draw(fields(known, *always))
    where = draw(st.sampled_from([JSON, JSON, FORM, FORM, "query", "both", "neither"]))
    pairs = tuple((name, as_text(value)) for name, value in given.items())
    if route.startswith("GET") or where == "query":
        return Request(route, query=pairs)
    if where == "both":
        return Request(route, query=pairs[::2], body=dict(pairs[1::2]), kind=JSON)
    if where == "neither":
        kinds = [JSON, FORM, "text/plain", "application/json; charset=utf-16", None]
        kind = draw(st.sampled_from(kinds))
        return Request(route, body=draw(st.binary(max_size=60)), kind=kind)
    return Request(route, body=given, kind=where)


IDS = texts(mostly("{id}", "{id}", "{id}", "a" * 27))
GUESSES = mostly("{code}", "{code}", "{wrong}", "{wrong}", "{wrong}")

# ------------------------------------------------------------------- Messente Number Verification

_START = {
    "to": mostly("{fresh}", "{fresh}", "+{fresh}", "{same}"),
    "template": mostly(f"<PIN> {MARK}", "<PIN> <PIN>"),
    "pin_length": mostly(4, "6", 16),
    "from": mostly("Shop", "+{fresh}"),
    "max_tries": mostly(1, "3"),
    "retry_delay": mostly(30, "1800"),
    "validity": mostly(1, 60, "1800"),
    "ip": mostly("{ip}"),
    "browser": mostly(f"{MARK}/5.0"),
    "cookie": mostly(f"{MARK}-0123456789abcdef"),
}
_PIN = {
    "verification_id": IDS,
    "pin": GUESSES,
    **{name: _START[name] for name in ("ip", "browser", "cookie")},
}

# ----------------------------------------------------------------------------- MessageBird Verify

_CREATE = {
    "recipient": mostly("{fresh}", "{fresh}", "+{fresh}", "{fresh}@example.com"),
    "originator": mostly(MARK, "31641234567"),
    "reference": mostly(MARK),
    "type": mostly("sms", "flash", "tts", "SMS"),
    "template": mostly(f"%token {MARK}"),
    "datacoding": mostly("plain", "unicode", "auto"),
    "timeout": mostly(30, "172801"),
    "tokenLength": mostly(6, "10"),
    "maxAttempts": mostly(1, "3", 10),
    "voice": mostly("male", "female"),
    "language": mostly("nl-nl", "NL_NL"),
    "subject": mostly(MARK),
    "reportUrl": mostly("https://shop.example.com/"),
}
_OBJECTS = ["/verify/{id}", "/messages/{id}", "/voicemessages/{id}", "/verify/messages/email/{id}"]

# ----------------------------------------------------------------------------- Messente Verigator

_BODIES: dict[str, dict[str, Values]] = {
    "POST /v1/service/service": {
        "fqdn": mostly("{fresh}.example.com", "https://{fresh}.example.com/x"),
        "name": mostly(MARK),
    },
    f"POST {SERVICE}/users": {
        "id_in_service": mostly("{fresh}", MARK),
        "phone_number": mostly("{fresh}", "+{fresh}"),
    },
    f"POST {USER}/auth": {"method": mostly("sms", "sms", "totp")},
    f"PUT {USER}/auth": {"token": GUESSES | st.just("{shown}"), "method": mostly("sms", None)},
    f"POST {TOTP}": {},
    f"POST {TOTP}/confirm": {"code": mostly("{shown}", "{shown}", "{wrong}")},
}
_OFTEN = [f"POST {USER}/auth", f"PUT {USER}/auth", f"PUT {USER}/auth"] * 6
_BODILESS = [
    *(f"GET {SERVICE}", f"DELETE {SERVICE}", f"GET {SERVICE}/users", f"GET {USER}"),
    *(f"DELETE {USER}", f"GET {SERVICE}/user/{{user}}", f"DELETE {TOTP}"),
]
_MEMBERS = st.fixed_dictionaries(
    {name: texts(mostly(*[f"{{{name}}}"] * 6, "nobody")) for name in ("service", "user")}
)


@st.composite
def _of_verigator(draw: st.DrawFn) -> Request:
    route = draw(st.sampled_from([*_OFTEN, *_BODIES, *_BODILESS]))
    body, kind = None, None
    if route in _BODIES:
        body = draw(rarely(ANYTHING, fields(_BODIES[route], *_BODIES[route])))
        kind = draw(rarely(st.sampled_from([FORM, "text/plain", None]), st.just(JSON)))
    return Request(route, draw(_MEMBERS), body=body, kind=kind)


REQUESTS: dict[str, st.SearchStrategy[Request]] = {
    "messente": st.one_of(
        filled("GET /verify/start", _START, "to"),
        filled("POST /verify/start", _START, "to"),
        filled("GET /verify/pin", _PIN, "verification_id", "pin"),
        filled("POST /verify/pin", _PIN, "verification_id", "pin"),
    ),
    "messagebird": st.one_of(
        filled("POST /verify", _CREATE, "recipient"),
        filled("POST /verify", _CREATE, "recipient"),
        st.builds(
            lambda name, token: Request("GET /verify/{id}", {"id": name}, (("token", token),)),
            IDS,
            texts(GUESSES),
        ),
        st.builds(
            lambda path, name: Request(f"GET {path}", {"id": name}), st.sampled_from(_OBJECTS), IDS
        ),
        st.builds(lambda name: Request("DELETE /verify/{id}", {"id": name}), IDS),
    ),
    "verigator": _of_verigator(),
}
