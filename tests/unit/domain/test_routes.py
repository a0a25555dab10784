"""Routes: the longest prefix or country that fits, and faults by their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.routes import parse_routes
from verification.domain.verification import Channel

from tests.fakes.providers import read_routes

EVERYWHERE = (
    "sms=a,b; sms:+1=c; sms:US=d; sms:+1212=e,a; sms:EE=f; sms:+3725=g; "
    "voice=v; voice:+1=w; email=m"
)


@pytest.mark.parametrize(
    ("channel", "to", "country", "providers"),
    [
        (Channel.SMS, "+31612345678", "NL", "a,b"),  # no place fits: the rest
        (Channel.SMS, "+31612345678", None, "a,b"),
        (Channel.SMS, "+16045550100", "CA", "c"),  # by prefix
        (Channel.SMS, "+12025550100", "US", "d"),  # a country goes before its calling code
        (Channel.SMS, "+12025550100", None, "c"),
        (Channel.SMS, "+12125550100", "US", "e,a"),  # one digit more goes before the country
        (Channel.SMS, "+3726555555", "EE", "f"),
        (Channel.SMS, "+3725555555", "EE", "g"),
        (Channel.SMS, "+883510000000", None, "a,b"),  # a number of no country
        (Channel.VOICE, "+12125550100", "US", "w"),  # every channel by itself
        (Channel.VOICE, "+3725555555", "EE", "v"),
        (Channel.EMAIL, "ann@example.com", None, "m"),
        (Channel.VIBER, "+31612345678", "NL", ""),
        (Channel.TOTP, "+12025550100", "US", ""),
    ],
)
def test_the_longest_that_fits_is_taken(
    channel: Channel, to: str, country: str | None, providers: str
) -> None:
    found = read_routes(EVERYWHERE).providers(channel, to, country)
    assert ",".join(found) == providers


def test_the_order_of_routes_does_not_count() -> None:
    entries = EVERYWHERE.split(";")
    backwards = read_routes(";".join(reversed(entries)))
    for to, country in (("+12125550100", "US"), ("+12025550100", "US"), ("+3725555555", "EE")):
        place = (Channel.SMS, to, country)
        assert backwards.providers(*place) == read_routes(EVERYWHERE).providers(*place)


def test_a_channel_may_go_to_some_places_only() -> None:
    routes = read_routes("voice:EE=v; voice:+1=w")
    assert routes.providers(Channel.VOICE, "+31612345678", "NL") == ()
    assert routes.providers(Channel.VOICE, "+3725555555", "EE") == ("v",)


@pytest.mark.parametrize(
    ("text", "providers"),
    [
        ("sms=sns", ("sns",)),
        ("sms=sns, sandbox ; email=ses;", ("sns", "sandbox")),
        (" sms = sandbox ", ("sandbox",)),
        ("\nsms:NL\t=\ta ,b\n", ("a", "b")),
        ("sms : +31 = webhook-acme", ("webhook-acme",)),
        ("sms:+316123456780000=x;sms=y", ("y",)),
    ],
)
def test_spaces_are_free_and_providers_keep_their_order(
    text: str, providers: tuple[str, ...]
) -> None:
    assert read_routes(text).providers(Channel.SMS, "+31612345678", "NL") == providers


def test_every_provider_that_is_named_is_known() -> None:
    assert read_routes(EVERYWHERE).names == set("abcdefgvwm")


NO_ROUTE = "is not a route such as sms=sns,sandbox or sms:+1=sns or sms:EE=sns; channels are sms"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sms=sns; fax=sns", f"'fax=sns' at character 10 {NO_ROUTE}"),
        ("SMS=sns", f"'SMS=sns' at character 1 {NO_ROUTE}"),
        ("sms", f"'sms' at character 1 {NO_ROUTE}"),
        ("sms=", f"'sms=' at character 1 {NO_ROUTE}"),
        ("=sns", f"'=sns' at character 1 {NO_ROUTE}"),
        ("sms=sns,,x", f"'sms=sns,,x' at character 1 {NO_ROUTE}"),
        ("sms=sns,", f"'sms=sns,' at character 1 {NO_ROUTE}"),
        ("sms=SNS", f"'sms=SNS' at character 1 {NO_ROUTE}"),
        ("sms=sns x", f"'sms=sns x' at character 1 {NO_ROUTE}"),
        ("email=ses;  sms:=sns", f"'sms:=sns' at character 13 {NO_ROUTE}"),
        ("sms:1=sns", f"'sms:1=sns' at character 1 {NO_ROUTE}"),
        ("sms:+0=sns", f"'sms:+0=sns' at character 1 {NO_ROUTE}"),
        ("sms:+=sns", f"'sms:+=sns' at character 1 {NO_ROUTE}"),
        ("sms:ee=sns", f"'sms:ee=sns' at character 1 {NO_ROUTE}"),
        ("sms:EST=sns", f"'sms:EST=sns' at character 1 {NO_ROUTE}"),
        ("sms:+1:US=sns", f"'sms:+1:US=sns' at character 1 {NO_ROUTE}"),
        ("sms:+1234567890123456=x", f"at character 1 {NO_ROUTE}"),
        ("sms:+\u0661=sns", f"at character 1 {NO_ROUTE}"),
        ("sms=a; sms=b", "'sms=b' at character 8 is the second of its kind"),
        ("sms:EE=a; sms=b;sms:EE=c", "'sms:EE=c' at character 17 is the second of its kind"),
        # where an entry is part of one before it
        ("sms=sns; sms=s", "'sms=s' at character 10 is the second of its kind"),
        ("sms=a,b,a", "'sms=a,b,a' at character 1 names a provider twice"),
        ("email:+1=ses", "'email:+1=ses' at character 1 is for e-mail, which has no countries"),
        ("email:EE=ses", "'email:EE=ses' at character 1 is for e-mail, which has no countries"),
        ("sms=a; sms:ZZ=b", "'sms:ZZ=b' at character 8 is for ZZ, which is no country"),
        ("", "expected a route or more"),
        (" ; ;", "expected a route or more"),
    ],
)
def test_a_wrong_route_is_refused_and_says_where(text: str, says: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_routes(text)
    assert says in str(refused.value)


ENTRIES = st.sampled_from(
    ["sms", "voice", "email", ":", "=", ",", ";", " ", "+1", "+", "EE", "ZZ", "a", "b-1", "A", "\n"]
)


@given(st.text() | st.lists(ENTRIES, max_size=20).map("".join))
def test_any_text_gives_routes_or_a_sentence(text: str) -> None:
    try:
        routes = parse_routes(text, {"EE": 372}.get)
    except ValueError as refused:
        assert str(refused)
    else:
        assert routes.rules and all(rule.providers for rule in routes.rules)
