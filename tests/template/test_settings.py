"""Environment variables: each one set is read, each one read is set, and wrong ones stop INIT."""

import re
from collections.abc import Mapping

import pytest
from aws_lambda_powertools.shared import constants
from verification.domain.limits import LimitName
from verification.errors import ConfigurationError
from verification.settings import Settings

from .initialise import Environment, build_providers, initialise, variables
from .loading import FUNCTIONS, references

POWERTOOLS = {
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
# Lambda's own: whether to prove that all is there, and tests/integration/test_proofs.py does.
LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_INITIALIZATION_TYPE"}
# A variable is named after what it refers to, but for these.
FIXED = {"POWERTOOLS_SERVICE_NAME": "verification"}
OTHER_NAMES = {
    f"{queue}Url": queue
    for queue in ("EndsQueue", "ResendQueue", "WebhooksDeadLetterQueue", "WebhooksQueue")
}
TRIED_ELSEWHERE = {"FOLLOWED_PROVIDERS", "LIMITS", "REPORTS_URL"}  # below, and in test_api.py

# Globals set these for all functions: these two have no clients, and others count nothing.
UNREAD = {
    "VerifyFunction": {"LIMITS"},
    "LookupFunction": {"LIMITS"},
    "DeleteFunction": {"LIMITS"},
    "ReportsFunction": {"BRAND", "DIRECTORY_TABLE", "LIMITS"},
    "TallyFunction": {"BRAND", "LIMITS"},
    "EventsFunction": {"BRAND", "DIRECTORY_TABLE", "LIMITS"},
    "WebhooksFunction": {"LIMITS", "SESSIONS_TABLE"},
}
# They are given a verifier's settings without an address for reports: they send nothing.
UNSET = {"VerifyFunction": {"REPORTS_URL"}, "DeleteFunction": {"REPORTS_URL"}}

# Each kind of provider that a stack can send by: of this template's, of the secret's settings.
EVERYTHING = {
    "Routes": "sms=messente,sns; sms:EE=messente-verify; voice=sandbox; email=ses",
    "EmailSender": "verify@example.org",
    "SandboxEnabled": "true",
}

each_function = pytest.mark.parametrize("function", FUNCTIONS)


@each_function
def test_a_function_reads_what_is_set_and_has_what_it_reads(function: str) -> None:
    environment = Environment(variables(function, **EVERYTHING))
    build_providers(initialise(function, environment))
    read = environment.asked - LAMBDA - UNSET.get(function, set())
    assert read == set(environment) - POWERTOOLS - UNREAD.get(function, set())


@each_function
def test_powertools_knows_its_variables_and_each_function_has_them(function: str) -> None:
    known = {value for value in vars(constants).values() if isinstance(value, str)}
    assert POWERTOOLS <= known
    found = FUNCTIONS[function]["Environment"]["Variables"]
    assert {name for name in found if name.startswith("POWERTOOLS_")} == POWERTOOLS


@each_function
def test_a_variable_has_the_value_it_is_named_after(function: str) -> None:
    for name, value in FUNCTIONS[function]["Environment"]["Variables"].items():
        if name in FIXED:
            assert value == FIXED[name]
        elif name not in TRIED_ELSEWHERE:
            camel = name.removeprefix("POWERTOOLS_").title().replace("_", "")
            assert list(references(value)) == [OTHER_NAMES.get(camel, camel)]


# The parameter of each limit.
LIMITS = {
    LimitName.DESTINATION_SENDS: "SendLimits",
    LimitName.DESTINATION_GUESSES: "GuessLimits",
    LimitName.SHORT_CODE_GUESSES: "ShortCodeGuessLimits",
    LimitName.IP_STARTS: "IpLimits",
    LimitName.CLIENT_STARTS: "ClientLimits",
    LimitName.COUNTRY_SENDS: "CountryLimits",
    LimitName.PREFIX_SENDS: "PrefixLimits",
    LimitName.CLIENT_MESSAGES: "ClientMessages",
    LimitName.STACK_MESSAGES: "StackMessages",
    LimitName.CLIENT_COST: "ClientCost",
    LimitName.STACK_COST: "StackCost",
}


@each_function
def test_each_limit_is_the_parameter_of_its_own(function: str) -> None:
    """And the other way round: none of them counts as another."""
    text = FUNCTIONS[function]["Environment"]["Variables"]["LIMITS"]["Fn::Sub"]
    assert dict(re.findall(r"(\w+)=\$\{(\w+)\}", text)) == LIMITS
    rules = [f"{n}/1d" for n in range(5, 12)] + [str(n) for n in range(12, 16)]
    written = dict(zip(LIMITS.values(), rules, strict=True))
    read = Settings(variables(function, **written)).limits
    counts = {name: [limit.count for limit in read.of(name)] for name in LIMITS}
    costs = {LimitName.CLIENT_COST: [140_000], LimitName.STACK_COST: [150_000]}
    assert counts == {name: [n] for n, name in enumerate(LIMITS, 5)} | costs


def test_by_default_people_are_protected_and_no_budget_is_set() -> None:
    limits = Settings(variables("StartFunction")).limits
    without = {name for name in LimitName if not limits.of(name)}
    assert without == {
        LimitName.COUNTRY_SENDS,
        LimitName.CLIENT_MESSAGES,
        LimitName.STACK_MESSAGES,
        LimitName.CLIENT_COST,
        LimitName.STACK_COST,
    }


@each_function
@pytest.mark.parametrize("parameters", [{}, EVERYTHING], ids=["the defaults", "all providers"])
def test_a_function_starts_with(function: str, parameters: dict[str, str]) -> None:
    assert callable(initialise(function, variables(function, **parameters))["handler"])


@pytest.mark.parametrize("function", ["StartFunction", "ResendFunction"])
@pytest.mark.parametrize(
    ("logs", "followed"),
    [("false", {"aws-sms", "aws-voice"}), ("true", {"aws-sms", "aws-voice", "sns"})],
)
def test_sends_are_followed_where_a_report_names_nothing_but_its_message(
    function: str, logs: str, followed: set[str]
) -> None:
    """EventBridge's events have no token of ours, nor have the logs of SNS: if there are any."""
    assert Settings(variables(function, SnsDeliveryLogs=logs)).followed == followed


# Parameters that their patterns let through, and the sentence at INIT that says what is wrong.
NONSENSE = [
    (
        {"Routes": "sms=carrier-pigeon"},
        "ROUTES sends sms by carrier-pigeon, but in this stack sms goes by aws-notify or aws-sms",
    ),
    (
        {"Routes": "sms=sns,sandbox"},
        "ROUTES sends sms by sandbox, but in this stack sms goes by aws-notify or aws-sms",
    ),
    (
        {"Routes": "sms=sns; sms:EE=ses"},
        "ROUTES sends sms by ses, but in this stack sms goes by aws-notify or aws-sms",
    ),
    (
        {"Routes": "email=ses"},
        "ROUTES sends email by ses, but in this stack email goes by messagebird-verify or webhook.",
    ),
    ({"Routes": "fax=sns"}, "ROUTES: 'fax=sns' at character 1 is not a route such as sms=sns"),
    (
        {"Routes": "sms=sns; sms=ses"},
        "ROUTES: 'sms=ses' at character 10 is the second of its kind",
    ),
    ({"Routes": "sms=sns,sns"}, "ROUTES: 'sms=sns,sns' at character 1 names a provider twice"),
    (
        {"Routes": "sms=sns; sms:XX=sns"},
        "ROUTES: 'sms:XX=sns' at character 10 is for XX, which is no country with phone numbers",
    ),
    ({"Routes": "email:EE=ses"}, "ROUTES: 'email:EE=ses' at character 1 is for e-mail, which has"),
    ({"SendLimits": "5/100000m"}, "LIMITS: destination_sends: '5/100000m' at character 1 is not"),
    ({"IpLimits": "5/1h 9/60m"}, "LIMITS: ip_starts: '9/60m' at character 6 is the second for its"),
    (
        {"CountryLimits": "EE=5/1h, EE=6/1h"},
        "LIMITS: 'country_sends:EE' is there twice.",
    ),
    ({"ClientCost": "0.0"}, "LIMITS: client_cost: '0.0' is not an amount of money such as 99.50."),
    ({"Countries": "EE XX"}, "COUNTRIES: 'XX' is not a country."),
    ({"RefusedNumberKinds": "pager beeper"}, "REFUSED_NUMBER_KINDS: 'beeper' is not one of fixed"),
    (
        {"GuardAllow": "EE 192.0.2.1/24"},
        "GUARD_ALLOW: '192.0.2.1/24' is no network such as 192.0.2.0/24, prefix such as +3725 or "
        "country such as EE.",
    ),
    (
        {"TestDestinations": "+31612345678=123456@2030-01-31"},
        "TEST_DESTINATIONS: test destination 1 is not in a range reserved for fiction.",
    ),
    (
        {"TestDestinations": "+12025550100=123456@soon"},
        "TEST_DESTINATIONS: test destination 1 needs a last day such as 2027-01-31.",
    ),
    (
        {"TestDestinations": "+12025550100=000000@2030-01-31"},
        "TEST_DESTINATIONS: test destination 1 needs a code of 4 to 16 digits, not all zeros.",
    ),
]


@pytest.mark.parametrize(("parameters", "sentence"), NONSENSE)
def test_nonsense_that_a_pattern_lets_through_stops_at_init(
    parameters: dict[str, str], sentence: str
) -> None:
    environment = variables("StartFunction", **parameters)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(sentence)}"):
        initialise("StartFunction", environment)


# What no parameter lets through, but an operator may put there by hand.
WRONG = {
    "LIMITS": [
        ("", "The environment variable LIMITS is not set."),
        ("destination_sends=5/10m", "LIMITS: destination_guesses is missing."),
        ("sends=5/10m", "LIMITS: 'sends' is none of destination_sends, destination_guesses, "),
        ("ip_starts=5/1h; ip_starts=6/1h", "LIMITS: 'ip_starts' is there twice."),
        ("ip_starts=EE=5/1h", "LIMITS: ip_starts: 'EE=5/1h' is not a limit such as 5/10m."),
        ("stack_messages=9.5", "LIMITS: stack_messages: '9.5' is not a number of messages."),
    ],
    "COUNTRIES": [("Estonia", "COUNTRIES: 'Estonia' is not a country.")],
    "REFUSED_NUMBER_KINDS": [
        ("premium_rate,voip", "REFUSED_NUMBER_KINDS: 'premium_rate,voip' is not one of fixed_line"),
    ],
    "GUARD_MODE": [
        ("", "The environment variable GUARD_MODE is not set."),
        ("Block", "GUARD_MODE must be one of off, monitor, block."),
    ],
    "WEBHOOK_NETWORKS": [
        ("10.1.0.1/16", "WEBHOOK_NETWORKS: '10.1.0.1/16' is not a network such as 10.1.0.0/16."),
    ],
    "GUARD_ALLOW": [("everybody", "GUARD_ALLOW: 'everybody' is no network such as ")],
}


@each_function
def test_nonsense_in_a_variable_stops_each_function_that_reads_it(function: str) -> None:
    known = variables(function)
    for variable in known.keys() & WRONG.keys() - UNREAD.get(function, set()):
        for value, sentence in WRONG[variable]:
            said = refusal(function, known | {variable: value})
            assert said.startswith(sentence)
            assert variable in said and said.endswith(".") and "\n" not in said


def refusal(function: str, environment: Mapping[str, str]) -> str:
    """What a function says that does not begin."""
    with pytest.raises(ConfigurationError) as stopped:
        initialise(function, environment)
    return str(stopped.value)
