"""Prices and budgets."""

from pathlib import Path
from typing import Any

import pytest
from verification.domain.limits import Charge, LimitName, parse_budget
from verification.domain.verification import Channel
from verification.storage import table
from verification.storage.prices import StoredPrices

from tests.fakes.operator import NOW, Operator

RIGHT = """\
provider,channel,country,price
sns,sms,EE,0.0425

sns, sms, *, 0.1
"ses","email","*","0.0001"
webhook-acme,voice,EE,0
messente,sms,EE,9999999.9999
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text(RIGHT)
    return path


def prices(operator: Operator) -> StoredPrices:
    """The prices as functions read them."""

    class Client:
        def get_item(self, **asked: Any) -> Any:
            return operator.dynamodb.get_item(**asked, ConsistentRead=True)

    return StoredPrices(Client(), "directory", lambda: NOW)


def test_prices_are_put_as_functions_read_them(operator: Operator, file: Path) -> None:
    assert operator.runs("prices", "put", str(file)) == {"put": 5, "without_prices": []}
    read = prices(operator)
    assert read(["sns"], Channel.SMS, "EE") == 425
    assert read(["sns"], Channel.SMS, "LV") == 1000
    assert read(["ses"], Channel.EMAIL, None) == 1
    assert read(["webhook-acme"], Channel.VOICE, "EE") == 0
    assert read(["messente"], Channel.SMS, "EE") == 99_999_999_999
    assert operator.dynamodb.table_names == {"directory"}


def test_prices_are_shown_as_they_were_put(operator: Operator, file: Path) -> None:
    assert operator.runs("prices", "show") == {"prices": [], "without_prices": ["sns sms"]}
    operator.runs("prices", "put", str(file))
    shown = operator.runs("prices", "show")["prices"]
    assert shown[2] == {"provider": "sns", "channel": "sms", "country": "*", "price": "0.1000"}
    assert [one["price"] for one in shown] == [
        "9999999.9999",
        "0.0001",
        "0.1000",
        "0.0425",
        "0.0000",
    ]


def test_a_put_takes_the_place_of_all_prices(operator: Operator, file: Path) -> None:
    operator.runs("prices", "put", str(file))
    file.write_text("sns,sms,*,1")
    operator.runs("prices", "put", str(file))
    assert [one["price"] for one in operator.runs("prices", "show")["prices"]] == ["1.0000"]


def test_a_file_of_another_program_may_begin_with_a_mark(operator: Operator, file: Path) -> None:
    file.write_bytes("\ufeffprovider,channel,country,price\r\nsns,sms,*,1\r\n".encode())
    assert operator.runs("prices", "put", str(file))["put"] == 1


def test_providers_of_the_routes_that_have_no_price_are_named(
    operator: Operator, file: Path
) -> None:
    operator.stacks.parameters["Routes"] = (
        "sms=sns,aws-sms; sms:EE=messente,webhook; viber=messente; "
        "voice=sandbox,aws-voice; email=ses"
    )
    missing = ["aws-sms sms", "aws-voice voice", "messente viber", "webhook sms"]
    assert operator.runs("prices", "put", str(file))["without_prices"] == missing
    assert operator.runs("prices", "show")["without_prices"] == missing


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sns,sms,EE", "expected provider,channel,country,price, such as sns,sms,EE,0.0325"),
        ("sns;sms;EE;0,04", "expected provider,channel,country,price"),
        ("sns,sms,EE,0,04", "expected provider,channel,country,price"),
        ("twilio,sms,EE,1", "there is no provider 'twilio'"),
        ("webhook-,sms,EE,1", "there is no provider 'webhook-'"),
        ("webhook-A,sms,EE,1", "there is no provider 'webhook-A'"),
        ("sns,text,EE,1", "'text' is none of sms, voice, email"),
        ("sns,sms,UK,1", "'UK' is not a country such as EE, or * for all others"),
        ("sns,sms,,1", "'' is not a country"),
        ("ses,email,EE,1", "e-mail has no countries: write *"),
        ("sns,sms,EE,0.00001", "'0.00001' is no amount of money such as 0.0325"),
        ("sns,sms,EE,-1", "'-1' is no amount of money"),
        ("sns,sms,EE,1e3", "'1e3' is no amount of money"),
        ("sns,sms,EE,.5", "'.5' is no amount of money"),
        ("sns,sms,EE,", "'' is no amount of money"),
        ("sns,sms,EE,\u0661", "is no amount of money"),
        ("sns,sms,LV,1\nsns,sms,LV,2", "there is a price for this already"),
        ("provider,channel,country,price", "there is no provider 'provider'"),
        (f"sns,sms,EE,{'1' * 140_000}", "field larger than field limit"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_put(
    operator: Operator, file: Path, line: str, says: str
) -> None:
    operator.runs("prices", "put", str(file))
    before = dict(operator.dynamodb.items)
    file.write_text(f"sns,sms,*,1\n\n{line}\nx\n")
    first, last = operator.fails("prices", "put", str(file), sentences=2).splitlines()
    number = 3 + line.count("\n")
    assert first.startswith(f"line {number}: ") and says in first
    assert last.startswith(f"line {number + 1}: expected provider,channel,country,price")
    assert operator.dynamodb.items == before


@pytest.mark.parametrize("text", ["", "\n\n", "provider,channel,country,price\n"])
def test_a_file_without_prices_puts_nothing(operator: Operator, file: Path, text: str) -> None:
    file.write_text(text)
    assert operator.fails("prices", "put", str(file)) == f"{file} has no prices."
    file.write_bytes(b"\xff\xfe")
    assert operator.fails("prices", "put", str(file)) == f"{file} is not text in UTF-8."
    assert "nowhere.csv" in operator.fails("prices", "put", "nowhere.csv")
    assert operator.dynamodb.items == {}


def test_a_stack_of_others_gets_no_prices(operator: Operator, file: Path) -> None:
    said = operator.fails("prices", "put", str(file), "--stack", "bare")
    assert said == "The stack bare is not one of ours."
    assert operator.dynamodb.items == {}


def spend(operator: Operator, name: str, text: str, subject: str, *used: int) -> None:
    """Let shards of a budget of today be used."""
    (limit,) = parse_budget(LimitName(name), text)
    for shard, amount in enumerate(used):
        key = table.limit_key(Charge(limit, subject.encode(), 0, shard), NOW)
        operator.dynamodb.put(key | {"used": {"N": str(amount)}})


def test_a_stack_without_budgets_has_none(operator: Operator) -> None:
    operator.creates("Demo")
    assert operator.runs("budgets") == {"day": "2027-01-15", "budgets": []}


def test_the_budgets_of_the_stack_and_of_each_client_say_what_is_used(operator: Operator) -> None:
    operator.stacks.parameters |= {
        "StackMessages": "1000",
        "StackCost": "99.50",
        "ClientMessages": "100",
        "ClientCost": "",
    }
    usual, _ = operator.creates("Usual")
    own, _ = operator.creates("Own")
    operator.runs(
        *("clients", "profile", own, "--limit", "client_messages=7", "--limit", "client_cost=2"),
        *("--limit", "client_starts=1/1m"),
    )
    spend(operator, "stack_messages", "1000", "stack", 200, 0, 3, 1)
    spend(operator, "stack_cost", "99.50", "stack", 497_500)
    spend(operator, "client_messages", "100", usual, 99)
    spend(operator, "client_messages", "100", own, 50)  # before it had one of its own
    spend(operator, "client_cost", "2", own, 20_000)
    operator.now += 15 * 3_600_000  # still that day
    columns = ("of", "budget", "used", "allowed", "percent")
    printed = operator.runs("budgets")
    assert printed["day"] == "2027-01-15"
    assert [tuple(one[column] for column in columns) for one in printed["budgets"]] == [
        ("stack", "stack_messages", 204, 1000, 20),
        ("stack", "stack_cost", "49.7500", "99.5000", 50),
        (usual, "client_messages", 99, 100, 99),
        (own, "client_messages", 50, 7, 714),
        (own, "client_cost", "2.0000", "2.0000", 100),
    ]
    operator.now += 3_600_000
    tomorrow = operator.runs("budgets")
    assert tomorrow["day"] == "2027-01-16"
    assert {one["percent"] for one in tomorrow["budgets"]} == {0}
