"""Parameters: described, bounded, used, and wrong values refused before anything is deployed."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.guard import Mode
from verification.domain.limits import BUDGETS, LimitName
from verification.domain.policy import NUMBER_KINDS
from verification.errors import ConfigurationError
from verification.settings import Settings

from .initialise import variables
from .loading import STACK, TEMPLATE, references
from .test_settings import LIMITS

PARAMETERS = TEMPLATE["Parameters"]
# Why these may hold anything.
FREE = {"TestDestinations": "dates and ranges are no matter for a pattern; INIT checks them"}

each_parameter = pytest.mark.parametrize("name", PARAMETERS)


def allows(name: str, value: Any) -> bool:
    """Whether CloudFormation takes this value; it matches patterns from end to end."""
    parameter = PARAMETERS[name]
    if "AllowedValues" in parameter:
        return value in parameter["AllowedValues"]
    if parameter["Type"] == "Number":
        return bool(parameter["MinValue"] <= value <= parameter["MaxValue"])
    return bool(re.fullmatch(parameter["AllowedPattern"], value))


@each_parameter
def test_a_parameter_says_what_it_is_for(name: str) -> None:
    assert re.fullmatch(r"[A-Z].{19,}\.", PARAMETERS[name]["Description"].strip(), re.DOTALL)


@each_parameter
def test_a_parameter_has_bounds_and_a_default_within_them(name: str) -> None:
    if name in FREE:
        assert PARAMETERS[name]["Default"] == ""
    else:
        assert allows(name, PARAMETERS[name]["Default"])


def test_each_parameter_is_used_and_each_condition_too() -> None:
    parts = {part: value for part, value in STACK.items() if part != "Parameters"}
    assert set(PARAMETERS) <= set(references(parts))
    text = str(STACK["Resources"])
    for condition in STACK["Conditions"]:
        assert f"'Fn::If': ['{condition}'" in text or f"'Condition': '{condition}'" in text


def test_only_what_holds_codes_is_hidden() -> None:
    hidden = {name for name, parameter in PARAMETERS.items() if parameter.get("NoEcho")}
    assert hidden == {"TestCode", "TestDestinations"}


A_ROUTE = st.tuples(
    st.sampled_from(["sms", " voice ", "email", "fax"]),
    st.sampled_from(["", ":EE", " : XX ", ":+1", ": +37256 "]),
    st.sampled_from(["=", " = "]),
    st.lists(st.sampled_from(["sns", "ses ", " webhook-2"]), min_size=1, max_size=3).map(",".join),
)
TAKEN: dict[str, list[Any]] = {
    "Stage": ["prod", "v1"],
    "Brand": ["Shop", "Brand & Söhne", "x" * 20],
    "Routes": [
        "sms=sns",
        "sms=sns, sandbox;voice=sandbox ; email=ses;",
        " email = ses ",
        "sms=messente,messagebird,sns; sms:+1=aws-sms; sms:EE=messente; voice=aws-voice; email=ses",
        "sms : EE = webhook-acme2 , sns ; sms: +372 =sns",
        "sms:+123456789012345=sns",
        "whatsapp=messente;viber=messente;totp=verigator",
    ],
    "SmsSenderId": ["", "A", "Shop", "My-Shop-123"],
    "EmailSender": ["", "verify@example.org"],
    "EmailConfigurationSet": ["", "my_set-1"],
    "SendLimits": ["5/10m", "5/10m 10/24h 100/30d", " 1/1s "],
    "CountryLimits": [
        "",
        "100/1h",
        "100/1h, EE=5000/1h",
        "EE=5000/1h 20000/24h,LV=1/1s",
        " EE = 5/1h , 6/1h ",
    ],
    "Countries": ["", "EE", "EE LV LT"],
    "RefusedNumberKinds": ["", "premium_rate", "premium_rate shared_cost voip unknown"],
    "WebhookNetworks": ["", "10.1.0.0/16", "10.1.0.0/16 fd12:3456::/32"],
    "GuardAllow": [
        "",
        "EE",
        "+3725",
        "192.0.2.0/24",
        "192.0.2.7",
        "2001:db8::/32 192.0.2.0/24 +3725 EE",
        "2001:DB8::/32",
    ],
    "MetricsNamespace": ["Shop/Verify"],
    "AlarmTopicArn": ["", "arn:aws:sns:eu-west-1:123456789012:alarms"],
    "MemorySize": [128, 3008],
    "RetentionHours": [1, 8760],
    "TestCode": ["", "0001", "246810", "1234567890123456"],
    "TrustedDeviceDays": [0, 365],
    "DomainName": ["", "verify.example.com", "xn--bcher-kva.example"],
    "CertificateArn": ["", "arn:aws:acm:eu-west-1:123456789012:certificate/12ab-34cd"],
    "PublicUrl": ["", "https://verify.example.com", "http://127.0.0.1:4566/a/b-c/local"],
}
REFUSED: dict[str, list[Any]] = {
    "Stage": ["", "Prod", "my-stage", "1st", "x" * 17, "prod/"],
    "Brand": ["", " ", " Shop", "x" * 21, "{code}", "two\nlines"],
    "Routes": [
        *("", " ", ";", ";sms=sns", "sms", "sms=", "=sns", "sms:=sns", "SMS=sns", "sms=SNS"),
        *("sms=sns email=ses", "sms=sns,,ses", "sms=sns,", "sms=,sns", "sms=2sns", "sms=-sns"),
        *("sms:1=sns", "sms:+=sns", "sms:+0=sns", "sms:+1234567890123456=sns", "sms:+ 1=sns"),
        *("sms:ee=sns", "sms:EST=sns", "sms:E=sns", "sms:EE,LV=sns", "sms:EE:+372=sns"),
        *("sms=sns\n", "sms=sns\tses", "sms=söns", "sms=sns=ses", "sms=sns;voice"),
    ],
    "SmsSenderId": ["twelve-chars", "My Shop", "Söhne", "-Shop", "Shop-", "-"],
    "EmailSender": ["verify", "Verify <verify@example.org>", "a b@example.org", "a@b@example.org"],
    "EmailConfigurationSet": ["my set", "x" * 65],
    "SendLimits": ["", "5", "5/10", "0/10m", "5/0m", "-5/10m", "5/10w", "5/10m,10/24h", "5 / 10m"],
    "CountryLimits": [
        *(" ", "EE", "EE=", "=5/1h", "ee=5/1h", "EST=5/1h", "EE=LV=5/1h", "EE:5/1h"),
        *("5/1h,", ",5/1h", "5/1h;6/1h", "5/1h EE=6/1h", "EE=0/1h", "EE=5/1w"),
    ],
    "Countries": [" ", "ee", "EST", "EE,LV", "EE  LV", " EE", "EE ", "E", "+372"],
    "RefusedNumberKinds": [" ", "VOIP", "voip,pager", "voip  pager", " voip", "toll free ", "1"],
    "GuardMode": ["", "Off", "false", "warn"],
    "GuardAllow": [" ", "EE,LV", "EE  LV", " EE", "192.0.2.0-9", "example.org", "192.0.2.*"],
    "WebhookNetworks": [" ", "10.1.0.0", "10.1.0.0/16, 10.2.0.0/16", "example.org/16", "10.1.0.0/"],
    "MetricsNamespace": ["", "Shop Verify", "x" * 256],
    "AlarmTopicArn": ["alarms", "arn:aws:sqs:eu-west-1:123456789012:alarms"],
    "MemorySize": [127, 3009],
    "RetentionHours": [0, 8761],
    "LogRetentionDays": [0, 2],
    "SandboxEnabled": ["True", "yes", ""],
    "TestCode": ["0000", "123", "12345678901234567", "12a456", " 246810"],
    "TrustedDeviceDays": [-1, 366],
    "DomainName": [
        "example",
        "Verify.example.com",
        "verify.example.com.",
        "-a.com",
        "a b.com",
        "*.a.com",
    ],
    "CertificateArn": ["certificate/1", "arn:aws:iam::123456789012:server-certificate/x"],
    "PublicUrl": [
        "verify.example.com",
        "https://",
        "https://a/",
        "https://a?b",
        "ftp://a",
        "https://a b",
    ],
}
for other in ("GuessLimits", "ShortCodeGuessLimits"):
    TAKEN[other] = ["5/10m", "5/10m 10/24h 100/30d", " 9/1s "]
    REFUSED[other] = ["4/10m", "50/24h 1/1h", *REFUSED["SendLimits"]]  # a start reserves five
for other in ("IpLimits", "ClientLimits", "PrefixLimits"):
    TAKEN[other] = ["", *TAKEN["SendLimits"]]
    REFUSED[other] = [" ", "EE=5/10m", "5/10m;", *filter(None, REFUSED["SendLimits"])]
for other in ("ClientMessages", "StackMessages"):
    TAKEN[other] = ["", "1", "9999999"]
    REFUSED[other] = ["0", "05", "-1", "9.5", "10000000", "100/1d", "1000 ", "1,000"]
for other in ("ClientCost", "StackCost"):
    TAKEN[other] = ["", "1", "0.01", "99.50", "250", "9999999.9999"]
    REFUSED[other] = ["-1", ".5", "5.", "9,50", "EUR 5", "1.00001", "10000000", "1e3", "1 "]


@pytest.mark.parametrize("name", TAKEN)
def test_a_parameter_takes(name: str) -> None:
    assert [value for value in TAKEN[name] if not allows(name, value)] == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_parameter_refuses(name: str) -> None:
    assert [value for value in REFUSED[name] if allows(name, value)] == []


@pytest.mark.parametrize("text", TAKEN["Routes"])
def test_routes_that_are_taken_are_understood(text: str) -> None:
    rules = Settings({"ROUTES": text}).routes.rules
    assert len(rules) == len([route for route in text.split(";") if route.strip()])


@given(st.lists(A_ROUTE.map("".join), min_size=1, max_size=4).map("; ".join))
def test_any_routes_that_are_taken_are_understood_or_refused_with_the_place(text: str) -> None:
    """Such as what is no channel, no country, or there twice: a pattern cannot know."""
    assert allows("Routes", text)
    try:
        assert Settings({"ROUTES": text}).routes.rules
    except ConfigurationError as error:
        assert re.search(r"^ROUTES: '.*' at character \d+ (is|names) ", str(error))


@pytest.mark.parametrize("limit", LIMITS)
def test_limits_that_are_taken_are_understood(limit: LimitName) -> None:
    """As they stand in the one text that the template makes of them all."""
    for text in TAKEN[LIMITS[limit]]:
        rules = Settings(variables("StartFunction", **{LIMITS[limit]: text})).limits.rules
        read = [one for key, of in rules.items() if key.partition(":")[0] == limit for one in of]
        assert len(read) == (bool(text) if limit in BUDGETS else text.count("/"))


A_COUNTRYS_LIMIT = st.tuples(
    st.sampled_from(["", "EE=", " LV = ", "XX="]),
    st.lists(st.sampled_from(["5/1h", "5/10m", "1000000000/1s"]), min_size=1).map(" ".join),
)


@given(st.lists(A_COUNTRYS_LIMIT.map("".join), min_size=1, max_size=4).map(", ".join))
def test_any_limits_that_are_taken_are_understood_or_refused_by_name(text: str) -> None:
    """Such as what is there twice, or too much: a pattern cannot know."""
    assert allows("CountryLimits", text)
    try:
        assert Settings(variables("StartFunction", CountryLimits=text)).limits.rules
    except ConfigurationError as error:
        words = "'?country_sends.* (twice|its window|as 5/10m)|'XX' is not a country"
        assert re.search(f"^LIMITS: ({words})[.]$", str(error))


@pytest.mark.parametrize("text", TAKEN["Countries"])
def test_countries_that_are_taken_are_understood(text: str) -> None:
    assert Settings({"COUNTRIES": text}).countries == set(text.split())


@pytest.mark.parametrize("text", TAKEN["RefusedNumberKinds"])
def test_kinds_of_numbers_that_are_taken_are_understood(text: str) -> None:
    assert Settings({"REFUSED_NUMBER_KINDS": text}).refused_kinds == set(text.split())


def test_the_kinds_of_numbers_in_the_description_are_those_there_are() -> None:
    words = re.findall("[a-z_]+", PARAMETERS["RefusedNumberKinds"]["Description"])
    assert [word for word in words if word in NUMBER_KINDS] == [*NUMBER_KINDS]


@pytest.mark.parametrize("text", TAKEN["GuardAllow"])
def test_what_the_guard_should_let_through_is_understood(text: str) -> None:
    assert len(Settings({"GUARD_ALLOW": text}).guard_allow.words) == len(text.split())


@pytest.mark.parametrize("text", TAKEN["WebhookNetworks"])
def test_networks_of_webhooks_that_are_taken_are_understood(text: str) -> None:
    assert Settings({"WEBHOOK_NETWORKS": text}).webhook_networks == set(text.split())


def test_the_guards_modes_are_those_there_are() -> None:
    assert PARAMETERS["GuardMode"]["AllowedValues"] == [*Mode]


def test_each_pattern_is_tried() -> None:
    patterns = {name for name, parameter in PARAMETERS.items() if "AllowedPattern" in parameter}
    assert patterns <= TAKEN.keys() & REFUSED.keys()
