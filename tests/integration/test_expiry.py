"""Time: a code is valid until the millisecond, whether TTL has deleted or not."""

from dataclasses import replace

import pytest
from verification.domain.verification import Details, Reason, Status
from verification.errors import NotFound

from tests.integration.commands import (
    CLIENT,
    a_key,
    a_number,
    code_in,
    guess_command,
    remaining,
    start_command,
)
from tests.integration.conftest import Place


@pytest.mark.parametrize(("before_the_end", "valid"), [(1, True), (0, False), (-1, False)])
def test_a_code_expires_on_the_millisecond(place: Place, before_the_end: int, valid: bool) -> None:
    stack, to = place.stack(), a_number()
    verification = stack.start()(start_command(to, validity=30), remaining).record.verification
    moment = verification.valid_until - before_the_end
    verify = replace(stack.verify(), clock=lambda: moment)
    command = guess_command(str(verification.id), code_in(place.texts_to(to)[0]))
    after, verdict = verify(command, remaining)
    assert verification.valid_until == verification.created_at + 30_000
    assert (verdict.valid, verdict.reason) == (valid, None if valid else Reason.EXPIRED)
    assert after.attempts == int(valid)


def test_an_item_that_ttl_should_have_deleted_is_gone_for_callers(place: Place) -> None:
    stack = place.stack()
    started = stack.start()(start_command(a_number()), remaining).record.verification
    lookup = stack.lookup()
    last_second = (started.expires_at - 1) * 1000
    at_last = replace(lookup, clock=lambda: last_second).one(CLIENT.id, str(started.id))
    assert at_last.verification.status_at(last_second) == Status.EXPIRED
    too_late = replace(lookup, clock=lambda: started.expires_at * 1000)
    with pytest.raises(NotFound):
        too_late.one(CLIENT.id, str(started.id))
    assert too_late.list(CLIENT.id, started.to or "", 10, None).records == ()


def test_an_idempotency_key_is_free_again_once_its_verification_should_be_gone(
    place: Place,
) -> None:
    stack, to = place.stack(), a_number()
    start = stack.start()
    command = start_command(to, idempotency_key=a_key())
    first = start(replace(command, details=Details(ip="192.0.2.1")), remaining).record.verification
    later = replace(start, clock=lambda: first.expires_at * 1000)
    later = replace(later, sender=replace(start.sender, clock=later.clock))
    again = later(command, remaining)
    assert not again.replayed
    assert again.record.verification.id == first.id
    codes = [code_in(text) for text in place.texts_to(to)]
    assert len(codes) == 2
    assert codes[0] != codes[1], "a reused id gives a new code"
    assert again.record.last_send is not None
    assert again.record.last_send.claimed >= again.record.verification.created_at
    kept = place.dynamodb.query(
        TableName=place.sessions,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"V#{first.token}"}},
    )["Items"]
    assert "192.0.2.1" not in str(kept), "what the first life left beside it is gone"
