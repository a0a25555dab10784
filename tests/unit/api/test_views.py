"""How a verification looks to its client."""

from dataclasses import replace

import pytest
from verification.api.native.views import show, show_verdict, time
from verification.domain.verification import (
    Channel,
    Delivery,
    Details,
    Outcome,
    Reason,
    Record,
    Status,
    Verdict,
)

from tests.fakes.samples import make_send, make_try, make_verification

NOW = 1_800_000_000_123
VERIFICATION = make_verification(
    NOW,
    max_sends=4,
    attempts=2,
    to="+31612345678",
    destination_hash=b"h" * 16,
    nonce=b"n" * 16,
    code_mac=b"m" * 32,
    last_guess=b"g" * 32,
    country="NL",
    locale="nl",
    purpose="login",
    reference="r-1",
)
SEND = make_send(
    make_try(
        Outcome.UNAVAILABLE, provider="messente", at=NOW, vendor_code="FAILED 209", refused=True
    ),
    make_try(at=NOW + 1, message_id="vendor's id", report=Delivery.DELIVERED, feedback=True),
    claimed=NOW,
)
RECORD = Record(VERIFICATION, Details(metadata={"order": "7"}, ip="192.0.2.1"), (SEND,))


def test_a_verification_is_shown_whole_but_for_its_secrets() -> None:
    assert show(RECORD, NOW) == {
        "id": "a" + "q" * 26,
        "to": "+31612345678",
        "channel": "sms",
        "status": "pending",
        "delivery": "delivered",
        "country": "NL",
        "code_length": 6,
        "created_at": "2027-01-15T08:00:00.123Z",
        "valid_until": "2027-01-15T08:05:00.123Z",
        "attempts": 2,
        "max_attempts": 5,
        "max_sends": 4,
        "resend_after": None,
        "locale": "nl",
        "purpose": "login",
        "reference": "r-1",
        "metadata": {"order": "7"},
        "sends": [
            {
                "number": 1,
                "channel": "sms",
                "provider": "sns",
                "outcome": "accepted",
                "at": "2027-01-15T08:00:00.124Z",
                "delivery": "delivered",
                "tries": [
                    {
                        "channel": "sms",
                        "provider": "messente",
                        "outcome": "unavailable",
                        "at": "2027-01-15T08:00:00.123Z",
                    },
                    {
                        "channel": "sms",
                        "provider": "sns",
                        "outcome": "accepted",
                        "at": "2027-01-15T08:00:00.124Z",
                    },
                ],
            }
        ],
    }


def test_what_a_vendor_says_and_who_checks_the_code_is_not_shown() -> None:
    delegated = replace(VERIFICATION, verifier="messente-verify", verifier_ref="vendor's ref")
    shown = str(show(replace(RECORD, verification=delegated), NOW))
    for hidden in ("vendor's", "209", "messente-verify", "refused", "feedback", "delegated"):
        assert hidden not in shown


def test_a_send_that_fell_back_shows_the_channel_that_took_it() -> None:
    no = make_try(Outcome.REJECTED, at=NOW)
    voice = make_try(channel=Channel.VOICE, provider="aws-voice", at=NOW)
    (send,) = show(Record(VERIFICATION, sends=(make_send(no, voice),)), NOW)["sends"]
    assert (send["channel"], send["provider"]) == ("voice", "aws-voice")
    assert [one["channel"] for one in send["tries"]] == ["sms", "voice"]
    assert send["delivery"] is None


def test_only_one_that_may_fall_back_shows_its_channels() -> None:
    assert "channels" not in show(RECORD, NOW)
    falling = replace(VERIFICATION, channels="sms,voice")
    assert show(Record(falling), NOW)["channels"] == ["sms", "voice"]


def test_a_masked_one_shows_the_ends_of_its_destination() -> None:
    assert show(RECORD, NOW, masked=True)["to"] == "+316*****678"


@pytest.mark.parametrize("masked", [True, False])
def test_a_deleted_one_has_no_destination(masked: bool) -> None:
    canceled = replace(
        VERIFICATION, status=Status.CANCELED, to=None, nonce=None, code_mac=None, reference=None
    )
    shown = show(Record(canceled), NOW, masked=masked)
    assert (shown["to"], shown["status"], shown["reference"]) == (None, "canceled", None)
    assert (shown["metadata"], shown["sends"], shown["delivery"]) == ({}, [], "unknown")


def test_status_is_that_of_the_moment() -> None:
    assert show(RECORD, NOW + 300_000)["status"] == "expired"


def test_only_a_test_says_that_it_is_one() -> None:
    test = replace(VERIFICATION, test=True)
    assert show(Record(test), NOW)["test"] is True
    assert show_verdict(test, Verdict(True), NOW)["test"] is True
    assert "test" not in show(RECORD, NOW)
    assert "test" not in show_verdict(VERIFICATION, Verdict(True), NOW)


def test_suspicions_are_shown_where_there_are_some() -> None:
    suspect = replace(VERIFICATION, suspicions="country_day,number_run")
    assert show(Record(suspect), NOW)["suspicions"] == ["country_day", "number_run"]
    one = replace(VERIFICATION, suspicions="ip_day")
    assert show(Record(one), NOW)["suspicions"] == ["ip_day"]
    assert "suspicions" not in show(RECORD, NOW)


def test_what_the_guard_and_the_limits_count_by_is_shown_to_nobody() -> None:
    counted = replace(VERIFICATION, ip=b"i" * 16, paid="destination_guesses#…", credited=True)
    assert show(Record(counted), NOW) == show(Record(VERIFICATION), NOW)


def test_a_verdict_says_what_became_of_the_guess() -> None:
    assert show_verdict(VERIFICATION, Verdict(False, Reason.INCORRECT), NOW) == {
        "id": "a" + "q" * 26,
        "valid": False,
        "status": "pending",
        "reason": "incorrect",
        "attempts": 2,
        "attempts_left": 3,
        "channel": "sms",
        "reference": "r-1",
        "purpose": "login",
    }


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000_001, "2027-01-15T08:00:00.001Z"),
        (1_800_000_000_999, "2027-01-15T08:00:00.999Z"),
        (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
    ],
)
def test_a_time_is_rfc_3339_to_the_millisecond(milliseconds: int, text: str) -> None:
    assert time(milliseconds) == text
