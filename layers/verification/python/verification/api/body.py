"""The body of a request, read as strictly as it deserves: it comes from anybody."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from ..errors import BodyTooLarge, InvalidJson, UnsupportedContentType

MAX_BODY_BYTES = 32_768  # the largest valid start fits twice

_FORM = "application/x-www-form-urlencoded"
_MAX_FORM_FIELDS = 100


def read_json_body(event: Mapping[str, Any], content_type: str | None) -> dict[str, Any]:
    """The JSON object in the body of an API Gateway event; empty for no body.

    Raises:
        BodyTooLarge: more than MAX_BODY_BYTES.
        UnsupportedContentType: a body that is not declared as JSON.
        InvalidJson: not one JSON object (RFC 8259) in UTF-8 with distinct keys.
    """
    raw = _read(event)
    if not raw.strip():
        return {}
    if not _is_json(content_type):
        raise UnsupportedContentType("The Content-Type must be application/json.")
    return _json(raw)


def read_json_or_form(event: Mapping[str, Any], content_type: str | None) -> dict[str, Any]:
    """The fields in a body, JSON or a form's; empty for no body.

    What is declared as neither is read as what it begins like: JSON with a brace, else a form.

    Raises:
        As read_json_body(), but for UnsupportedContentType.
    """
    raw = _read(event)
    if not raw.strip():
        return {}
    is_json = bool(content_type) and _is_json(content_type)
    if _media_type(content_type) != _FORM and (is_json or raw.lstrip().startswith(b"{")):
        return _json(raw)
    return _form(raw)


def read_form(event: Mapping[str, Any], content_type: str | None) -> dict[str, str]:
    """The fields of a form in a body; empty for no body.

    Raises:
        BodyTooLarge: more than MAX_BODY_BYTES.
        UnsupportedContentType: a body that is not declared as a form.
        InvalidJson: not a form in UTF-8 with distinct names.
    """
    raw = _read(event)
    if not raw.strip():
        return {}
    if _media_type(content_type) != _FORM:
        raise UnsupportedContentType(f"The Content-Type must be {_FORM}.")
    return _form(raw)


def _form(raw: bytes) -> dict[str, str]:
    try:
        # As RFC 1866 §8.2.1 and browsers write it; an empty field is a field.
        pairs = parse_qsl(
            "&".join(filter(None, raw.decode().split("&"))),  # some clients leave one at the end
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FORM_FIELDS,
        )
    except ValueError:
        raise InvalidJson("The body must be a form or JSON, in UTF-8.") from None
    return _distinct(pairs)


def _read(event: Mapping[str, Any]) -> bytes:
    raw = raw_body(event)
    if len(raw) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"A body may be at most {MAX_BODY_BYTES} bytes long.")
    return raw


def _json(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            raw.decode(), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None
    except ValueError:  # json's own errors, undecodable bytes, numbers of thousands of digits
        raise InvalidJson("The body must be valid JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise InvalidJson("The body must be a JSON object.")
    return value


def raw_body(event: Mapping[str, Any]) -> bytes:
    """The bytes of a body.

    Raises:
        BodyTooLarge: more than twice MAX_BODY_BYTES.
        InvalidJson: what says that it is Base64 is not.
    """
    body = event.get("body") or ""
    # Base64 grows by a third; refuse before decoding what is too large either way.
    if len(body) > 2 * MAX_BODY_BYTES:
        raise BodyTooLarge(f"A body may be at most {MAX_BODY_BYTES} bytes long.")
    try:
        if event.get("isBase64Encoded"):
            return base64.b64decode(body, validate=True)
        return str(body).encode()
    except ValueError:
        raise InvalidJson("The body must be valid JSON in UTF-8.") from None


def _media_type(content_type: str | None) -> str:
    return (content_type or "application/json").partition(";")[0].strip().lower()


def _is_json(content_type: str | None) -> bool:
    media_type = _media_type(content_type)
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _distinct(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidJson("The body names a key twice.")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise InvalidJson("NaN and Infinity are not JSON.")
