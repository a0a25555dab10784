"""Deliver: posted until somebody takes it, for a day; nobody waits for one who does not."""

from dataclasses import replace

import pytest
from verification.domain.events import EventType
from verification.domain.webhooks import GIVE_UP_SECONDS, Posting, sign
from verification.errors import ProviderSilent, TemporarilyUnavailable

from tests.fakes.clock import plenty
from tests.fakes.keys import identity_key
from tests.fakes.samples import NOW
from tests.fakes.webhooks import EVENT, WEBHOOK, Receivers


@pytest.fixture
def place() -> Receivers:
    return Receivers()


def test_an_event_is_posted_signed_and_that_is_all(place: Receivers) -> None:
    place.deliver.event(EVENT, plenty)
    [(url, headers, body)] = place.posted
    assert url == WEBHOOK.url and headers["webhook-id"] == EVENT["id"]
    assert headers["webhook-timestamp"] == str(NOW // 1000)
    key = WEBHOOK.key(identity_key(), 1)
    assert headers["webhook-signature"] == sign(key, EVENT["id"], NOW // 1000, body)
    assert not place.waiting and not place.buried and not place.disabled
    assert place.recorded.events == [("posted", "w1", EVENT["id"], "taken")]


def test_every_webhook_of_the_client_that_wants_it_gets_it(place: Receivers) -> None:
    place.webhooks += [
        replace(WEBHOOK, id="w2", url="https://two.example/"),
        replace(WEBHOOK, id="w3", types=(EventType.SENT,)),
        replace(WEBHOOK, id="w4", disabled=True),
        replace(WEBHOOK, id="w5", client_id="other"),
    ]
    place.deliver.event(EVENT, plenty)
    # Each by itself, so that one which hangs costs no other its time.
    assert not place.posted
    first, second = place.waiting
    assert first == (Posting("shop", "w1", EVENT), 0) and second[0].webhook_id == "w2"
    for posting, _ in (first, second):
        place.deliver.again(posting, plenty)
    assert [url for url, *_ in place.posted] == [WEBHOOK.url, "https://two.example/"]


def test_a_client_that_is_shut_out_gets_nothing(place: Receivers) -> None:
    place.profiles.of["shop"] = None
    place.deliver.event(EVENT, plenty)
    place.deliver.again(Posting("shop", "w1", EVENT, 1, NOW), plenty)
    assert place.posted == []


@pytest.mark.parametrize(
    "answer", [100, 301, 307, 400, 401, 404, 429, 500, 503, ProviderSilent("webhook", "deadline")]
)
def test_whatever_is_no_success_is_tried_again_later(
    place: Receivers, answer: int | Exception
) -> None:
    place.answers = [answer]
    place.deliver.event(EVENT, plenty)
    [(posting, wait)] = place.waiting
    assert posting == Posting("shop", "w1", EVENT, tries=1, began=NOW, due=NOW + 6_000)
    assert wait == 6_000  # five seconds, and a fifth by chance
    outcome = "deadline" if isinstance(answer, Exception) else f"http_{answer}"
    assert place.recorded.events == [("posted", "w1", EVENT["id"], outcome)]


def test_what_comes_too_soon_waits_on_and_is_not_posted(place: Receivers) -> None:
    early = Posting("shop", "w1", EVENT, 3, NOW - 1, NOW + 1)
    place.deliver.again(early, plenty)
    assert place.waiting == [(early, 1)] and place.posted == []


def test_what_is_due_is_posted_to_its_webhook_alone(place: Receivers) -> None:
    place.webhooks.append(replace(WEBHOOK, id="w2", url="https://two.example/"))
    place.deliver.again(Posting("shop", "w2", EVENT, 3, NOW - 1, NOW), plenty)
    assert [url for url, *_ in place.posted] == ["https://two.example/"]


def test_what_is_on_its_way_to_nobody_is_dropped(place: Receivers) -> None:
    place.webhooks = []
    place.deliver.again(Posting("shop", "w1", EVENT, 3, NOW - 1), plenty)
    assert not place.posted and not place.waiting and not place.buried


def test_a_day_after_the_first_try_it_is_given_up_and_kept(place: Receivers) -> None:
    began = NOW - GIVE_UP_SECONDS * 1000
    place.answers = [500, 500]
    place.deliver.again(Posting("shop", "w1", EVENT, 17, began + 1), plenty)
    assert len(place.waiting) == 1 and not place.buried
    place.deliver.again(Posting("shop", "w1", EVENT, 17, began), plenty)
    assert len(place.waiting) == 1 and len(place.posted) == 2
    [(posting, outcome)] = place.buried
    assert (posting.tries, outcome) == (18, "http_500")
    assert place.recorded.events[-1] == ("buried", "w1", EVENT["id"], "http_500")


def test_410_switches_it_off(place: Receivers) -> None:
    place.answers = [410]
    place.deliver.event(EVENT, plenty)
    assert place.disabled == ["w1"] and not place.waiting
    # What it did not take can be replayed, once it is enabled.
    assert [(posting.tries, outcome) for posting, outcome in place.buried] == [(1, "http_410")]
    warned = {"client_id": "shop", "webhook_id": "w1"}
    assert ("warn", "webhook_disabled", warned) in place.recorded.events


def test_what_waits_for_one_that_is_switched_off_is_kept(place: Receivers) -> None:
    place.webhooks = [replace(WEBHOOK, disabled=True)]
    place.deliver.again(Posting("shop", "w1", EVENT, 3, NOW - 1), plenty)
    assert not place.posted and not place.waiting
    assert [outcome for _, outcome in place.buried] == ["disabled"]


def test_one_that_keeps_failing_is_let_be_for_a_while_so_that_others_need_not_wait(
    place: Receivers,
) -> None:
    place.answers = [500, 500, 500]
    for _ in range(4):
        place.deliver.event(EVENT, plenty)
    assert len(place.posted) == 3
    assert [posting.tries for posting, _ in place.waiting] == [1, 1, 1, 0]
    assert [wait for _, wait in place.waiting] == [6_000, 6_000, 6_000, 36_000]
    place.clock.now += 30_000
    place.deliver.event(EVENT, plenty)
    assert len(place.posted) == 4 and len(place.waiting) == 4


def test_a_dead_receivers_backlog_is_moved_ever_more_rarely_and_tried_before_it_is_given_up(
    place: Receivers,
) -> None:
    place.answers = [500] * 200
    for _ in range(3):
        place.deliver.event(EVENT, plenty)
    place.waiting.clear()
    old = Posting("shop", "w1", EVENT, 8, NOW)
    waits = []
    for age in (0, 600, 6_000, 80_000):
        place.clock.now = NOW + age * 1000
        place.deliver.circuit.note("w1", failed=True)
        place.deliver.again(old, plenty)
        waits.append(place.waiting.pop()[1])
    assert waits == [36_000, 72_000, 720_000, 1_080_000] and len(place.posted) == 3
    place.clock.now = NOW + GIVE_UP_SECONDS * 1000
    place.deliver.circuit.note("w1", failed=True)
    place.deliver.again(old, plenty)
    assert len(place.posted) == 4 and place.buried[-1][1] == "http_500"


def test_a_queue_out_of_reach_has_the_message_come_again(place: Receivers) -> None:
    place.answers, place.failing = [500], TemporarilyUnavailable(retry_after=1)
    with pytest.raises(TemporarilyUnavailable):
        place.deliver.event(EVENT, plenty)
