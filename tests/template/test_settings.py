"""Environment variables: each one set is read, each one read is set, and wrong ones stop INIT."""

import re

import pytest
from aws_lambda_powertools.shared import constants
from verification.errors import ConfigurationError
from verification.settings import Settings

from .initialise import Environment, build_providers, initialise, variables
from .loading import FUNCTIONS, references

POWERTOOLS = {
    "POWERTOOLS_LOG_LEVEL",
    "POWERTOOLS_METRICS_NAMESPACE",
    "POWERTOOLS_SERVICE_NAME",
}
# A variable is named after what it refers to, but for these.
FIXED = {"POWERTOOLS_SERVICE_NAME": "verification"}
OTHER_NAMES = {"ResendQueueUrl": "ResendQueue"}
TRIED_ELSEWHERE = {"FOLLOWED_PROVIDERS", "REPORTS_URL"}  # below, and in test_api.py

# It has no clients; Globals set these for all functions.
UNREAD = {"ReportsFunction": {"BRAND", "DIRECTORY_TABLE"}}
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
    read = environment.asked - UNSET.get(function, set())
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
    ({"SendLimits": "5/100000m"}, "SEND_LIMITS: destination_sends: '5/100000m' at character 1"),
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
