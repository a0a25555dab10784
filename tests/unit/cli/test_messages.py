"""What became of messages, and the sandbox's."""

import pytest
from verification.domain.verification import Outcome
from verification.storage import table

from tests.fakes.operator import NOW, Operator
from tests.fakes.samples import make_send, make_try, make_verification


def test_the_sandbox_is_read_newest_first(operator: Operator) -> None:
    for time, text in (("1", "old"), ("2", "new")):
        item = {"pk": {"S": "S#+31612345678"}, "sk": {"S": time}}
        operator.dynamodb.items["S#+31612345678", time] = item | {
            "channel": {"S": "sms"},
            "text": {"S": text},
        }
    assert operator.runs("sandbox", "--to", "+31612345678") == [
        {"channel": "sms", "text": "new"},
        {"channel": "sms", "text": "old"},
    ]
    assert operator.dynamodb.table_names == {"sessions"}
    assert operator.runs("sandbox", "--to", "+31687654321", "--table", "mine") == []
    assert operator.dynamodb.table_names == {"sessions", "mine"}


ID = f"a{'q' * 26}"


def test_all_tries_of_a_verification_are_shown_and_no_destination(operator: Operator) -> None:
    verification = make_verification(NOW, to="+31612345678", verifier="messente-verify")
    no = make_try(Outcome.REJECTED, provider="messente", vendor_code="FAILED 9", refused=True)
    taken = make_try(provider="messente-verify", message_id="v-1", delegated=True)
    item = table.write_verification(verification)
    beside = table.details_key(verification.token) | {
        "send_1": table.write_send(make_send(no, taken))
    }
    operator.dynamodb.put(item, beside)
    shown = operator.runs("show", ID)
    tries = [send.pop("tries") for send in shown["sends"]]
    assert shown == {
        "id": ID,
        "to": "+316*****678",
        "client_id": "shop",
        "status": "pending",
        "delivery": "accepted",
        "verifier": "messente-verify",
        "sends": [{"number": 1, "outcome": "accepted"}],
    }
    assert [
        (one["provider"], one["outcome"], one["vendor_code"], one["message_id"], one["refused"])
        for send in tries
        for one in send
    ] == [
        ("messente", "rejected", "FAILED 9", None, True),
        ("messente-verify", "accepted", None, "v-1", False),
    ]
    assert operator.dynamodb.table_names == {"sessions"}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x", "x is not an id of a verification."),
        (ID, f"There is no verification {ID}, or no longer."),
    ],
)
def test_a_verification_that_is_not_there_is_named(
    operator: Operator, name: str, says: str
) -> None:
    assert operator.fails("show", name) == says
