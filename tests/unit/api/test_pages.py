"""The page on which a person types the code: what it shows, what it does, what it never says."""

import json
import re
from collections.abc import Callable
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

import pytest
from verification.api.pages.assets import SCRIPT, SCRIPT_SOURCE, STYLE, STYLE_SOURCE
from verification.api.pages.handler import read_typed
from verification.domain.codes import derive_code
from verification.domain.page_texts import PAGE_TEXTS, PageTexts
from verification.domain.policy import Client, Profile
from verification.domain.texts import TEXTS
from verification.domain.verification import Channel, Status
from verification.errors import ProviderUnavailable, TemporarilyUnavailable

from tests.fakes.browser import Visitor
from tests.fakes.calls import SECRET, Context, FakeClients, http_event
from tests.fakes.functions import load
from tests.fakes.providers import FakeMessenger, FakeVerifier
from tests.fakes.services import InMemoryServices
from tests.fakes.stack import FakeStack

BACK = "https://shop.example/back?order=7"
HERE = "https://shop.example"
WITH_CALLS = {"return_url": BACK, "call": True}
MAX_BYTES = 30_000

type Handler = Callable[[Any, Any], Any]


class World:
    """A client with a list, the functions start, lookup and page, and people."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **policy: Any) -> None:
        channels = (Channel.SMS, Channel.VOICE, Channel.EMAIL)
        sends = policy.pop("sends", "1000/10m")
        provider = policy.pop("provider", FakeMessenger("sns", channels=channels))
        self.stack = FakeStack(sends, providers=[provider])
        profile = Profile(policy.pop("brand", "Shop"), return_urls=("https://shop.example/back",))
        self.client = Client("web", profile, **policy)
        self.clients = FakeClients(self.client)
        self._load: Callable[[str], Handler] = lambda name: load(
            name, self.stack, self.clients, InMemoryServices(), monkeypatch
        )
        self.start, self.page, self.lookup = map(self._load, ("start", "page", "lookup"))

    def starts(self, to: str = "+31612345678", **fields: Any) -> dict[str, Any]:
        """What a start with a page is answered."""
        fields = {"to": to, "locale": "en", "page": {"return_url": BACK}} | fields
        event = http_event(body=fields, headers={"Authorization": f"Bearer web.{SECRET}"})
        event["requestContext"] |= {
            "domainName": "verify.example.com",
            "path": "/v1/verifications",
        }
        answer = self.start(event, Context())
        return {"status_code": answer["statusCode"], **json.loads(answer["body"])}

    def visitor(self, **fields: Any) -> Visitor:
        """Somebody who was sent to the page of a new verification, and sees it."""
        return self.sent_to(self.starts(**fields)).sees()

    def sent_to(self, started: dict[str, Any]) -> Visitor:
        return Visitor(self.page, started["page_url"])

    def code(self, visitor: Visitor) -> str:
        """The right code."""
        verification = self.stack.verifications.read(visitor.token[1:27])
        assert verification
        seen = verification.verification
        key = self.stack.code_keys.keys[seen.kid]
        return derive_code(key, str(seen.id), seen.nonce or b"", seen.code_length)

    def asks(self, verification_id: str, result: str | None, **headers: str) -> Any:
        """What the client's server hears of a verification."""
        query = {"result": result} if result is not None else {}
        event = http_event(
            "GET",
            "/v1/verifications/{id}",
            headers={"Authorization": f"Bearer web.{SECRET}", **headers},
            queryStringParameters=query,
            pathParameters={"id": verification_id},
        )
        return json.loads(self.lookup(event, Context())["body"])

    def page_result(self, back: str, **headers: str) -> str:
        """What the client's server hears of a result, from the address that came back."""
        found = re.search("verification=([a-z0-9]+)&result=([a-z2-7]+)$", back)
        assert found, back
        return str(self.asks(found[1], found[2], **headers)["page"]["result"])


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


# ------------------------------------------------------------------------------- the address


def test_a_start_with_a_page_says_where_it_is(world: World) -> None:
    started = world.starts()
    assert started["status_code"] == 201
    page_url = f"https://verify.example.com/v1/pages/{started['id']}-{world.stack.clock.now}-"
    assert re.fullmatch(re.escape(page_url) + "[a-z2-7]{26}", started["page_url"])
    assert "page_url" not in world.starts(page=None)


def test_a_start_repeated_with_its_key_says_the_same_address(world: World) -> None:
    first, again = (world.starts() for _ in range(2))
    assert first["page_url"] != again["page_url"]
    event = http_event(
        body={"to": "+31612345678", "page": {"return_url": BACK}},
        headers={"Authorization": f"Bearer web.{SECRET}", "Idempotency-Key": "k"},
    )
    event["requestContext"] |= {"domainName": "verify.example.com", "path": "/v1/verifications"}
    bodies = [json.loads(world.start(event, Context())["body"]) for _ in range(2)]
    assert bodies[0]["page_url"] == bodies[1]["page_url"]


@pytest.mark.parametrize(
    "url", ["https://evil.example/back", "https://shop.example/", "https://shop.example/backdoor"]
)
def test_a_page_may_lead_to_where_the_list_says_and_nowhere_else(world: World, url: str) -> None:
    refused = world.starts(page={"return_url": url})
    assert (refused["status"], refused["code"]) == (403, "return_url_not_allowed")
    assert world.stack.verifications.used == {} and world.stack.journal == []


def test_a_start_repeated_with_its_key_is_answered_whatever_the_list_says_by_now(
    world: World,
) -> None:
    event = http_event(
        body={"to": "+31612345678", "page": {"return_url": BACK}},
        headers={"Authorization": f"Bearer web.{SECRET}", "Idempotency-Key": "k"},
    )
    event["requestContext"] |= {"domainName": "verify.example.com", "path": "/v1/verifications"}
    first = world.start(event, Context())
    world.clients._clients["web"] = replace(world.client, profile=Profile("Shop"))
    again = world.start(event, Context())
    assert (again["statusCode"], again["body"]) == (first["statusCode"], first["body"])
    assert len(world.stack.watches.queued) == 1
    event["headers"]["Idempotency-Key"] = "other"
    assert json.loads(world.start(event, Context())["body"])["code"] == "return_url_not_allowed"


def test_without_a_list_there_are_no_pages(world: World) -> None:
    world.clients._clients["web"] = replace(world.client, profile=Profile("Shop"))
    assert world.starts()["code"] == "return_url_not_allowed"


def test_no_address_but_the_one_given_opens_a_page(world: World) -> None:
    token, other = (world.starts()["page_url"].rpartition("/")[2] for _ in range(2))
    changed = "b" if token[-2] != "b" else "c"
    forged = [
        "",
        "x",
        token[:27],
        token[:-1],
        f"{token[:-2]}{changed}{token[-1]}",
        f"{token[:27]}{other[27:]}",  # the proof of another verification
        f"{other[:27]}{token[27:]}",
        token.upper(),
        token.replace("-18", "-19"),
        f"{token}-{token}",
        f"{token}/",
        "../verifications",
    ]
    pages = {Visitor(world.page, "").sees().html}
    for one in forged:
        visitor = Visitor(world.page, "")
        visitor.token = one
        assert visitor.sees().status == 404, one
        pages.add(visitor.html)
        assert visitor.sends({"action": "verify", "code": "123456", "form": "x"}).status == 404
        pages.add(visitor.html)
    assert len(pages) == 1 and PAGE_TEXTS["en"].missing in pages.pop()
    assert "guess" not in world.stack.journal


def test_a_page_is_gone_with_its_verification_and_with_its_client(world: World) -> None:
    visitor = world.visitor()
    world.clients._clients.pop("web")
    assert visitor.sees().status == 404
    world.clients._clients["web"] = world.client
    assert visitor.sees().status == 200
    world.stack.clock.advance(300 + 24 * 3600)
    assert visitor.sees().status == 404


def test_the_page_of_an_id_that_is_used_again_is_another(world: World) -> None:
    visitor = world.visitor()
    record = world.stack.verifications.read(visitor.token[1:27])
    assert record
    later = replace(record.verification, created_at=record.verification.created_at + 1)
    world.stack.verifications._put(later)
    assert visitor.sees().status == 404


# ------------------------------------------------------------------------- what it shows


def test_the_page_says_to_whom_the_code_went_and_nothing_more(world: World) -> None:
    visitor = world.visitor(reference="order-7", metadata={"name": "Ann"})
    assert visitor.status == 200
    assert visitor.title == "Enter your code"
    assert "We sent a code to +316*****678 ." in visitor.text
    assert "Attempts left: 5 Valid for 5:00" in visitor.text
    assert "Possible again in 0:30" in visitor.text
    assert visitor.actions == ["verify", "resend"]
    for secret in (world.code(visitor), "31612345678", "order-7", "Ann", "web"):
        assert secret not in visitor.html.replace(visitor.token, "")
    assert visitor.link == f"{BACK}&verification={visitor.token[:27]}"


def test_the_right_code_takes_back_to_the_client_whose_server_confirms_once(world: World) -> None:
    visitor = world.visitor()
    back = visitor.does("verify", world.code(visitor)).location
    assert back.startswith(f"{BACK}&verification={visitor.token[:27]}&result=")
    assert world.page_result(back) == "confirmed"
    assert world.page_result(back) == "used"
    assert visitor.sees().title == "Confirmed"
    assert visitor.actions == []
    assert visitor.link == f"{BACK}&verification={visitor.token[:27]}"  # without the result


def test_the_server_whose_answer_got_lost_hears_it_again_with_its_key(world: World) -> None:
    visitor = world.visitor()
    back = visitor.does("verify", world.code(visitor)).location
    key = {"Idempotency-Key": "once"}
    assert [world.page_result(back, **key) for _ in range(2)] == ["confirmed"] * 2
    assert world.page_result(back, **{"Idempotency-Key": "twice"}) == "used"


def test_a_result_is_good_for_ten_minutes(world: World) -> None:
    visitor = world.visitor()
    back = visitor.does("verify", world.code(visitor)).location
    world.stack.clock.advance(599.999)
    late = world.visitor()
    other = late.does("verify", world.code(late)).location
    assert world.page_result(back) == "confirmed"
    world.stack.clock.advance(600)
    assert world.page_result(other) == "expired"


def test_what_a_browser_makes_up_is_not_confirmed(world: World) -> None:
    visitor, other = world.visitor(), world.visitor()
    code = world.code(visitor)
    verification_id = visitor.token[:27]
    assert world.asks(verification_id, "q" * 26)["page"] == {"result": "invalid"}
    back = visitor.does("verify", code).location
    result = back.rpartition("=")[2]
    other.does("verify", world.code(other))
    for wrong_one in (
        "x",
        "q" * 26,
        result.upper(),
        result[:-2] + "aa",
        visitor.token[-26:],
        "\u00e9",
    ):
        assert world.asks(verification_id, wrong_one)["page"] == {"result": "invalid"}
    assert world.asks(other.token[:27], result)["page"] == {"result": "invalid"}
    assert "page" not in world.asks(verification_id, None)
    assert world.page_result(back) == "confirmed", "nothing of that used it up"


def test_a_result_of_somebody_elses_verification_is_nobodys(world: World) -> None:
    visitor = world.visitor()
    back = visitor.does("verify", world.code(visitor)).location
    event = http_event(
        "GET",
        "/v1/verifications/{id}",
        queryStringParameters={"result": back.rpartition("=")[2]},
        pathParameters={"id": visitor.token[:27]},
    )
    assert world.lookup(event, Context())["statusCode"] == 404
    assert world.page_result(back) == "confirmed"


def test_only_the_browser_that_gave_the_code_gets_the_result(world: World) -> None:
    """Who lured somebody to a page of theirs, and has its address, has nothing of it."""
    victim = world.visitor()
    lurking = Visitor(world.page, victim.token).sees()
    code = world.code(victim)
    victim.does("verify", code)
    for attempt in (lurking.does("verify", code), lurking.sees()):
        assert attempt.title == "Confirmed" and "result=" not in attempt.html
    lurking.sends({"action": "verify", "code": code, "form": ""})
    assert lurking.location == "?e=now"


def test_a_form_that_is_sent_twice_counts_once(world: World) -> None:
    visitor = world.visitor()
    code = world.code(visitor)
    bad = {"action": "verify", "code": wrong(code), "form": visitor.form}
    assert [visitor.sends(bad).location for _ in range(3)] == ["?e=wrong"] * 3
    assert "Attempts left: 4" in visitor.sees("wrong").text
    good = {"action": "verify", "code": code, "form": visitor.form}
    first, again = (visitor.sends(good).location for _ in range(2))
    assert first == again and world.page_result(first) == "confirmed"


def test_a_form_that_the_browser_kept_may_carry_another_code(world: World) -> None:
    visitor = world.visitor()
    code, form = world.code(visitor), visitor.form
    for typed, location in ((wrong(code), "?e=wrong"), (wrong(wrong(code)), "?e=wrong")):
        sent = visitor.sends({"action": "verify", "code": typed, "form": form})
        assert sent.location == location
    assert visitor.sends({"action": "verify", "code": code, "form": form}).location.startswith(BACK)


def test_wrong_codes_are_counted_to_the_end(world: World) -> None:
    visitor = world.visitor(max_attempts=3)
    code = world.code(visitor)
    for left in (2, 1):
        visitor.does("verify", wrong(code))
        assert f"That code is not right. Code Confirm Attempts left: {left}" in visitor.text
        assert 'aria-invalid="true"' in visitor.html and 'role="alert"' in visitor.html
    visitor.does("verify", wrong(code))
    assert (visitor.title, visitor.actions) == ("Too many wrong codes", [])
    visitor.sends({"action": "verify", "code": code, "form": "x"})
    assert visitor.location == "?e=now"
    assert visitor.sees().title == "Too many wrong codes"
    assert visitor.link == f"{BACK}&verification={visitor.token[:27]}"


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "----", "1" * 65, "\U0001f600" * 6, "\x00" * 6]
)
def test_what_cannot_be_the_code_costs_no_attempt(world: World, typed: str) -> None:
    visitor = world.visitor()
    visitor.does("verify", typed)
    assert "Type the digits of the code." in visitor.text
    assert "Attempts left: 5" in visitor.text


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("123456", "123456"),
        (" 123-456 ", "123456"),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", "123456"),
        ("\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6", "123456"),
        ("\u0967\u0968\u0969\u096a\u096b\u096c", "123456"),
        ("\uff11\uff12\uff13\uff14\uff15\uff16", "123456"),
        ("\u200e123456\u200f\u2068", "123456"),
        ("123\u00a0456", "123456"),
        ("\u2460\u2461\u2462\u2463\u2464\u2465", None),  # circled: numbers, but no digits
        ("12345", None),
    ],
)
def test_digits_of_any_script_are_read(typed: str, read: str | None) -> None:
    assert read_typed(typed, 6) == read


def test_the_code_is_sent_again_or_said_on_the_phone(world: World) -> None:
    visitor = world.visitor(page=WITH_CALLS)
    assert visitor.actions == ["verify", "resend", "call"]
    visitor.does("resend")
    assert "The code was sent again." not in visitor.text, "too early"
    assert len(world.stack.watches.queued) == 1
    world.stack.clock.advance(30)
    assert "Possible again" not in visitor.sees().text
    visitor.does("call")
    assert "You are being called now." in visitor.text and "again in 0:30" in visitor.text
    world.stack.clock.advance(30)
    visitor.does("resend")
    assert "The code was sent again." in visitor.text
    record = world.stack.verifications.read(visitor.token[1:27])
    assert record and [send.taken.channel for send in record.sends] == ["sms", "voice", "sms"]


@pytest.mark.parametrize("channels", [["sms", "voice"], ["sms", "whatsapp"]])
def test_a_call_is_offered_where_the_start_names_voice(
    monkeypatch: pytest.MonkeyPatch, channels: list[str]
) -> None:
    world = World(monkeypatch, provider=FakeMessenger("sns", channels=tuple(Channel)))
    visitor = world.visitor(channels=channels)
    assert ("call" in visitor.actions) is ("voice" in channels)


def test_a_call_is_made_only_where_the_page_offers_it(world: World) -> None:
    visitor = world.visitor()
    world.stack.clock.advance(30)
    assert visitor.does("call").text.count("That did not work. Try again later.") == 1
    assert len(world.stack.watches.queued) == 1
    record = world.stack.verifications.read(visitor.token[1:27])
    assert record and (record.verification.sends, record.page_tried_at) == (1, None)
    assert "The code was sent again." in visitor.does("resend").text


def test_a_call_that_the_client_asked_for_itself_lets_nobody_else_call(world: World) -> None:
    visitor = world.visitor()
    world.stack.clock.advance(30)
    world.stack.resend(world.client, visitor.token[:27], Channel.VOICE, lambda: 10_000)
    world.stack.clock.advance(30)
    assert visitor.sees().actions == ["verify", "resend"]
    assert visitor.sends({"action": "call"}).location == "?e=fault"


def test_who_was_called_first_is_called_again(world: World) -> None:
    visitor = world.visitor(channel="voice", page=WITH_CALLS)
    assert visitor.actions == ["verify", "resend"]


def test_an_address_is_not_called(world: World) -> None:
    visitor = world.visitor(to="ann@example.com", page=WITH_CALLS)
    assert visitor.actions == ["verify", "resend"]
    assert "We sent a code to a***@example.com ." in visitor.text


def test_nothing_is_sent_more_often_than_may_be(world: World) -> None:
    visitor = world.visitor(max_sends=1)
    assert visitor.actions == ["verify"]
    world.stack.clock.advance(30)
    visitor.sends({"action": "resend"})
    assert visitor.location == "?e=fault"
    assert "That did not work. Try again later." in visitor.sees("fault").text


def test_a_limit_that_a_page_meets_is_counted_as_any_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(monkeypatch, sends="1/1h")
    visitor = world.visitor()
    world.stack.clock.advance(30)
    assert "That did not work. Try again later." in visitor.does("resend").text
    assert '"Limited"' in capsys.readouterr().out


def test_refused_tries_of_a_page_have_to_wait_like_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, sends="1/1h")
    visitor = world.visitor(page=WITH_CALLS)
    queued = world.stack.watches.queued
    for tries in (1, 2, 3):
        world.stack.clock.advance(30)
        world.stack.journal.clear()
        assert visitor.sends({"action": "resend"}).location == "?e=fault"
        for action in ("resend", "call") * 5:
            assert visitor.sends({"action": action}).location == "?e=now"
        assert len(queued) == 1 + tries
        assert world.stack.journal.count("claim") == 1
        assert "Possible again in 0:30" in visitor.sees().text


def test_a_try_that_comes_too_early_makes_nobody_wait_longer(world: World) -> None:
    visitor = world.visitor()
    world.stack.clock.advance(29)
    visitor.does("resend")
    world.stack.clock.advance(1)
    assert "The code was sent again." in visitor.does("resend").text


def test_a_client_that_asks_itself_waits_for_no_tries_of_a_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, sends="1/1m")
    visitor = world.visitor()
    world.stack.clock.advance(45)
    assert visitor.sends({"action": "resend"}).location == "?e=fault"
    world.stack.clock.advance(60)
    sent = world.stack.resend(world.client, visitor.token[:27], None, lambda: 10_000)
    assert sent.verification.sends == 2


def test_a_page_ends_with_its_verification(world: World) -> None:
    visitor, deleted = world.visitor(), world.visitor()
    world.stack.delete("web", deleted.token[:27], lambda: 10_000)
    assert deleted.sees().title == "This was canceled" and deleted.link is None
    code = world.code(visitor)
    world.stack.clock.advance(300)
    assert visitor.does("verify", code).title == "The code has expired"
    assert visitor.link == f"{BACK}&verification={visitor.token[:27]}"


@pytest.mark.parametrize("notice", ["wrong", "resent", "calling", "<script>", "None", "title"])
def test_an_address_says_nothing_that_is_not_so(world: World, notice: str) -> None:
    visitor = world.visitor()
    text, quiet = visitor.sees(notice).text, visitor.sees().text
    assert text == quiet and "<script>\n" in visitor.html


# --------------------------------------------------------------------- who may send a form


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_form_of_another_site_does_nothing(world: World, site: str) -> None:
    visitor = world.visitor()
    visitor.headers = {"Sec-Fetch-Site": site}
    visitor.does("verify", wrong(world.code(visitor)))
    world.stack.clock.advance(30)
    visitor.does("resend")
    assert "Attempts left: 5" in visitor.text
    assert len(world.stack.watches.queued) == 1


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_a_form_of_the_page_itself_is_taken(world: World, site: str) -> None:
    visitor = world.visitor()
    visitor.headers = {"sec-fetch-site": site}
    assert visitor.does("verify", world.code(visitor)).location.startswith(BACK)


@pytest.mark.parametrize(
    ("body", "kind", "location"),
    [
        ("", "application/x-www-form-urlencoded", "?e=now"),
        ("action=dance", "application/x-www-form-urlencoded", "?e=now"),
        ("action=verify", "application/x-www-form-urlencoded", "?e=digits"),
        ("action=verify&action=resend", "application/x-www-form-urlencoded", "?e=fault"),
        ('{"action": "resend"}', "application/json", "?e=fault"),
        ("action=%ff", "application/x-www-form-urlencoded", "?e=fault"),
        ("x" * 40_000, "application/x-www-form-urlencoded", "?e=fault"),
    ],
)
def test_a_form_that_is_none_changes_nothing(
    world: World, body: str, kind: str, location: str
) -> None:
    visitor = world.visitor()
    before = world.stack.verifications.read(visitor.token[1:27])
    assert visitor.sends(body, kind).location == location
    assert world.stack.verifications.read(visitor.token[1:27]) == before


def test_a_direct_invoke_is_no_way_in(world: World) -> None:
    assert world.page({"action": "verify"}, Context())["error"]["code"] == "invalid_request"


# --------------------------------------------------------------------------------- faults


def test_what_is_out_of_reach_is_said_and_shows_no_words_of_ours(world: World) -> None:
    visitor = world.visitor()
    world.stack.verifications.failing["read"] = TemporarilyUnavailable()
    assert visitor.sees().status == 503
    world.stack.verifications.failing["read"] = RuntimeError("a secret")
    assert visitor.sees().status == 500
    assert "secret" not in visitor.html and PAGE_TEXTS["en"].fault in visitor.html


def test_a_guess_that_was_not_judged_is_not_called_wrong(world: World) -> None:
    visitor = world.visitor()
    world.stack.verifications.failing["guess"] = TemporarilyUnavailable()
    visitor.does("verify", world.code(visitor))
    assert "That did not work. Try again later." in visitor.text
    assert "not right" not in visitor.text


def test_a_guess_that_got_no_answer_is_the_same_guess_when_it_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verifier = FakeVerifier(name="sns", check_failing=ProviderUnavailable("sns", "503"))
    world = World(monkeypatch, provider=verifier)
    visitor = world.visitor()
    form = visitor.form
    for _ in range(5):
        assert visitor.does("verify", verifier.code).status == 503
        assert "That did not work. Try again later." in visitor.text
        assert visitor.form == form
        world.stack.clock.advance(15)
    record = world.stack.verifications.read(visitor.token[1:27])
    assert record and record.verification.attempts == 1
    assert len(verifier.asked) == 5
    verifier.check_failing = None
    back = visitor.does("verify", verifier.code).location
    assert world.page_result(back) == "confirmed"


@pytest.mark.parametrize("form", ["", "x", "a" * 27, '"><script>', "A" * 26])
def test_a_form_that_is_none_of_ours_is_not_shown_again(world: World, form: str) -> None:
    visitor = world.visitor()
    world.stack.verifications.failing["guess"] = TemporarilyUnavailable()
    visitor.sends({"action": "verify", "code": world.code(visitor), "form": form})
    assert visitor.location == "?e=fault"


def test_nobody_chooses_the_form_of_a_page_by_its_address(world: World) -> None:
    visitor = world.visitor()
    event = http_event(
        "GET",
        "/v1/pages/{token}",
        queryStringParameters={"e": "fault", "f": "a" * 26, "form": "a" * 26},
        pathParameters={"token": visitor.token},
    )
    assert "a" * 26 not in world.page(event, Context())["body"]


# ------------------------------------------------------------------------ how it is answered


def test_every_answer_keeps_the_page_to_itself(world: World) -> None:
    visitor = world.visitor()
    code = world.code(visitor)
    answers = [visitor.sees().answer]
    for fields in ({"action": "verify", "code": wrong(code), "form": "x"}, {"action": "resend"}):
        answers.append(visitor.sends(fields).answer)
    answers.append(visitor.sends({"action": "verify", "code": code, "form": "x"}).answer)
    answers.append(Visitor(world.page, "x").sees().answer)
    for answer in answers:
        headers = answer["headers"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Robots-Tag"] == "noindex"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert headers["Permissions-Policy"].startswith("otp-credentials=(self), ")
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert ("Location" in headers) is (answer["statusCode"] == 303)


def test_the_policy_of_a_page_lets_in_what_stands_in_it_and_nothing_else(world: World) -> None:
    policy = world.visitor().answer["headers"]["Content-Security-Policy"]
    assert dict(rule.split(" ", 1) for rule in policy.split("; ")) == {
        "default-src": "'none'",
        "style-src": STYLE_SOURCE,
        "script-src": SCRIPT_SOURCE,
        "img-src": "data:",
        "form-action": f"'self' {HERE}",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    nobody = Visitor(world.page, "x").sees().answer["headers"]["Content-Security-Policy"]
    assert "form-action 'self';" in nobody and "unsafe" not in nobody + policy


def test_a_page_loads_nothing(world: World) -> None:
    html = world.visitor().html
    assert f"<style>{STYLE}</style>" in html and f"<script>{SCRIPT}</script>" in html
    assert not re.search(r"\b(src|srcset|action|formaction|style|on[a-z]+)=", html)
    assert re.findall(r'href="([^"]*)"', html)[0] == "data:,"
    assert not re.search(r"@import|url\(|https?://", STYLE + SCRIPT.replace("https://wicg", ""))


@pytest.mark.parametrize(
    "brand",
    ["<script>1</script>", '"><img src=x>', "</title><b>x", "&amp;'\"<>", "\u202eevil", "a\nb{x}"],
)
def test_nothing_that_somebody_wrote_is_markup(monkeypatch: pytest.MonkeyPatch, brand: str) -> None:
    # Kept from starts, but an item may have been written by another hand.
    world = World(monkeypatch)
    visitor = world.visitor()
    record = world.stack.verifications.read(visitor.token[1:27])
    assert record
    quiet = re.findall("<[a-z/!][^>]*>", visitor.html)
    hostile = replace(record.verification, brand=brand, to=f"+1{brand}")
    world.stack.verifications._put(hostile)
    assert re.findall("<[a-z/!][^>]*>", visitor.sees().html.replace("\u202e", "")) != []
    tags = [re.sub('value="[a-z2-7]{26}"', "", tag) for tag in quiet]
    now = [
        re.sub('value="[a-z2-7]{26}"', "", t) for t in re.findall("<[a-z/!][^>]*>", visitor.html)
    ]
    assert now == tags


def test_no_log_line_holds_what_opens_or_proves_anything(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = world.visitor()
    code = world.code(visitor)
    visitor.does("verify", wrong(code)).does("verify", "12")
    back = visitor.does("verify", code).location
    world.page_result(back)
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    assert "'operation': 'page'" in logged
    for secret in (code, wrong(code), visitor.token, back.rpartition("=")[2], "31612345678", BACK):
        assert secret not in logged


# ---------------------------------------------------------------------------- languages


NAMES = [one.name for one in fields_of(PageTexts)]


def test_every_language_of_the_messages_has_a_page() -> None:
    assert PAGE_TEXTS.keys() == TEXTS.keys()
    english = PAGE_TEXTS["en"]
    for texts in PAGE_TEXTS.values():
        for name in NAMES:
            text = getattr(texts, name)
            fields = re.findall(r"\{\w*\}", text)
            assert fields == re.findall(r"\{\w*\}", getattr(english, name)), (texts.language, name)
            assert text == text.strip() and text, (texts.language, name)
            assert not {*'<>&"'} & {*text}, (texts.language, name)
        words = {getattr(texts, name) for name in NAMES}
        assert len(words) >= len(NAMES) - 2, texts.language


@pytest.mark.parametrize("language", [*PAGE_TEXTS])
def test_a_page_is_small_and_says_its_language_in_every_state(world: World, language: str) -> None:
    texts = PAGE_TEXTS[language]
    started = world.starts(locale=language, max_attempts=10, max_sends=2, code_length=16)
    visitor = world.sent_to(started)
    record = world.stack.verifications.read(visitor.token[1:27])
    assert record
    seen, direction = record.verification, "rtl" if language in ("ar", "fa", "he") else "ltr"
    now = world.stack.clock.now
    states = {
        texts.title: replace(seen, attempts=1, sends=1),
        texts.failed: replace(seen, attempts=10),
        texts.expired: replace(seen, valid_until=now),
        texts.canceled: replace(seen, status=Status.CANCELED),
        texts.verified: replace(seen, last_guess=seen.code_mac),
    }
    for title, verification in states.items():
        world.stack.verifications._put(verification)
        for notice in ("wrong", "digits", "fault"):
            visitor.sees(notice)
            assert visitor.title == title
            assert f'<html lang="{language}" dir="{direction}">' in visitor.html
            assert len(visitor.html.encode()) < MAX_BYTES
            assert "{" not in visitor.text


@pytest.mark.parametrize(
    ("fields", "accepts", "language"),
    [
        ({"locale": "ar"}, "de", "ar"),
        ({"locale": None}, "de", "nl"),  # a Dutch number
        ({"to": "ann@example.com", "locale": None}, "de-AT,de;q=0.9,en;q=0.8", "de"),
        ({"to": "ann@example.com", "locale": None}, "*", "en"),
        ({"to": "ann@example.com", "locale": None}, "xx", "en"),
        ({"to": "ann@example.com", "locale": "fr"}, "de", "fr"),
    ],
)
def test_the_language_is_that_of_the_messages(
    world: World, fields: dict[str, Any], accepts: str, language: str
) -> None:
    visitor = world.sent_to(world.starts(**fields))
    visitor.headers = {"Accept-Language": accepts}
    assert f'<html lang="{language}"' in visitor.sees().html


def test_who_has_no_page_is_told_in_the_browsers_language(world: World) -> None:
    visitor = Visitor(world.page, "x")
    visitor.headers = {"Accept-Language": "he-IL"}
    assert '<html lang="he" dir="rtl">' in visitor.sees().html
