"""Settings: a missing or wrong one stops with a sentence that names its variable."""

from collections.abc import Callable

import pytest
from verification.domain.guard import Mode
from verification.domain.limits import Limit, Limits
from verification.domain.verification import Channel
from verification.errors import ConfigurationError
from verification.settings import Settings

LIMITS = (
    "destination_sends=5/10m 10/24h; destination_guesses=50/24h; "
    "destination_short_code_guesses=20/24h"
)
ENVIRON = {
    "BRAND": "Shop",
    "COUNTRIES": "EE  NL",
    "FOLLOWED_PROVIDERS": "aws-sms  aws-voice",
    "GUARD_ALLOW": "192.0.2.0/24 +3725 EE",
    "GUARD_MODE": "block",
    "LIMITS": LIMITS,
    "REFUSED_NUMBER_KINDS": "premium_rate voip",
    "RETENTION_HOURS": "24",
    "ROUTES": "sms=sns",
    "TEST_DESTINATIONS": "+12025550100=123456@2027-01-31",
    "TRUSTED_DEVICE_DAYS": "30",
}


def test_settings_are_read_from_the_environment() -> None:
    settings = Settings(ENVIRON)
    assert settings.brand == "Shop"
    assert settings.retention_seconds == 86_400
    assert settings.routes.providers(Channel.SMS, "+31612345678", "NL") == ("sns",)
    assert settings.followed == {"aws-sms", "aws-voice"}
    assert settings.limits == Limits(
        {
            "destination_sends": (
                Limit("destination_sends", "5/10m", 5, 600),
                Limit("destination_sends", "10/24h", 10, 86_400),
            ),
            "destination_guesses": (Limit("destination_guesses", "50/24h", 50, 86_400),),
            "destination_short_code_guesses": (
                Limit("destination_short_code_guesses", "20/24h", 20, 86_400),
            ),
        }
    )
    assert settings.countries == {"EE", "NL"}
    assert settings.refused_kinds == {"premium_rate", "voip"}
    assert settings.guard_mode == Mode.BLOCK
    assert settings.guard_allow.words == {"192.0.2.0/24", "+3725", "EE"}
    assert list(settings.test_destinations) == ["+12025550100"]
    assert settings.trusted_device_seconds == 30 * 86_400
    assert settings.optional("BRAND") == "Shop"


READERS: dict[str, Callable[[Settings], object]] = {
    "BRAND": lambda settings: settings.brand,
    "GUARD_MODE": lambda settings: settings.guard_mode,
    "LIMITS": lambda settings: settings.limits,
    "RETENTION_HOURS": lambda settings: settings.retention_seconds,
    "ROUTES": lambda settings: settings.routes,
    "SESSIONS_TABLE": lambda settings: settings.required("SESSIONS_TABLE"),
    "TRUSTED_DEVICE_DAYS": lambda settings: settings.trusted_device_seconds,
}
OPTIONAL: dict[str, Callable[[Settings], object]] = {
    "COUNTRIES": lambda settings: settings.countries,
    "GUARD_ALLOW": lambda settings: settings.guard_allow,
    "REFUSED_NUMBER_KINDS": lambda settings: settings.refused_kinds,
}


@pytest.mark.parametrize("variable", READERS)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_setting_is_named(variable: str, value: str | None) -> None:
    environ = {name: text for name, text in ENVIRON.items() if name != variable}
    settings = Settings(environ if value is None else environ | {variable: value})
    with pytest.raises(ConfigurationError) as stopped:
        READERS[variable](settings)
    assert str(stopped.value) == f"The environment variable {variable} is not set."


@pytest.mark.parametrize("brand", [" ", "\u00a0", " \t "])
def test_a_brand_that_nobody_sees_is_none(brand: str) -> None:
    with pytest.raises(ConfigurationError, match="^BRAND must not be blank.$"):
        _ = Settings({"BRAND": brand}).brand


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("LIMITS", f"{LIMITS}; ip_starts=50", "LIMITS: ip_starts: '50' at character 1"),
        ("LIMITS", "destination_sends=5/10m 0/1s", "destination_sends: '0/1s' at character 7"),
        ("LIMITS", f"{LIMITS}; sends=5/10m", "LIMITS: 'sends' is none of destination_sends, "),
        ("LIMITS", f"{LIMITS}; destination_sends=5/1h", "LIMITS: 'destination_sends' is there"),
        ("LIMITS", f"{LIMITS}; stack_cost=12€", "stack_cost: '12€' is not an amount of money"),
        ("LIMITS", f"{LIMITS}; country_sends=XX=5/1h", "LIMITS: 'XX' is not a country."),
        ("LIMITS", f"{LIMITS}; country_sends=9/1h, EE=9/1h, UK=5/1h", "'UK' is not a country."),
        ("COUNTRIES", "EE NO XX", "COUNTRIES: 'XX' is not a country."),
        ("COUNTRIES", "EE,NL", "COUNTRIES: 'EE,NL' is not a country."),
        ("COUNTRIES", "ee", "COUNTRIES: 'ee' is not a country."),
        ("REFUSED_NUMBER_KINDS", "voip premium", "'premium' is not one of fixed_line, mobile,"),
        ("GUARD_MODE", "on", "GUARD_MODE must be one of off, monitor, block."),
        ("GUARD_MODE", "Block", "GUARD_MODE must be one of off, monitor, block."),
        ("GUARD_ALLOW", "192.0.2.1/24", "GUARD_ALLOW: '192.0.2.1/24' is no network such as"),
        ("GUARD_ALLOW", "EE estonia", "GUARD_ALLOW: 'estonia' is no network such as"),
        ("RETENTION_HOURS", "a day", "RETENTION_HOURS"),
        ("RETENTION_HOURS", "0", "must be 1 to 8760."),
        ("RETENTION_HOURS", "8761", "must be 1 to 8760."),
        ("TRUSTED_DEVICE_DAYS", "a month", "TRUSTED_DEVICE_DAYS"),
        ("TRUSTED_DEVICE_DAYS", "-1", "must be 0 to 365."),
        ("TRUSTED_DEVICE_DAYS", "366", "must be 0 to 365."),
        ("ROUTES", "smoke=sns", "'smoke=sns' at character 1"),
        ("ROUTES", "sms=sns; sms:UK=sns", "'sms:UK=sns' at character 10 is for UK"),
    ],
)
def test_a_wrong_setting_is_named_and_says_where(variable: str, value: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        (READERS | OPTIONAL)[variable](Settings(ENVIRON | {variable: value}))
    assert str(stopped.value).startswith(variable)
    assert says in str(stopped.value)


@pytest.mark.parametrize(
    "name", ["destination_sends", "destination_guesses", "destination_short_code_guesses"]
)
@pytest.mark.parametrize("instead", ["", "{name}=;"])
def test_nobody_runs_a_stack_without_the_limits_of_destinations(name: str, instead: str) -> None:
    kept = [entry for entry in LIMITS.split("; ") if not entry.startswith(name)]
    settings = Settings(ENVIRON | {"LIMITS": instead.format(name=name) + "; ".join(kept)})
    with pytest.raises(ConfigurationError, match=f"^LIMITS: {name} is missing.$"):
        _ = settings.limits


def test_a_wrong_test_destination_is_named_without_its_code() -> None:
    settings = Settings(ENVIRON | {"TEST_DESTINATIONS": "+31612345678=4711@2027-01-31"})
    with pytest.raises(ConfigurationError, match="^TEST_DESTINATIONS: test destination 1") as e:
        _ = settings.test_destinations
    assert "4711" not in str(e.value) and "+316" not in str(e.value)


@pytest.mark.parametrize("environ", [{}, {"TEST_DESTINATIONS": "", "SMS_SENDER_ID": ""}])
def test_optional_settings_may_be_missing_or_empty(environ: dict[str, str]) -> None:
    settings = Settings(environ)
    assert settings.test_destinations == {}
    assert settings.countries == frozenset()
    assert settings.refused_kinds == frozenset()
    assert settings.guard_allow.words == frozenset()
    assert settings.followed == frozenset()
    assert settings.optional("SMS_SENDER_ID") is None
    assert not settings.sandbox_enabled


@pytest.mark.parametrize(
    ("value", "enabled"), [("true", True), ("false", False), ("True", False), ("1", False)]
)
def test_only_the_word_true_enables_the_sandbox(value: str, enabled: bool) -> None:
    assert Settings({"SANDBOX_ENABLED": value}).sandbox_enabled is enabled


@pytest.mark.parametrize(("hours", "seconds"), [("1", 3600), ("8760", 8760 * 3600)])
def test_the_bounds_of_the_retention_are_allowed(hours: str, seconds: int) -> None:
    assert Settings({"RETENTION_HOURS": hours}).retention_seconds == seconds


@pytest.mark.parametrize(("days", "seconds"), [("0", 0), ("365", 365 * 86_400)])
def test_the_bounds_of_the_trust_in_a_device_are_allowed(days: str, seconds: int) -> None:
    assert Settings({"TRUSTED_DEVICE_DAYS": days}).trusted_device_seconds == seconds


@pytest.mark.parametrize(
    ("country", "digits"), [("US", 1), ("NL", 2), ("EE", 3), ("JM", 1), ("GB", 2)]
)
def test_a_country_in_a_route_is_as_long_as_its_calling_code(country: str, digits: int) -> None:
    (rule,) = Settings({"ROUTES": f"sms:{country}=sns"}).routes.rules
    assert rule.length == 2 * digits + 1


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, None),
        ({"DOMAIN_NAME": "verify.example.com"}, "https://verify.example.com"),
        ({"PUBLIC_URL": "https://proxy.example.com/v/"}, "https://proxy.example.com/v"),
        ({"PUBLIC_URL": "https://a.example", "DOMAIN_NAME": "b.example"}, "https://a.example"),
    ],
)
def test_pages_are_found_where_a_parameter_says(environ: dict[str, str], url: str | None) -> None:
    assert Settings(environ).page_url == url
