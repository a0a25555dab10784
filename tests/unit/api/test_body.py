"""Bodies: one JSON object, or form, with distinct keys, or an error the caller can see."""

import base64
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.api.body import MAX_BODY_BYTES, read_json_body, read_json_or_form
from verification.errors import BodyTooLarge, InvalidJson, ServiceError, UnsupportedContentType

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def read(body: Any, content_type: str | None = JSON, encoded: bool = False) -> dict[str, Any]:
    return read_json_body({"body": body, "isBase64Encoded": encoded}, content_type)


def padded(size: int) -> str:
    return '{"a":"' + "x" * (size - 8) + '"}'


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (None, {}),
        ("", {}),
        (" \r\n\t", {}),
        ("{}", {}),
        (' {"a": [1, {"b": null}]} ', {"a": [1, {"b": None}]}),
        ('{"a":{"a":1},"b":{"a":1}}', {"a": {"a": 1}, "b": {"a": 1}}),
        ('{"to":"\\u00e9\u00e9"}', {"to": "\u00e9\u00e9"}),
        (padded(MAX_BODY_BYTES), {"a": "x" * (MAX_BODY_BYTES - 8)}),
    ],
)
def test_an_object_or_nothing_is_read(body: str | None, value: dict[str, Any]) -> None:
    assert read(body) == value
    if body:
        assert read(base64.b64encode(body.encode()).decode(), encoded=True) == value


def test_a_missing_body_is_empty() -> None:
    assert read_json_body({}, None) == {}


@pytest.mark.parametrize(
    "body",
    [
        # not an object
        "[]",
        "null",
        "1",
        '"a"',
        # not JSON
        "{",
        "{'a': 1}",
        '{"a":1,}',
        '{"a":1}{}',
        "to=%2B31612345678",
        "{}\x00",
        '{"a":"\x00"}',
        '{"a":"\n"}',
        "\ufeff{}",
        "{\u00a0}",
        '{"a":01}',
        '{"a":.5}',
        # numbers that are none, or too many digits to be read
        '{"a":NaN}',
        '{"a":[Infinity]}',
        '{"a":-Infinity}',
        '{"a":' + "9" * 5_000 + "}",
        # keys twice, at any depth
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":2}',
        '{"a":[{"b":{"c":1,"c":2}}]}',
        # nested too deeply
        "[" * 30_000,
        '{"a":' * 5_400 + "NaN" + "}" * 5_400,
        # not UTF-8
        "\ud800",
        '{"a":"\ud800"}',
    ],
)
def test_what_is_no_json_object_is_refused(body: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        read(body)
    assert refused.value.status == 400
    assert refused.value.detail.startswith(("The body", "NaN and Infinity"))


@pytest.mark.parametrize(
    "body",
    [
        "!!!!",
        "e30",  # its padding is missing
        "e30=\n",
        "\u00e9",
        base64.b64encode(b"\xff\xfe").decode(),
        base64.b64encode('{"a":1}'.encode("utf-16")).decode(),
        base64.b64encode(b"\xef\xbb\xbf{}").decode(),
        base64.b64encode(b'{"a":"\xed\xa0\x80"}').decode(),  # a surrogate in UTF-8
    ],
)
def test_what_is_no_base64_of_utf8_is_refused(body: str) -> None:
    with pytest.raises(InvalidJson):
        read(body, encoded=True)


@pytest.mark.parametrize(
    ("body", "encoded"),
    [
        (padded(MAX_BODY_BYTES + 1), False),
        ("\u00e9" * (MAX_BODY_BYTES // 2 + 1), False),
        ("x" * 2**20, False),
        (" " * 2**20, False),
        ("[" * 2**20, False),
        ("!" * 2**20, True),
        (base64.b64encode(padded(MAX_BODY_BYTES + 1).encode()).decode(), True),
    ],
)
def test_a_large_body_is_refused_and_the_bound_is_named(body: str, encoded: bool) -> None:
    with pytest.raises(BodyTooLarge, match=str(MAX_BODY_BYTES)):
        read(body, encoded=encoded)


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        JSON,
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        " application/json ;x=y",
        "application/problem+json",
    ],
)
def test_json_may_be_declared_in_its_usual_ways(content_type: str | None) -> None:
    assert read('{"a":1}', content_type) == {"a": 1}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/json",
        "application/json, text/plain",
        "json",
        ";",
    ],
)
def test_a_body_that_is_declared_as_something_else_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedContentType):
        read('{"a":1}', content_type)


def check(body: Any, content_type: str | None, encoded: bool) -> None:
    try:
        value = read(body, content_type, encoded)
    except ServiceError as error:
        assert error.status == 400
    else:
        assert isinstance(value, dict)


CONTENT_TYPES = st.one_of(st.just(JSON), st.none(), st.text())


@given(st.binary(), CONTENT_TYPES)
def test_any_bytes_give_an_object_or_an_error(body: bytes, content_type: str | None) -> None:
    check(base64.b64encode(body).decode(), content_type, encoded=True)


@given(st.text(), CONTENT_TYPES, st.booleans())
def test_any_text_gives_an_object_or_an_error(
    body: str, content_type: str | None, encoded: bool
) -> None:
    check(body, content_type, encoded)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), VALUES, max_size=3))
def test_any_object_is_read_as_it_was_written(value: dict[str, Any]) -> None:
    assert read(json.dumps(value)) == value


def read_either(
    body: str | None, content_type: str | None = FORM, encoded: bool = False
) -> dict[str, Any]:
    return read_json_or_form({"body": body, "isBase64Encoded": encoded}, content_type)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (None, {}),
        ("", {}),
        (" \r\n\t", {}),
        ("to=31612345678", {"to": "31612345678"}),
        ("to=%2B31612345678&type=sms", {"to": "+31612345678", "type": "sms"}),
        ("to=+31612345678", {"to": " 31612345678"}),
        ("template=Your+code+is+%25token", {"template": "Your code is %token"}),
        ("a=1&b=&c=3", {"a": "1", "b": "", "c": "3"}),
        ("&a=1&&b=2&", {"a": "1", "b": "2"}),
        ("&" * 20_000, {}),
        ("a=b=c&d=%26%3D", {"a": "b=c", "d": "&="}),
        ("a=%C3%A9%F0%9F%98%80", {"a": "\u00e9\U0001f600"}),
        ("a=\u00e9", {"a": "\u00e9"}),
        ("a%20b=1&%C3%A9=2", {"a b": "1", "\u00e9": "2"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%zz", {"a": "%zz"}),
        ("A=1&a=2", {"A": "1", "a": "2"}),
        ("&".join(f"f{n}={n}" for n in range(100)), {f"f{n}": str(n) for n in range(100)}),
        ("a=" + "x" * (MAX_BODY_BYTES - 2), {"a": "x" * (MAX_BODY_BYTES - 2)}),
    ],
)
def test_a_form_is_read_and_all_its_values_are_texts(
    body: str | None, fields: dict[str, str]
) -> None:
    assert read_either(body) == fields
    if body:
        assert read_either(base64.b64encode(body.encode()).decode(), encoded=True) == fields


@pytest.mark.parametrize(
    "content_type",
    [
        FORM,
        FORM.upper(),
        f"{FORM}; charset=utf-8",
        f" {FORM} ;charset=UTF-8",
        None,
        "",
        "text/plain",
        "*/*",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ],
)
def test_what_is_not_declared_as_json_may_be_a_form(content_type: str | None) -> None:
    fields = {"to": "+31612345678", "b": ""}
    assert read_either("to=%2B31612345678&b=", content_type) == fields


@pytest.mark.parametrize(
    "content_type",
    [JSON, JSON.upper(), f"{JSON}; charset=utf-8", "application/vnd.api+json"]
    + [None, "", "text/plain", "text/json", "*/*"],
)
@pytest.mark.parametrize("before", ["", " ", "\r\n\t"])
def test_what_is_not_declared_as_a_form_may_be_json(content_type: str | None, before: str) -> None:
    body = before + '{"to": 31612345678, "a": ["=&", null]}'
    assert read_either(body, content_type) == {"to": 31_612_345_678, "a": ["=&", None]}


@pytest.mark.parametrize("content_type", [JSON, FORM, None, "text/plain"])
@pytest.mark.parametrize(
    "body", ["[]", "[1]", "null", '"a"', "7", '{"a"', '{"a":1}{}', '{"a":NaN}']
)
def test_what_is_neither_a_form_nor_an_object_is_refused(
    body: str, content_type: str | None
) -> None:
    with pytest.raises(InvalidJson) as refused:
        read_either(body, content_type)
    assert (refused.value.status, refused.value.code) == (400, "invalid_json")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("to", "must be a form or JSON, in UTF-8"),
        ("a=1&b", "must be a form or JSON, in UTF-8"),
        ('{"to": "x"}', "must be a form or JSON, in UTF-8"),
        ("a=%FF", "must be a form or JSON, in UTF-8"),
        ("%FF=a", "must be a form or JSON, in UTF-8"),
        ("a=%ED%A0%80", "must be a form or JSON, in UTF-8"),
        ("&".join(f"f{n}={n}" for n in range(101)), "must be a form or JSON, in UTF-8"),
        ("a=1&a=1", "names a key twice"),
        ("a=1&b=2&a=3", "names a key twice"),
        ("a=1&%61=2", "names a key twice"),
        ("a=&a=", "names a key twice"),
    ],
)
def test_what_is_no_form_is_refused_and_not_repeated(body: str, says: str) -> None:
    with pytest.raises(InvalidJson, match=says) as refused:
        read_either(body)
    assert body not in refused.value.detail


@pytest.mark.parametrize("bad", [b"a=\xff", b"a=\xed\xa0\x80", "a=1".encode("utf-16")])
def test_a_form_is_utf8(bad: bytes) -> None:
    with pytest.raises(InvalidJson):
        read_either(base64.b64encode(bad).decode(), encoded=True)


@pytest.mark.parametrize("content_type", [FORM, JSON, None])
def test_a_large_form_is_refused_and_the_bound_is_named(content_type: str | None) -> None:
    with pytest.raises(BodyTooLarge, match=str(MAX_BODY_BYTES)):
        read_either("a=" + "x" * (MAX_BODY_BYTES - 1), content_type)


@given(st.dictionaries(st.text(), st.text(), min_size=1, max_size=5))
def test_any_form_is_read_as_it_was_written(fields: dict[str, str]) -> None:
    assert read_either(urlencode(fields)) == fields


@given(st.binary(), CONTENT_TYPES | st.just(FORM))
def test_any_bytes_give_fields_or_an_error(body: bytes, content_type: str | None) -> None:
    try:
        fields = read_either(base64.b64encode(body).decode(), content_type, encoded=True)
    except ServiceError as error:
        assert error.status == 400
    else:
        assert isinstance(fields, dict)
