"""README.md: its examples are taken, its tables say what the code and the template say."""

import dataclasses
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from verification.api.body import MAX_BODY_BYTES
from verification.api.native.lookup import MAX_PAGE
from verification.catalogue import CLASSES
from verification.domain import guard, policy
from verification.domain.guard import Kind, Mode, Sighting, Suspicion, Tally, parse_allowed
from verification.domain.limits import (
    BUDGETS,
    UNITS_OF_MONEY,
    Limit,
    LimitName,
    parse_budget,
)
from verification.domain.messages import MAX_CHARACTERS, MAX_SEGMENTS
from verification.domain.policy import NUMBER_KINDS, Scope
from verification.domain.routes import parse_routes
from verification.operations.start import LOOK_AFTER
from verification.operations.tally import _ALARM_AT
from verification.settings import _NEVER_WITHOUT
from verification.storage.directory import CACHE_SECONDS
from verification.storage.secrets import MAX_AGE_SECONDS

from tests.docs.curls import Curl, curls
from tests.docs.sources import (
    backticked,
    blocks,
    openapi,
    read,
    resources,
    rows,
    schema,
    template,
)
from tests.local import up
from tests.local.stack import Stack

NATIVE = "/v1/verifications"
GUARD = "The guard against SMS pumping"
SEEN = Sighting("shop", "+447700900123", "GB", None, 0)
FROM_AN_ADDRESS = Sighting("shop", "+447700900123", "GB", b"hashed", 0)


def cell(value: object) -> str:
    return f"`{value}`" if str(value) else "empty"


@pytest.mark.parametrize("curl", curls("README.md"), ids=lambda curl: f"{curl.method} {curl.path}")
def test_an_example_is_a_request_that_is_taken(curl: Curl) -> None:
    method, _, resource = curl.route.partition(" ")
    assert method.lower() in openapi()["paths"][resource]
    curl.read()
    if curl.path.startswith(NATIVE):
        assert bool(curl.data) == ("Content-Type" in curl.headers)


def test_every_operation_and_every_drop_in_api_has_an_example() -> None:
    native = [curl for curl in curls("README.md") if curl.path.startswith(NATIVE)]
    others = [curl.route for curl in curls("README.md") if curl not in native]
    assert len(native) == 8
    assert others == [
        *("POST /verify/start", "POST /verify/pin"),
        *("POST /verify", "GET /verify/{id}"),
        "POST /v1/service/service",
    ]


@pytest.mark.parametrize("document", ["README.md", "docs/migrating.md"])
def test_make_env_sets_what_the_lines_use(
    document: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts: dict[str, Any] = {field.name: field.name for field in dataclasses.fields(Stack)}
    monkeypatch.setattr(up, "load", lambda _: Stack(**facts))
    monkeypatch.setattr(up, "running_emulator", lambda: True)
    up.exports()
    exported = set(re.findall(r"^export (\w+)=", capsys.readouterr().out, re.M))
    fenced = "".join(re.findall(r"^ *```sh\n(.*?)^ *```", read(document), re.S | re.M))
    promised = set(re.findall(r"[A-Z_]{3,}", "".join(re.findall(r"make -s env.*?# (.+)", fenced))))
    used = set(re.findall(r"\$([A-Z_]+)", fenced)) | set(
        re.findall(r"`\$([A-Z_]+)`", read(document))
    )
    here = set(re.findall(r"^ *([A-Z_]+)=", fenced, re.M)) | {"ID"}  # of an answer
    assert "API" in promised <= exported
    assert used - here <= exported


def test_a_send_again_waits_as_long_as_it_says() -> None:
    line = f"# {policy.RESEND_INTERVAL} seconds after the last message at the soonest, else 429:\n"
    assert f"{line}curl -X POST" in read("README.md")


def test_the_starts_of_ten_minutes_are_those_of_the_limit() -> None:
    assert template()["Parameters"]["SendLimits"]["Default"] == "5/10m 10/24h"
    text = " ".join(read("README.md").split())
    assert "5 messages in 10 minutes and 10 a day (`SendLimits`)" in text


def test_every_answer_shown_looks_as_it_is_written() -> None:
    kinds = []
    for block in blocks("README.md", "json"):
        value = json.loads(block)
        kind = "Verdict" if "valid" in value else "Problem" if "code" in value else "Verification"
        Draft202012Validator(schema(kind)).validate(value)
        kinds.append(kind)
    assert kinds == ["Verification", "Verdict", "Problem"]


def test_the_settings_are_the_parameters_of_the_template() -> None:
    written = [row[:2] for row in rows("README.md", "Settings")]
    parameters = template()["Parameters"].items()
    assert written == [[f"`{name}`", cell(p["Default"])] for name, p in parameters]
    assert all(row[2] for row in rows("README.md", "Settings"))


def test_the_limits_of_a_request_are_those_of_the_code() -> None:
    written = {row[0].strip("`"): row[1:3] for row in rows("README.md", "Limits")}
    bounds = {
        "code_length": policy.CODE_LENGTH,
        "validity": policy.VALIDITY,
        "max_attempts": policy.MAX_ATTEMPTS,
        "max_sends": policy.MAX_SENDS,
        "resend_after": policy.RESEND_AFTER,
    }
    assert written == {
        name: ["off" if name == "resend_after" else str(b.default), f"{b.lowest}–{b.highest}"]
        for name, b in bounds.items()
    }


def test_the_limits_for_all_are_those_of_the_code() -> None:
    assert rows("README.md", "Limits for all") == [
        ["Seconds between two asked-for sends", str(policy.RESEND_INTERVAL)],
        ["Automatic sends of a verification without `channels`", str(policy.AUTOMATIC_SENDS)],
        ["Bytes of a body", str(MAX_BODY_BYTES)],
        ["Verifications on a page", str(MAX_PAGE)],
        ["Characters of a template", str(MAX_CHARACTERS)],
        ["SMS segments of a message", str(MAX_SEGMENTS)],
        ["Seconds until a revoked client is shut out", str(CACHE_SECONDS)],
        ["Messages of one send that may be out without anybody's word", str(policy.MAX_DOUBTS)],
        [
            "Seconds until a new code key, or a provider's new settings, are in use everywhere",
            str(MAX_AGE_SECONDS),
        ],
    ]


def test_the_cost_adds_up() -> None:
    table = rows("README.md", "What 1,000 verifications cost")
    costs = {row[0]: row[3] for row in table}
    services = [row[0] for row in table if re.fullmatch(r"0\.\d{4}", row[3])]
    assert len(services) == 6
    assert f"**{sum(float(costs[name]) for name in services):.2f}**" == costs["**Together**"]


def test_the_cost_counts_the_alarms_of_the_template() -> None:
    alarms = [one["Properties"] for one in resources("AWS::CloudWatch::Alarm").values()]
    # A tenth of a dollar for each metric; anomaly detection adds two, the ends of its band.
    metrics = 0
    for alarm in alarms:
        stats = [one for one in alarm.get("Metrics", ()) if "MetricStat" in one]
        metrics += len(stats) + 2 if stats else 1
    assert f"{len(alarms)} alarms ({metrics * 0.10:.2f})" in text()


def test_the_cost_counts_the_secrets_of_the_template() -> None:
    words = {2: "two", 3: "three", 4: "four"}
    secrets = len(resources("AWS::SecretsManager::Secret"))
    assert f"{words[secrets]} secrets ({secrets * 0.40:.2f})" in read("README.md")


def test_the_providers_are_those_of_the_catalogue() -> None:
    named = {name for row in rows("README.md", "Providers") for name in backticked(row[0])}
    assert named == CLASSES.keys() - {"sandbox"}


def test_the_routes_shown_can_be_read() -> None:
    (text,) = re.findall(r"^```\n(sms=.+)\n```", read("README.md"), re.M)
    shown = parse_routes(text, {"EE": 372}.get)
    assert shown.names <= CLASSES.keys() and len(shown.rules) == 5


def text() -> str:
    """The README on one line, so that a sentence may break anywhere."""
    return " ".join(read("README.md").split())


def test_the_starts_of_a_day_are_those_of_the_guess_budgets() -> None:
    parameters = template()["Parameters"]
    found = re.search(r"\(`GuessLimits` (\d+) a day, `max_attempts` (\d+)\)", text())
    assert found and f"{found[1]}/24h" == parameters["GuessLimits"]["Default"]
    assert int(found[2]) == policy.MAX_ATTEMPTS.default
    assert int(found[1]) // int(found[2]) == 10 and "so does somebody who never does" in text()
    assert parameters["SendLimits"]["Default"].endswith(" 10/24h") and "gets ten a day" in text()
    short = int(parameters["ShortCodeGuessLimits"]["Default"].removesuffix("/24h"))
    assert short // int(found[2]) == 4 and "gets four (`ShortCodeGuessLimits`)" in text()


def limit_parameters() -> dict[str, str]:
    """The parameter of each limit."""
    written = template()["Globals"]["Function"]["Environment"]["Variables"]["LIMITS"]["Fn::Sub"]
    return dict(re.findall(r"(\w+)=\$\{(\w+)\}", written))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("Limits that outlive a code", [name for name in LimitName if name not in BUDGETS]),
        ("Budgets", list(BUDGETS)),
    ],
)
def test_a_table_has_the_limits_and_budgets_with_their_parameters(
    heading: str, names: list[LimitName]
) -> None:
    table = rows("README.md", heading)
    parameters = template()["Parameters"]
    assert [row[:2] for row in table] == [[f"`{n}`", f"`{limit_parameters()[n]}`"] for n in names]
    for name, row in zip(names, table, strict=True):
        default = parameters[limit_parameters()[name]]["Default"]
        assert row[2] == cell(default) or (name in BUDGETS and not default)


def test_the_limits_that_are_never_empty_are_those_that_stop_a_function() -> None:
    written = [row[0].strip("`") for row in rows("README.md", "Limits that outlive a code")]
    assert written[:3] == [*_NEVER_WITHOUT] and "The first three cannot be empty" in text()


def test_limits_are_counted_in_as_many_parts_as_it_says() -> None:
    found = re.search(
        r"A limit of (\d+) or more .+? every (\d+) \(of money: for every (.+?)\), (\d+) at most",
        text(),
    )
    assert found
    least, each, most = (int(found[number]) for number in (1, 2, 4))
    money = Decimal(found[3])
    (budget,) = parse_budget(LimitName.CLIENT_COST, str(10 * money).rstrip("0").rstrip("."))
    assert budget.shards == 10 and budget.part(0) == money * UNITS_OF_MONEY

    def shards(count: int) -> int:
        return Limit(LimitName.CLIENT_STARTS, f"{count}/1m", count, 60).shards

    assert (shards(least - 1), shards(least), shards(3 * each)) == (1, 2, 3)
    assert shards(10**9) == most


def test_the_kinds_of_numbers_are_those_of_the_code() -> None:
    section = text().partition("Kinds are those of the library")[2].partition("With `Countries`")[0]
    assert [kind for kind in backticked(section) if kind != "voip"] == [
        kind for kind in NUMBER_KINDS if kind != "voip"
    ]
    default = template()["Parameters"]["RefusedNumberKinds"]["Default"]
    assert {*default.split()} <= {*NUMBER_KINDS} and "voip" in backticked(section)


def test_the_suspicions_are_those_of_the_guard_with_its_numbers() -> None:
    written = {row[0].strip("`"): row[1] for row in rows("README.md", GUARD)}
    assert [*written] == [*Suspicion]
    numbers = {name: tuple(map(int, re.findall(r"\d+", says))) for name, says in written.items()}
    assert numbers == {
        "country_day": (guard._LEAST_BY_COUNTRY, 100 // guard._SHARE),
        "country_hour": (),
        "ip_day": (guard._LEAST_BY_IP, 100 // guard._SHARE),
        "ip_countries": (guard._MAX_COUNTRIES,),
        "number_run": (guard._RUN, 10**guard._BLOCK_DIGITS),
    }


@pytest.mark.parametrize("verified", [0, 4, 100, 150, 10_000])
def test_a_country_is_suspect_when_it_says(verified: int) -> None:
    most = max(20, verified // 5)
    for unverified, suspect in ((most, False), (most + 1, True)):
        # The tallies know all sends but this one.
        tally = Tally(sends=verified + unverified - 1, verified=verified)
        found = guard.suspicions(SEEN, {Kind.COUNTRY_DAY: tally})
        assert found == ((Suspicion.COUNTRY_DAY,) if suspect else ())
    assert "fewer than five of six sends are verified" in text()  # 1 of them to 5 are 20 %


def test_the_modes_of_the_guard_are_those_of_the_code() -> None:
    section = (
        read("README.md").partition("| `GuardMode` | What it does |\n")[2].partition("\n\n")[0]
    )
    assert re.findall(r"^\| `(\w+)` ", section, re.M) == [*Mode]
    assert template()["Parameters"]["GuardMode"]["AllowedValues"] == [*Mode]
    (words,) = re.findall(r"for good, `(.+?)`", text())
    assert parse_allowed(words).words == {"192.0.2.0/24", "+3725", "EE"}


def test_the_scopes_are_those_of_the_code() -> None:
    assert [row[0].strip("`") for row in rows("README.md", "What a client may do")] == [*Scope]


def test_the_alarm_of_a_budget_rings_where_it_says() -> None:
    alarm = resources("AWS::CloudWatch::Alarm")["BudgetNearlySpent"]["Properties"]
    assert alarm["Threshold"] == _ALARM_AT
    assert f"At {_ALARM_AT} % the alarm `BudgetNearlySpent` rings" in text()


def test_the_diagram_says_when_the_queue_looks() -> None:
    assert f"look at this send in {LOOK_AFTER} s" in read("README.md")


def counted(what: str) -> str:
    """What the table of costs counts of a service."""
    (found,) = (
        row[1] for row in rows("README.md", "What 1,000 verifications cost") if what in row[0]
    )
    return found


def rules(*parameters: str) -> int:
    """How many limits there are by some parameters."""
    return sum(len(template()["Parameters"][name]["Default"].split()) for name in parameters)


def test_the_cost_counts_a_transaction_of_as_many_items_as_there_are_limits() -> None:
    items = 1 + rules(*limit_parameters().values()) - rules("ShortCodeGuessLimits", "IpLimits")
    credit = 2 * (1 + rules("GuessLimits"))  # the flag, and each window that paid
    tallies = 2 * len(SEEN.windows(b"")) + 1  # the start, the success, the number that is no more
    units = 2 * items + 3 + credit + tallies  # 3: the index, the record of the send, the guess
    assert counted("writes") == (
        f"{units} units: a transaction of {items} items ({2 * items}), the index (1), the record "
        f"of the send (1), the guess (1); tally's credit ({credit}), its tallies ({tallies})"
    )
    assert rules("ShortCodeGuessLimits") == 1 and "one limit more (another 4 units)" in text()
    more = 2 * rules("IpLimits") + 2 * (len(FROM_AN_ADDRESS.windows(b"")) - len(SEEN.windows(b"")))
    assert f"an address another {more}, for two limits" in text() and rules("IpLimits") == 2


def test_the_cost_counts_the_reads_of_the_guard() -> None:
    items = len(SEEN.windows(b"")) + 1  # what is let through for a while
    said = f"{items // 2 + 1} units: the guard's {items} items ({items // 2}), the queue's look (1)"
    assert counted("reads") == said


def test_the_cost_counts_batches_as_large_as_they_are() -> None:
    mapping = template()["Resources"]["TallyFromStream"]["Properties"]
    assert f"up to {mapping['BatchSize']} changes at once" in text()
    assert (
        mapping["MaximumBatchingWindowInSeconds"] == 1 and "a second behind, in batches" in text()
    )
