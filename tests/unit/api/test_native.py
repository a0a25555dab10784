"""The fields of the native API: each with its bounds, each fault naming its field."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from verification.api.native import lookup, resend, start, verify
from verification.api.native.lookup import ListCommand, read_list, read_lookup
from verification.api.native.resend import read_resend
from verification.api.native.start import read_start
from verification.api.native.verify import read_verify
from verification.domain.destination import Destination
from verification.domain.verification import Channel, Details
from verification.errors import FieldFault, InvalidFields
from verification.operations.start import StartCommand
from verification.operations.verify import VerifyCommand

from tests.fakes.calls import SHOP, call

NUMBER = "+31612345678"
URL = "https://verify.example.com/v1x"
BACK = "https://shop.example/back"
Readers = Mapping[str, tuple[Callable[[Mapping[str, Any]], object], dict[str, Any]]]
READERS: Readers = {
    "start": (lambda fields: read_start(call(fields), URL), {"to": NUMBER}),
    "verify": (lambda fields: read_verify(call(fields)), {"code": "123456"}),
    "resend": (lambda fields: read_resend(call(fields)), {}),
    "lookup": (lambda fields: read_lookup(call(fields)), {}),
    "list": (lambda fields: read_list(call(fields)), {"to": NUMBER}),
}


def read(operation: str, fields: Mapping[str, Any]) -> Any:
    reader, least = READERS[operation]
    return reader({**least, **fields})


def faults(operation: str, fields: Mapping[str, Any]) -> list[FieldFault]:
    with pytest.raises(InvalidFields) as refused:
        read(operation, fields)
    return list(refused.value.faults)


def test_a_start_has_the_documented_defaults() -> None:
    assert read("start", {}) == StartCommand(
        client=SHOP,
        to=Destination(NUMBER, "NL"),
        channel=Channel.SMS,
        code_length=6,
        validity=300,
        max_attempts=5,
        max_sends=5,
        request=b'{"to":"+31612345678"}',
    )


ACCEPTED: dict[str, list[tuple[str, list[Any]]]] = {
    "start": [
        ("to", ["0612345678"]),
        ("code_length", [4, 16]),
        ("validity", [30, 172_800]),
        ("max_attempts", [1, 10]),
        ("max_sends", [1, 10]),
        ("channel", ["sms", "voice", "whatsapp", "viber", "totp", None]),
        ("channels", [["sms", "voice"], ["viber", "totp", "whatsapp", "sms", "voice"], None]),
        ("resend_after", [15, 299, None]),
        ("country", ["NL", None]),
        ("template", ["x", "{code}" + "x" * 1994, "two\nlines {code}", None]),
        ("locale", ["de", "pt-BR", "zh_Hant_TW", None]),
        ("sender", ["A", "Shop", "My-Shop-1", "3M", "+3197010", "+" + "1" * 15, None]),
        ("subject", ["x", "x" * 150, None]),
        ("webotp_domain", ["x", "x" * 253, None]),
        ("android_hash", ["x", "FA+9qCX9VSu", None]),
        ("purpose", ["x", "x" * 64, None]),
        ("reference", ["x", "x" * 128, "\u00e9\U0001f600", None]),
        ("metadata", [{}, {"a": "b"}, {str(n) * 64: "x" * 256 for n in range(10)}, None]),
        ("ip", ["192.0.2.1", "2001:db8::1", None]),
        ("user_agent", ["x", "x" * 512, None]),
        (
            "page",
            [{"return_url": BACK}, {"return_url": BACK.ljust(500, "x"), "webotp": False}, None],
        ),
    ],
    "verify": [
        ("code", ["1234", "1" * 16, "123 456", "12-34"]),
        ("to", [NUMBER, "ann@example.com", None]),
        ("country", ["NL", None]),
        ("purpose", ["x", "x" * 64, None]),
    ],
    "resend": [("channel", [*Channel, None])],
    "lookup": [("masked", ["true", "false", True, False]), ("result", ["x", "x" * 64])],
    "list": [
        ("to", [NUMBER, "0612345678"]),
        ("country", ["NL", None]),
        ("limit", ["1", "50", 1, 50]),
        ("cursor", ["x", "x" * 64, None]),
        ("masked", ["true", "false"]),
    ],
}


@pytest.mark.parametrize(
    ("operation", "field", "value"),
    [
        (operation, field, value)
        for operation, fields in ACCEPTED.items()
        for field, values in fields
        for value in values
    ],
)
def test_a_field_takes_its_lowest_and_highest_value(operation: str, field: str, value: Any) -> None:
    country = {"country": "NL"} if value == "0612345678" else {}
    read(operation, {field: value} | country)


def test_every_field_is_in_the_table() -> None:
    models: dict[str, type[BaseModel]] = {
        "start": start.StartFields,
        "verify": verify.VerifyFields,
        "resend": resend.ResendFields,
        "lookup": lookup.LookupFields,
        "list": lookup.ListFields,
    }
    for operation, model in models.items():
        assert {field for field, _ in ACCEPTED[operation]} == set(model.model_fields)


def between(lowest: int, highest: int) -> list[tuple[Any, str]]:
    """What a whole number refuses, and the bound that each fault names."""
    return [
        (lowest - 1, f"should be greater than or equal to {lowest}"),
        (-(10**30), f"should be greater than or equal to {lowest}"),
        (highest + 1, f"should be less than or equal to {highest}"),
        (10**30, f"should be less than or equal to {highest}"),
        (str(lowest), "should be a valid integer"),
        (float(lowest), "should be a valid integer"),
        (True, "should be a valid integer"),
        ([lowest], "should be a valid integer"),
    ]


def line(longest: int, controls: str = "may hold no control characters") -> list[tuple[Any, str]]:
    """What a text refuses, and the bound that each fault names."""
    wrong: list[tuple[Any, str]] = [
        ("", "at least 1 character"),
        ("x" * (longest + 1), f"at most {longest} characters"),
        (7, "should be a valid string"),
        (True, "should be a valid string"),
        (["x"], "should be a valid string"),
        ({"x": "x"}, "should be a valid string"),
        ("\ud800x", "should be a valid string"),
    ]
    return wrong + [(text, controls) for text in ("\x00x", "x\n", "x\x7f", "\x1b[2J")]


NOT_NULL: list[tuple[Any, str]] = [(None, "should be a valid")]
COUNTRY: list[tuple[Any, str]] = [
    ("N", "should match pattern"),
    ("NLD", "at most 2 characters"),
    ("nl", "should match pattern"),
    ("1A", "should match pattern"),
    (31, "should be a valid string"),
]
ONE_OF = "should be 'sms', 'voice', 'email', 'whatsapp', 'viber' or 'totp'"
CHANNEL: list[tuple[Any, str]] = [
    ("fax", ONE_OF),
    ("SMS", ONE_OF),
    ("", ONE_OF),
    (1, ONE_OF),
    (["sms"], ONE_OF),
]
FOR_A_NUMBER = "should be sms or voice or whatsapp or viber or totp for this destination"
CHANNELS: list[tuple[Any, str]] = [
    ("sms", "should be a valid list"),
    ({"sms": "voice"}, "should be a valid list"),
    ([], "at least 2 items"),
    (["sms"], "at least 2 items"),
    ([*Channel, "sms"], "at most 6 items"),
    (["sms", "fax"], ONE_OF),
    (["sms", None], ONE_OF),
    (["sms", "voice", "sms"], "should name each channel once"),
    (["sms", "email"], FOR_A_NUMBER),
]
SENDER: list[tuple[Any, str]] = [
    (wrong, "or 1 to 11 letters, digits and hyphens with a letter among them")
    for wrong in (
        *("ABCDEFGHIJKL", "12345", "1-2", "Sh\u00f6p", "A!", "+31x", "+" + "1" * 16, "+"),
        *("-", " - ", "My Shop", "-Shop", "Shop-"),
    )
]
METADATA: list[tuple[Any, str]] = [
    ("x", "should be a valid dictionary"),
    (["x"], "should be a valid dictionary"),
    ({str(n): "x" for n in range(11)}, "at most 10 items"),
    ({"": "x"}, "at least 1 character"),
    ({"x" * 65: "x"}, "at most 64 characters"),
    ({"x": ""}, "at least 1 character"),
    ({"x": "y" * 257}, "at most 256 characters"),
    ({"x": 1}, "should be a valid string"),
    ({"x": None}, "should be a valid string"),
    ({"x": {"y": "z"}}, "should be a valid string"),
    ({"x\n": "y"}, "may hold no control characters"),
    ({"x": "y\x00"}, "may hold no control characters"),
    ({"\ud800": "y"}, "should be a valid string"),
]
TIMES: list[tuple[Any, str]] = [
    (300, "should be less than validity, 300"),
    (172_800, "should be less than validity, 300"),
]

REFUSED: dict[str, list[tuple[str, list[tuple[Any, str]]]]] = {
    "start": [
        ("to", line(320) + NOT_NULL),
        ("code_length", between(4, 16) + NOT_NULL),
        ("validity", between(30, 172_800) + NOT_NULL),
        ("max_attempts", between(1, 10) + NOT_NULL),
        ("max_sends", between(1, 10) + NOT_NULL),
        ("channel", CHANNEL),
        ("channel", [("email", FOR_A_NUMBER)]),
        ("channels", CHANNELS),
        ("resend_after", between(15, 172_800) + TIMES),
        ("country", COUNTRY),
        ("template", line(2000)[:-4]),  # it may hold newlines; the rest is refused with the message
        (
            "locale",
            line(35, "should match pattern")
            + [(x, "should match pattern") for x in ("d", "de-", "-", "de DE")],
        ),
        ("sender", line(320) + SENDER),
        ("subject", line(150)),
        ("webotp_domain", line(253)),
        ("android_hash", line(11)),
        ("purpose", line(64)),
        ("reference", line(128)),
        ("metadata", METADATA),
        (
            "ip",
            [
                (x, "IPv4 or IPv6 address")
                for x in ("x", "192.0.2.256", "192.0.2.1/24", "fe80::1%eth0")
            ],
        ),
        ("ip", [(1, "should be a valid string"), ("", "at least 1"), ("1" * 46, "at most 45")]),
        ("user_agent", line(512)),
        (
            "page",
            [
                ("x", "should be a valid dictionary"),
                ({}, "Field required"),
                ({"return_url": ""}, "at least 1 character"),
                ({"return_url": BACK.ljust(501, "x")}, "at most 500 characters"),
                ({"return_url": "http://shop.example/"}, "should be one that is https"),
                ({"return_url": BACK, "webotp": "no"}, "should be a valid boolean"),
                ({"return_url": BACK, "colour": 1}, "Extra inputs are not permitted"),
            ],
        ),
    ],
    "verify": [
        ("code", line(64) + NOT_NULL),
        ("code", [(x, "should be 4 to 16 digits") for x in ("123", "1" * 17, "12345a", "----")]),
        ("to", [*line(320), ("0612345678", "needs a + and the country code")]),
        ("country", COUNTRY),
        ("purpose", line(64)),
    ],
    "resend": [("channel", CHANNEL)],
    "lookup": [
        ("masked", [("maybe", "should be a valid boolean"), ("", "valid boolean")]),
        ("result", line(64)),
    ],
    "list": [
        ("to", [*line(320), *NOT_NULL, ("0612345678", "needs a + and the country code")]),
        ("country", COUNTRY),
        (
            "limit",
            [
                ("0", "should be greater than or equal to 1"),
                ("51", "should be less than or equal to 50"),
                ("9" * 1000, ""),
                ("x", "should be a valid integer"),
                ("1.5", "should be a valid integer"),
                ("", "should be a valid integer"),
            ],
        ),
        ("cursor", line(64)),
        ("masked", [("maybe", "should be a valid boolean")]),
    ],
}


@pytest.mark.parametrize(
    ("operation", "field", "value", "bound"),
    [
        pytest.param(operation, field, value, bound, id=f"{operation}-{field}-{number}")
        for operation, fields in REFUSED.items()
        for field, cases in fields
        for number, (value, bound) in enumerate(cases)
    ],
)
def test_a_field_out_of_bounds_is_named_with_its_bound_and_not_repeated(
    operation: str, field: str, value: Any, bound: str
) -> None:
    (fault,) = faults(operation, {field: value})
    assert fault.field.split(".")[0] == field
    assert bound in fault.message
    assert fault.field.isascii() and fault.field.isprintable() and len(fault.field) <= 64
    for part in value.values() if isinstance(value, dict) else [value]:
        if len(str(part)) > 3:
            assert str(part) not in fault.message or str(part) in bound


@pytest.mark.parametrize("operation", READERS)
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("code_lenght", "code_lenght"),
        ("Masked", "Masked"),
        ("", "body"),
        ("x" * 1000, "x" * 64),
        ("\u00e9", "?"),
        ("a.b", "a.b"),
    ],
)
def test_an_unknown_field_is_refused(operation: str, name: str, shown: str) -> None:
    (fault,) = faults(operation, {name: "the value"})
    assert (fault.field, fault.message) == (shown, "Extra inputs are not permitted")


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: b", "\x00", "\x1b[2J", "\ud800"])
def test_the_name_of_an_unknown_field_comes_back_printable(name: str) -> None:
    (fault,) = faults("start", {name: 1})
    assert fault.field.isprintable()


def test_a_flood_of_unknown_fields_is_answered_in_brief() -> None:
    assert len(faults("start", {f"x{n}": 1 for n in range(1000)})) == 20


@pytest.mark.parametrize(
    ("operation", "field"), [("start", "to"), ("verify", "code"), ("list", "to")]
)
def test_a_field_that_must_be_there_is_named(operation: str, field: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        READERS[operation][0]({})
    assert refused.value.faults == (FieldFault(field, "Field required"),)


def test_several_faults_are_told_at_once() -> None:
    found = faults("start", {"code_length": 3, "validity": 1, "x": 1})
    assert [fault.field for fault in found] == ["code_length", "validity", "x"]


def test_a_start_carries_what_it_was_given() -> None:
    command = read_start(
        call(
            {
                "to": "Ann@Example.com",
                "code_length": 8,
                "resend_after": 60,
                "template": "{code}\nhi",
                "sender": "shop@example.org",
                "metadata": {"order": "7"},
                "ip": "2001:0db8::0001",
                "locale": "de",
                "purpose": "login",
                "reference": "r-1",
            },
            idempotency_key="k-1",
        )
    )
    assert (command.to, command.channel) == (Destination("ann@example.com"), Channel.EMAIL)
    assert (command.code_length, command.resend_after) == (8, 60)
    assert command.details == Details(
        metadata={"order": "7"},
        ip="2001:db8::1",
        template="{code}\nhi",
    )
    assert command.sender == "shop@example.org"
    assert (command.locale, command.purpose, command.reference) == ("de", "login", "r-1")
    assert command.idempotency_key == "k-1"


@pytest.mark.parametrize(
    ("fields", "bound"),
    [
        ({}, "verify.example.com"),
        ({"channel": "voice"}, "verify.example.com"),  # it may be sent again by SMS
        ({"webotp_domain": "shop.example"}, "shop.example"),
        ({"android_hash": "FA+9qCX9VSu"}, None),
        ({"page": {"return_url": BACK, "webotp": False}}, None),
        ({"to": "ann@example.com"}, None),
    ],
)
def test_the_sms_of_a_page_is_bound_to_its_host(fields: dict[str, Any], bound: str | None) -> None:
    details = read("start", {"page": {"return_url": "HTTPS://SHOP.example/back"}} | fields).details
    assert (details.return_url, details.webotp_domain) == (BACK, bound)


def test_an_sms_cannot_be_bound_to_an_address_of_numbers() -> None:
    fields = {"to": NUMBER, "page": {"return_url": BACK}}
    command = read_start(call(fields), "http://127.0.0.1:4566/_aws/execute-api/x/local")
    assert command.details == Details(return_url=BACK)


def test_without_an_address_of_ours_there_is_no_page() -> None:
    with pytest.raises(InvalidFields) as refused:
        read_start(call({"to": NUMBER, "page": {"return_url": BACK}}))
    (fault,) = refused.value.faults
    assert fault.field == "page" and "PublicUrl or DomainName" in fault.message


def test_a_sender_alone_needs_no_item_beside() -> None:
    command = read("start", {"sender": "Shop"})
    assert (command.sender, command.details) == ("Shop", None)


def test_no_field_sets_what_only_other_apis_have() -> None:
    command = read("start", {"sender": "Shop", "resend_after": 60, "template": "{code}"})
    assert (command.flash, command.voice, command.device) == (False, None, None)
    assert (command.test_code, command.brand) == (None, None)
    for name in ("flash", "voice", "device", "test_code", "automatic_sends", "brand"):
        (fault,) = faults("start", {name: "1"})
        assert fault == FieldFault(name, "Extra inputs are not permitted")


@pytest.mark.parametrize(
    ("fields", "automatic"),
    [
        ({}, 0),
        ({"resend_after": None}, 0),
        ({"resend_after": 60}, 1),
        ({"resend_after": 60, "max_sends": 10}, 1),
        ({"channel": "voice"}, 0),
        ({"channels": ["sms", "voice"]}, 1),
        ({"channels": ["sms", "voice", "viber"]}, 2),
        ({"channels": ["sms", "voice", "viber"], "resend_after": 60}, 2),
        ({"channels": ["sms", "voice", "viber"], "max_sends": 2}, 2),  # start leaves what fits
        ({"channels": ["viber", "totp", "whatsapp", "sms", "voice"]}, 4),
    ],
)
def test_each_other_channel_is_one_automatic_send_else_resend_after_is_one(
    fields: dict[str, Any], automatic: int
) -> None:
    assert read("start", fields).automatic_sends == automatic


def test_the_order_of_fields_makes_no_other_request() -> None:
    one = read_start(call({"to": NUMBER, "metadata": {"a": "1", "b": "2"}}))
    other = read_start(call({"metadata": {"b": "2", "a": "1"}, "to": NUMBER}))
    third = read_start(call({"metadata": {"b": "1", "a": "2"}, "to": NUMBER}))
    assert one.request == other.request != third.request


@pytest.mark.parametrize(
    ("sender", "fits"),
    [
        ("shop@example.org", True),
        ("Shop", False),
        ("+3197010", False),
        ("a@b@c", False),
        ("@example.org", False),
        ("shop@", False),
        ("shop shop@example.org", False),
        ("a@b,c@d", False),
        ("<shop@example.org>", False),
    ],
)
def test_an_email_comes_from_an_address(sender: str, fits: bool) -> None:
    fields = {"to": "ann@example.com", "sender": sender}
    if fits:
        assert read("start", fields).sender == sender
    else:
        assert [fault.field for fault in faults("start", fields)] == ["sender"]


def test_the_first_of_the_channels_begins_and_the_others_follow_in_order() -> None:
    command = read("start", {"channels": ["voice", "viber", "sms"]})
    assert command.channel == Channel.VOICE
    assert command.fallback == (Channel.VIBER, Channel.SMS)
    assert read("start", {"channel": "voice"}).fallback == ()


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"channel": "sms", "channels": ["sms", "voice"]},
            FieldFault("channels", "takes the place of channel: give one of the two"),
        ),
        (
            {"channels": ["sms", "voice"], "max_sends": 1},
            FieldFault("max_sends", "should be 2 or more with resend_after or channels"),
        ),
        (
            {"resend_after": 60, "max_sends": 1},
            FieldFault("max_sends", "should be 2 or more with resend_after or channels"),
        ),
    ],
)
def test_what_does_not_go_together_is_named(fields: dict[str, Any], fault: FieldFault) -> None:
    assert faults("start", fields) == [fault]


@pytest.mark.parametrize("channel", ["sms", "voice"])
def test_an_address_takes_email_only(channel: str) -> None:
    (fault,) = faults("start", {"to": "ann@example.com", "channel": channel})
    assert fault == FieldFault("channel", "should be email for this destination")


def test_a_guess_carries_what_it_was_given() -> None:
    fields = {"code": " 123-456 ", "to": "0612345678", "country": "NL", "purpose": "login"}
    assert read_verify(call(fields, "an id", "k-1")) == VerifyCommand(
        "shop", "an id", "123456", NUMBER, "login", "k-1"
    )
    assert read_verify(call({"code": "1234"}, "an id")) == VerifyCommand("shop", "an id", "1234")


def test_a_resend_may_name_a_channel() -> None:
    assert read("resend", {}) is None
    assert read("resend", {"channel": "voice"}) == Channel.VOICE


def test_a_list_carries_what_it_was_given() -> None:
    assert read("list", {}) == ListCommand(NUMBER, 20, None, False)
    fields = {"to": " 31612345678", "limit": "7", "cursor": "c", "masked": "true"}
    assert read("list", fields) == ListCommand(NUMBER, 7, "c", True)  # a + that was not escaped


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)
NAMES = st.sampled_from([field for fields in ACCEPTED.values() for field, _ in fields]) | st.text()


@given(st.sampled_from(list(READERS)), st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_fields_give_a_command_or_named_faults(operation: str, fields: dict[str, Any]) -> None:
    try:
        read(operation, fields)
    except InvalidFields as refused:
        assert refused.faults
