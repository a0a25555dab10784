"""A client's policy: shown, changed part by part, and never such that it cannot be used."""

from typing import Any

import pytest
from verification.domain.destination import Destination
from verification.domain.messages import MAX_BRAND, Content, check
from verification.domain.policy import Profile
from verification.domain.texts import choose
from verification.storage.directory import read_client

from tests.fakes.operator import Operator

PLAIN = {
    "countries": "stack",
    "refused_number_kinds": "stack",
    "sender_for": {},
    "template_for": {},
    "limits": {},
    "guard": "stack",
    "counts": "common",
    "return_urls": [],
}


@pytest.fixture
def client(operator: Operator) -> str:
    client_id, _ = operator.creates("Demo", "--brand", "Demo", "--sender", "Demo")
    return client_id


def profile(operator: Operator, client: str) -> Profile:
    """The policy as functions read it."""
    return read_client(operator.item(client), "Verify").client.profile


def test_a_profile_is_shown_and_nothing_is_written(operator: Operator, client: str) -> None:
    writes = operator.dynamodb.writes
    assert operator.runs("clients", "profile", client) == {"client_id": client, **PLAIN}
    assert operator.dynamodb.writes == writes
    assert operator.dynamodb.table_names == {"directory"}


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--country", "LV", "--country", "EE"], {"countries": ["EE", "LV"]}),
        (["--country", "EE", "--country", "EE"], {"countries": ["EE"]}),
        (["--all-countries"], {"countries": "all"}),
        (["--refuse-kind", "voip"], {"refused_number_kinds": ["voip"]}),
        (["--refuse-no-kind"], {"refused_number_kinds": "none"}),
        (["--sender-for", "EE=Acme"], {"sender_for": {"EE": "Acme"}}),
        (["--sender-for", "EE=+37259999"], {"sender_for": {"EE": "+37259999"}}),
        (["--template-for", "EE=a=b {code}"], {"template_for": {"EE": "a=b {code}"}}),
        (["--limit", "client_starts=100/1m 9/1s"], {"limits": {"client_starts": "100/1m 9/1s"}}),
        (
            ["--limit", " country_sends = 9/1h, EE=5/1h"],
            {"limits": {"country_sends": "9/1h, EE=5/1h"}},
        ),
        (["--limit", "client_cost=99.50"], {"limits": {"client_cost": "99.50"}}),
        (["--guard", "block"], {"guard": "block"}),
        (["--own-counts"], {"counts": "own"}),
        (
            ["--return-url", "HTTPS://Shop.example:443/back", "--return-url", "http://localhost"],
            {"return_urls": ["https://shop.example/back", "http://localhost/"]},
        ),
        (
            ["--guard", "off", "--all-countries", "--sender-for", "EE=A", "--sender-for", "LV=B"],
            {"guard": "off", "countries": "all", "sender_for": {"EE": "A", "LV": "B"}},
        ),
    ],
)
def test_the_parts_that_are_named_change_in_one_write_and_the_others_stay(
    operator: Operator, client: str, options: list[str], shown: dict[str, Any]
) -> None:
    before, writes = dict(operator.item(client)), operator.dynamodb.writes
    changed = {"client_id": client, **PLAIN, **shown}
    assert operator.runs("clients", "profile", client, *options) == changed
    assert operator.runs("clients", "profile", client) == changed
    assert operator.dynamodb.writes == writes + 1
    assert before.items() <= operator.item(client).items()


def test_functions_read_what_was_put(operator: Operator, client: str) -> None:
    operator.runs(
        *("clients", "profile", client, "--country", "EE", "--refuse-kind", "voip", "--own-counts"),
        *("--sender-for", "EE=Acme", "--template-for", "EE={brand}: {code}"),
        *("--limit", "client_starts=7/1m", "--limit", "ip_starts=9/1h", "--guard", "block"),
        *("--return-url", "https://shop.example/back"),
    )
    read = profile(operator, client)
    assert read.return_urls == ("https://shop.example/back",)
    assert read.countries == frozenset({"EE"}) and read.refused_kinds == frozenset({"voip"})
    assert (read.senders, read.templates) == ({"EE": "Acme"}, {"EE": "{brand}: {code}"})
    assert {key: [limit.rule for limit in own] for key, own in read.limits.rules.items()} == {
        "client_starts": ["7/1m"],
        "ip_starts": ["9/1h"],
    }
    assert (read.guard, read.counts_alone) == ("block", True)
    assert (read.brand, read.locale) == ("Demo", None)


def test_what_was_put_can_be_taken_back(operator: Operator, client: str) -> None:
    before = dict(operator.item(client))
    operator.runs(
        *("clients", "profile", client, "--country", "EE", "--refuse-no-kind", "--own-counts"),
        *("--sender-for", "EE=Acme", "--template-for", "EE={code}", "--template-for", "LV={code}."),
        *("--limit", "client_starts=7/1m", "--limit", "ip_starts=9/1h", "--guard", "block"),
        *("--return-url", "https://shop.example/back"),
    )
    operator.runs(
        "clients", "profile", client, "--no-limit", "ip_starts", "--no-template-for", "EE"
    )
    read = profile(operator, client)
    assert [*read.limits.rules] == ["client_starts"] and read.templates == {"LV": "{code}."}
    back = operator.runs(
        *(
            "clients",
            "profile",
            client,
            "--countries-of-stack",
            "--kinds-of-stack",
            "--common-counts",
        ),
        *("--no-sender-for", "EE", "--no-template-for", "LV"),
        *("--no-limit", "client_starts", "--guard", "stack", "--no-return-urls"),
    )
    assert back == {"client_id": client, **PLAIN}
    assert operator.item(client) == before | {"counts_alone": {"BOOL": False}}


def test_a_limit_is_put_in_place_of_the_one_before(operator: Operator, client: str) -> None:
    operator.runs(
        "clients", "profile", client, "--limit", "ip_starts=9/1h", "--limit", "client_starts=7/1m"
    )
    changed = operator.runs("clients", "profile", client, "--limit", "ip_starts=8/1h")
    assert changed["limits"] == {"ip_starts": "8/1h", "client_starts": "7/1m"}


def test_of_two_changes_of_one_part_the_later_is_told_to_try_again(
    operator: Operator, client: str
) -> None:
    operator.dynamodb.changed_meanwhile = True
    assert "try again" in operator.fails("clients", "profile", client, "--sender-for", "EE=Acme")
    assert profile(operator, client).senders == {}


def test_a_client_that_is_not_there_is_named_and_not_made(operator: Operator) -> None:
    for options in ((), ("--guard", "off")):
        assert (
            operator.fails("clients", "profile", "nobody", *options) == "There is no client nobody."
        )
    assert operator.dynamodb.items == {}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--country", "UK"], "'UK' is not a country such as EE"),
        (["--country", "ee"], "'ee' is not a country such as EE"),
        (["--country", "EE", "--all-countries"], "not allowed with argument"),
        (["--refuse-kind", "premium"], "invalid choice: 'premium'"),
        (["--sender-for", "Acme"], "write it such as EE=Acme"),
        (["--sender-for", "EE="], "write it such as EE=Acme"),
        (["--sender-for", "UK=Acme"], "'UK' is not a country"),
        (["--sender-for", "EE=My Shop"], "1 to 11 letters"),
        (["--sender-for", "EE=a@b"], "1 to 11 letters"),
        (["--no-sender-for", "UK"], "'UK' is not a country"),
        (["--template-for", "EE=hello"], "must hold {code}"),
        (["--template-for", "EE={code} {password}"], "character 8"),
        (["--template-for", "EE={code}\x00"], "control characters"),
        (["--template-for", "EE={code}" + "x" * 2000], "at most 2000 characters"),
        (["--template-for", "EE={code}" + "x" * 450], "at most 3 segments"),
        (["--template-for", "XX={code}"], "'XX' is not a country"),
        (["--limit", "starts=1/1m"], "'starts' is none of destination_sends"),
        (["--limit", "client_starts=1/1w"], "'1/1w' at character 1"),
        (["--limit", "client_starts=0/1m"], "'0/1m' at character 1"),
        (["--limit", "client_starts="], "write it such as client_starts=100/1m"),
        (["--limit", "client_starts"], "write it such as client_starts=100/1m"),
        (["--limit", "client_starts=1/1m; ip_starts=1/1m"], "one limit after each --limit"),
        (["--limit", "client_cost=1.23456"], "is not an amount of money"),
        (["--limit", "ip_starts=1/1h, EE=2/1h"], "is not a limit such as"),
        (["--limit", "country_sends=9/1h, UK=5/1h"], "'UK' is not a country such as EE"),
        (["--limit", "destination_guesses=3/24h"], "'3/24h' never has the 5 guesses"),
        (["--limit", "stack_messages=9"], "stack_messages is a parameter of the stack"),
        (["--limit", "stack_cost=9"], "stack_cost is a parameter of the stack"),
        (["--no-limit", "starts"], "invalid choice: 'starts'"),
        (["--guard", "on"], "invalid choice: 'on'"),
        (["--own-counts", "--common-counts"], "not allowed with argument"),
        (["--return-url", "http://shop.example/"], "a return URL is https; http is for localhost"),
        (["--return-url", "https://a.example/?b"], "a return URL has no query"),
        (["--return-url", "https://a.example", "--no-return-urls"], "not allowed with argument"),
    ],
)
def test_a_wrong_part_is_named_before_anything_is_asked(
    operator: Operator, options: list[str], says: str
) -> None:
    assert says in operator.refused("clients", "profile", "demo", "--guard", "off", *options)
    assert operator.dynamodb.table_names == set()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--sender-for", "EE=A", "--sender-for", "EE=B"],
            "Of each sender only one: EE is named",
        ),
        (
            ["--sender-for", "EE=A", "--no-sender-for", "EE"],
            "Of each sender only one: EE is named",
        ),
        (
            ["--limit", "ip_starts=1/1h", "--no-limit", "ip_starts"],
            "only one: ip_starts is named",
        ),
        (["--no-limit", "ip_starts"], "This client has no limit of its own for ip_starts"),
        (["--no-template-for", "EE"], "This client has no template of its own for EE"),
    ],
)
def test_parts_that_contradict_each_other_change_nothing(
    operator: Operator, client: str, options: list[str], says: str
) -> None:
    before = dict(operator.item(client))
    assert says in operator.fails("clients", "profile", client, "--guard", "off", *options)
    assert operator.item(client) == before


def longest(*, brand: bool) -> str:
    """The longest template that is taken."""
    field = "{brand} {code} " if brand else "{code} "
    return field + "x" * ((3 * 67 - 2 * MAX_BRAND - 18) if brand else (3 * 153 - 17))


@pytest.mark.parametrize("brand", [True, False])
@pytest.mark.parametrize("country", ["EE", "IL", "JP"])
def test_a_template_that_is_taken_fits_every_request(
    operator: Operator, client: str, country: str, brand: bool
) -> None:
    template = longest(brand=brand)
    says = operator.refused(
        "clients", "profile", client, "--template-for", f"{country}={template}x"
    )
    assert "at most 3 segments" in says
    assert ("the longest brand" in says) is brand
    operator.runs("clients", "profile", client, "--template-for", f"{country}={template}")
    content = Content(
        texts=choose(None, country),
        brand="\U0001f600" * MAX_BRAND,
        validity=172_801,
        template=profile(operator, client).templates[country],
    )
    for channel in Destination("+37255555555").channels:
        check(channel, content, 16)
