"""`verifyctl stats` shows the figures that were planted, on real engines."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from verification.domain.report import Report
from verification.domain.verification import Channel, Delivery, Outcome, Status
from verification.operations.ports import SendId
from verification.storage import table
from verification.storage.prices import write_prices
from verification.wiring import clock

from tests.fakes.operator import Terminal
from tests.fakes.samples import make_send, make_try, make_verification
from tests.integration.conftest import Place, create_table

PRICES = {"sns sms EE": 700, "sns sms *": 500, "messente sms EE": 400, "ses email *": 1}
CODE, OTHER = b"c" * 32, b"o" * 32
DAY = 86_400_000  # milliseconds


class Planted:
    """A sessions table of its own, and what is put there."""

    def __init__(self, place: Place) -> None:
        self.name = f"t{uuid.uuid4().hex[:12]}-sessions"
        self._dynamodb = place.dynamodb
        create_table(self._dynamodb, "SessionsTable", self.name)
        prices = write_prices(PRICES)
        self._dynamodb.put_item(TableName=place.environ["DIRECTORY_TABLE"], Item=prices)
        self.now = clock()

    def put(self, *tries: Any, ago: int = 0, delivered: str = "", **changes: Any) -> None:
        """A verification with one send of these tries.

        Args:
            ago: milliseconds since its start.
            delivered: the provider that reported it as delivered.
        """
        token, began = uuid.uuid4().hex[:26], self.now - ago
        verification = make_verification(
            began,
            token=token,
            expires_at=self.now // 1000 + 3600,
            to="+37251234567",
            code_mac=CODE,
            **{"country": "EE", **changes},
        )
        item = table.write_verification(verification)
        items = [item]
        if tries:
            send = table.write_send(make_send(*tries, claimed=began))
            beside = table.details_key(token) | {table.send_name(1): send}
            if delivered:
                of = SendId(token, 1, began)
                report = Report(delivered, Delivery.DELIVERED)
                beside[table.report_name(1, delivered)] = table.write_report(of, report, began)
            items.append(beside)
        for one in items:
            self._dynamodb.put_item(TableName=self.name, Item=one)


@pytest.fixture
def planted(place: Place) -> Iterator[Planted]:
    yield Planted(place)


def messente(outcome: Outcome = Outcome.ACCEPTED) -> Any:
    return make_try(outcome, provider="messente")


def mail() -> Any:
    return make_try(provider="ses", channel=Channel.EMAIL)


def plant(planted: Planted) -> None:
    """Ten verifications of the last day, and three that do not count."""
    over: dict[str, Any] = {"valid_until": planted.now - 1}
    right: dict[str, Any] = {"last_guess": CODE, "attempts": 1}
    planted.put(make_try(), delivered="sns", **right)
    planted.put(make_try(), **right)
    planted.put(make_try(), last_guess=OTHER, attempts=5)  # failed
    planted.put(make_try(Outcome.UNKNOWN), **over)  # perhaps sent: it may be billed
    planted.put(messente(Outcome.REJECTED), make_try(), delivered="sns", **right)
    planted.put(messente(), delivered="messente", **over)
    planted.put(make_try(), country="LV")
    planted.put(mail(), country=None, channel=Channel.EMAIL, **right)
    planted.put(status=Status.CANCELED)
    planted.put(messente(Outcome.UNAVAILABLE), **over)
    planted.put(make_try(), ago=2 * DAY)  # too long ago
    planted.put(make_try(), test=True, **right)
    planted.put(make_try(), ago=1000, country="SE", **right)
    planted.put(mail(), country=None, channel=Channel.EMAIL, ago=DAY - 600_000)


def test_the_figures_are_those_that_were_planted(terminal: Terminal, planted: Planted) -> None:
    plant(planted)
    found = terminal.runs("stats", "--table", planted.name)
    assert found["total"] == {
        "started": 12,
        "accepted": 9,
        "delivered": 3,
        "verified": 5,
        "failed": 1,
        "expired": 4,
        "canceled": 1,
        "pending": 1,
        "conversion": 0.4167,
        # sns to Estonia 5 times, elsewhere twice; messente once; two e-mails
        "cost": "0.4902",
    }
    countries = {one["country"]: one for one in found["by_country"]}
    assert {name: one["started"] for name, one in countries.items()} == {
        "EE": 8,
        "none": 2,
        "LV": 1,
        "SE": 1,
    }
    assert (countries["EE"]["conversion"], countries["EE"]["cost"]) == (0.375, "0.3900")
    assert [one["channel"] for one in found["by_channel"]] == ["sms", "email"]
    assert found["by_channel"][1]["cost"] == "0.0002"
    assert found["by_provider"] == [
        provider("sns", 7, 6, 2, 4, "0.4500"),
        provider("messente", 3, 1, 1, 0, "0.0400"),
        provider("ses", 2, 2, 0, 1, "0.0002"),
    ]
    assert found["tests"] == 1 and found["kept_hours"] == 24
    assert found["read"]["items"] == 27 and found["read"]["units"] >= 0
    assert (
        terminal.runs("stats", "--table", planted.name, "--since", "3d")["total"]["started"] == 13
    )
    assert "+37251234567" not in str(found)


def provider(
    name: str, asked: int, accepted: int, delivered: int, verified: int, cost: str
) -> dict[str, Any]:
    return {
        "provider": name,
        "asked": asked,
        "accepted": accepted,
        "delivered": delivered,
        "verified": verified,
        "conversion": round(verified / accepted, 4),
        "cost": cost,
    }


def test_people_see_the_same_figures_as_tables_and_bars(
    terminal: Terminal, planted: Planted
) -> None:
    plant(planted)
    seen = terminal.prints("stats", "--table", planted.name).splitlines()
    (line,) = [line for line in seen if line.startswith("verified ")]
    assert line.split()[:3] == ["verified", "5", "41.7%"] and "█" in line
    (line,) = [line for line in seen if line.startswith("EE ")]
    assert "37.5%" in line and "0.3900" in line
    assert any("older ones are not in it" in line for line in seen)


def test_a_table_without_any_has_no_conversion(terminal: Terminal, planted: Planted) -> None:
    found = terminal.runs("stats", "--table", planted.name)
    assert found["total"]["conversion"] is None and found["by_country"] == []
    assert "started" in terminal.prints("stats", "--table", planted.name)
