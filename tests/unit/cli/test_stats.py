"""Statistics put each message under the channel that brought it."""

from collections.abc import Sequence

from verification.cli.stats import Statistics
from verification.domain.verification import Channel, Delivery, Outcome, Record

from tests.fakes.samples import NOW, make_send, make_try, make_verification

PRICES = {Channel.SMS: 500, Channel.VOICE: 3000}


def price(providers: Sequence[str], channel: Channel, country: str | None) -> int:
    return PRICES[channel]


def test_a_call_after_an_sms_is_no_sms() -> None:
    record = Record(
        make_verification(),
        sends=(
            make_send(make_try(Outcome.REJECTED), make_try(provider="messente")),
            make_send(make_try(channel=Channel.VOICE, report=Delivery.DELIVERED), number=2),
        ),
    )
    statistics = Statistics(price, NOW)
    statistics.add(record)
    shown = statistics.show()
    figures = ("started", "accepted", "delivered", "pending", "conversion", "cost")
    assert {one["channel"]: [one[name] for name in figures] for one in shown["by_channel"]} == {
        "sms": [1, 1, 0, 1, 0.0, "0.0500"],
        "voice": [0, 1, 1, 0, None, "0.3000"],
    }
    assert [shown["total"][name] for name in figures] == [1, 1, 1, 1, 0.0, "0.3500"]
    assert {one["provider"]: one["cost"] for one in shown["by_provider"]} == {
        "sns": "0.3000",
        "messente": "0.0500",
    }


def test_a_verification_without_a_message_counts_where_it_was_started() -> None:
    statistics = Statistics(price, NOW)
    statistics.add(Record(make_verification(channel=Channel.VOICE)))
    (one,) = statistics.show()["by_channel"]
    assert (one["channel"], one["started"], one["cost"]) == ("voice", 1, "0.0000")
