"""The vendors' own clients against our drop-in APIs: each call, each documented answer.

Messente's and MessageBird's clients come from their registries and run unchanged. Verigator's are
in none any more: what they send and take is replayed.
"""

import itertools
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pyotp
import pytest
import requests

from tests.e2e.clients import messagebird_clients, messente_clients, verigator_clients
from tests.e2e.clients.front import Front
from tests.e2e.clients.messagebird_clients import MessageBirdClient, Verify
from tests.e2e.talking import operate, wrong
from tests.e2e.vendors import Vendors, a_number_in
from tests.local.deploy import EMAIL_SENDER, PARAMETERS
from tests.local.stack import Credentials, Stack, handed_out

DUTCH, AMERICAN = "193.0.6.139", "8.8.8.8"  # addresses in these countries

_numbers = itertools.count()


def a_number() -> str:
    """A Dutch mobile number of a range that no other test uses."""
    return f"+3161230{next(_numbers):04d}"


def digits_in(text: str) -> str:
    """The code in a message, wherever it stands."""
    found = re.search(r"\d{4,16}", text)
    assert found, text
    return found[0]


def end(stack: Stack, verification_id: str) -> None:
    """Let the time of a verification be over."""
    stack.aws("dynamodb").update_item(
        TableName=stack.tables["sessions"],
        Key={"pk": {"S": f"V#{verification_id[1:]}"}, "sk": {"S": "V"}},
        UpdateExpression="SET valid_until = :past",
        ExpressionAttributeValues={":past": {"N": str(int(time.time() * 1000) - 1000)}},
    )


def look_up(stack: Stack, verification_id: str) -> dict[str, Any]:
    """A verification as the native API shows it."""
    answer = stack.call("GET", f"/v1/verifications/{verification_id}")
    assert answer.status == 200, answer
    seen: dict[str, Any] = answer.body
    return seen


# ---------------------------------------------------------------- Messente Number Verification


@pytest.fixture
def messente(stack: Stack) -> messente_clients.PythonClient:
    return messente_clients.PythonClient(stack.credentials, stack.api_url)


@pytest.fixture
def careless(stack: Stack) -> messente_clients.PythonClient:
    """Sends what it would otherwise refuse itself."""
    return messente_clients.PythonClient(stack.credentials, stack.api_url, validate=False)


def begin(
    stack: Stack, messente: messente_clients.PythonClient, to: str, **fields: Any
) -> tuple[str, str]:
    """The id of a session, and its PIN."""
    answer = messente.start(to=to, **fields)
    assert answer.is_ok(), answer.get_raw_text()
    return answer.get_verification_id(), digits_in(stack.texts_to(to)[-1])


def test_messente_sends_a_pin_and_verifies_it(
    stack: Stack, messente: messente_clients.PythonClient
) -> None:
    to = a_number()
    session, pin = begin(stack, messente, to)
    assert stack.texts_to(to) == [f"Your Verification PIN code is {pin}"]
    assert len(pin) == 4
    answer = messente.pin(verification_id=session, pin=pin)
    assert (answer.is_ok(), answer.is_verified()) == (True, True)
    assert answer.get_raw_text() == "VERIFIED"
    seen = look_up(stack, session)
    assert (seen["to"], seen["status"]) == (to, "verified")


def test_messente_takes_every_parameter(
    stack: Stack, messente: messente_clients.PythonClient
) -> None:
    to, browser = a_number(), "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_10_3) Chrome/43.0.2357"
    device = {"ip": DUTCH, "browser": browser, "cookie": "c" * 16}
    session, pin = begin(
        stack,
        messente,
        to,
        template="<PIN> opens {the} door & 100%",
        pin_length=16,
        max_tries=1,
        retry_delay=60,
        validity=1800,
        **device,
        **{"from": "Shop"},
    )
    assert stack.texts_to(to) == [f"{pin} opens {{the}} door & 100%"]
    assert len(pin) == 16
    assert messente.pin(verification_id=session, pin=pin, **device).is_verified()


def test_messente_says_why_a_pin_is_not_good(
    stack: Stack, messente: messente_clients.PythonClient
) -> None:
    session, pin = begin(stack, messente, a_number())
    answer = messente.pin(verification_id=session, pin=wrong(pin))
    assert (answer.is_invalid(), answer.get_raw_text()) == (True, "INVALID")
    assert messente.pin(verification_id=session, pin=pin).is_verified()
    assert messente.pin(verification_id=session, pin=pin).is_expired(), "used"

    session, pin = begin(stack, messente, a_number(), validity=1)
    time.sleep(1.1)
    answer = messente.pin(verification_id=session, pin=pin)
    assert (answer.is_expired(), answer.get_raw_text()) == (True, "EXPIRED")

    session, pin = begin(stack, messente, a_number())
    for n in range(1, 6):
        assert messente.pin(verification_id=session, pin=wrong(pin, n)).is_invalid()
    answer = messente.pin(verification_id=session, pin=pin)
    assert (answer.is_throttled(), answer.get_raw_text()) == (True, "THROTTLED")
    end(stack, session)
    assert messente.pin(verification_id=session, pin=pin).is_throttled()


def error_of(answer: Any) -> str:
    """The error as the client tells it, with the text that it has for it."""
    assert answer.is_replied() and answer.is_error() and not answer.is_ok(), answer.get_raw_text()
    assert answer.error_msg
    return f"{answer.status} {answer.error_code}"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"to": ""}, "ERROR 102"),
        ({"to": "12"}, "ERROR 102"),
        ({"to": "nobody"}, "ERROR 102"),
        ({"pin_length": 3}, "ERROR 102"),
        ({"pin_length": 17}, "ERROR 102"),
        ({"pin_length": "six"}, "ERROR 102"),
        ({"max_tries": 0}, "ERROR 102"),
        ({"max_tries": 11}, "ERROR 102"),
        ({"retry_delay": "soon"}, "ERROR 102"),
        ({"validity": 0}, "ERROR 102"),
        ({"validity": 1801}, "ERROR 102"),
        ({"validity": "long"}, "ERROR 102"),
        ({"template": "Your PIN code"}, "ERROR 109"),
    ],
)
def test_messente_names_what_is_wrong_with_a_start(
    stack: Stack, careless: messente_clients.PythonClient, fields: dict[str, Any], error: str
) -> None:
    to = a_number()
    assert error_of(careless.start(**{"to": to} | fields)) == error
    assert stack.texts_to(to) == []


@pytest.mark.parametrize("missing", ["verification_id", "pin"])
def test_messente_names_what_is_missing_from_a_pin(
    stack: Stack, careless: messente_clients.PythonClient, missing: str
) -> None:
    session, pin = begin(stack, careless, a_number())
    fields = {"verification_id": session, "pin": pin}
    del fields[missing]
    assert error_of(careless.pin(**fields)) == "ERROR 102"


def test_messente_knows_who_calls(stack: Stack, messente: messente_clients.PythonClient) -> None:
    session, pin = begin(stack, messente, a_number())
    mine = stack.credentials
    for credentials in (
        Credentials(mine.client_id, mine.client_secret[:-1]),
        Credentials("nobody-aaaaaaaa", mine.client_secret),
    ):
        stranger = messente_clients.PythonClient(credentials, stack.api_url)
        to = a_number()
        assert error_of(stranger.start(to=to)) == "ERROR 101"
        assert error_of(stranger.pin(verification_id=session, pin=pin)) == "ERROR 101"
        assert stack.texts_to(to) == []
    assert messente.pin(verification_id=session, pin=pin).is_verified()


def test_messente_knows_from_where(stack: Stack) -> None:
    fenced = stack.client("fenced", "--network", "192.0.2.0/24")
    client, to = messente_clients.PythonClient(fenced, stack.api_url), a_number()
    assert error_of(client.start(to=to)) == "ERROR 103"
    assert error_of(client.pin(verification_id="x", pin="1234")) == "ERROR 103"
    assert stack.texts_to(to) == []


def test_messente_knows_whose_session_it_is(
    stack: Stack, messente: messente_clients.PythonClient
) -> None:
    session, pin = begin(stack, messente, a_number())
    another = messente_clients.PythonClient(stack.client("another"), stack.api_url)
    assert error_of(another.pin(verification_id=session, pin=pin)) == "ERROR 110"
    assert error_of(messente.pin(verification_id="unknown", pin=pin)) == "ERROR 110"
    assert stack.call("DELETE", f"/v1/verifications/{session}").status == 204
    assert error_of(messente.pin(verification_id=session, pin=pin)) == "ERROR 110"


def test_messente_knows_the_senders_of_a_client(stack: Stack) -> None:
    only_shop = stack.client("only Shop", "--sender", "Shop")
    client, to = messente_clients.PythonClient(only_shop, stack.api_url), a_number()
    assert error_of(client.start(to=to, **{"from": "Bank"})) == "ERROR 111"
    assert stack.texts_to(to) == []
    assert client.start(to=to, **{"from": "Shop"}).is_ok()


def test_messente_fails_when_a_limit_is_reached(
    stack: Stack, messente: messente_clients.PythonClient
) -> None:
    to = a_number()
    answers = [messente.start(to=to, max_tries=1) for _ in range(6)]
    good = [answer for answer in answers if answer.is_ok()]
    assert error_of(answers[-1]) == "FAILED 209"
    assert 1 <= len(good) == len(stack.texts_to(to)) <= 5


def test_messente_fails_when_nobody_takes_the_message(
    stack: Stack, vendors: Vendors, messente: messente_clients.PythonClient
) -> None:
    vendors.messente_verify.password = "another"
    assert error_of(messente.start(to=a_number_in("LV"))) == "FAILED 209"


def test_messente_trusts_a_device(stack: Stack, messente: messente_clients.PythonClient) -> None:
    to = a_number()
    device = {"ip": DUTCH, "cookie": "0123456789abcdef"}
    session, pin = begin(stack, messente, to, **device)
    assert messente.pin(verification_id=session, pin=pin, **device).is_verified()
    answer = messente.start(to=to, **device)
    assert (answer.is_verified(), answer.get_raw_text()) == (True, "VERIFIED")
    assert len(stack.texts_to(to)) == 1
    answer = messente.start(to=to, **device | {"ip": AMERICAN})
    assert (answer.is_ok(), answer.is_verified()) == (True, False)
    assert len(stack.texts_to(to)) == 2


def test_messentes_client_finds_us_as_the_backup_too(stack: Stack) -> None:
    client = messente_clients.PythonClient(stack.credentials, "http://127.0.0.1:9", stack.api_url)
    assert client.start(to=a_number()).is_ok()


@pytest.mark.parametrize("name", messente_clients.REPLAYS)
def test_messente_takes_what_its_other_clients_send(stack: Stack, name: str) -> None:
    def call(step: str, **fields: str) -> str:
        url = f"{stack.api_url}/verify/{step}"
        return messente_clients.REPLAYS[name].call(url, stack.credentials, **fields)

    to = a_number()
    begun = call("start", to=to, pin_length="6", max_tries="1")
    assert begun.startswith("OK "), begun
    session, pin = begun.removeprefix("OK "), digits_in(stack.texts_to(to)[0])
    assert len(pin) == 6
    assert call("pin", verification_id=session, pin=wrong(pin)) == "INVALID"
    assert call("pin", verification_id=session, pin=pin) == "VERIFIED"
    assert call("pin", verification_id="unknown", pin=pin) == "ERROR 110"


# ------------------------------------------------------------------------- MessageBird Verify

type Maker = Callable[[str], MessageBirdClient]
"""Makes a client with an access key."""

UNKNOWN = "4e213b01155d1e35a9d9571v00162985"


@pytest.fixture(scope="module")
def front(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The host that MessageBird's client for Node knows."""
    front = Front(messagebird_clients.HOST, stack.api_url, tmp_path_factory.mktemp("front"))
    yield front
    front.close()


@pytest.fixture(params=["python", "node"])
def messagebird(request: pytest.FixtureRequest, stack: Stack, front: Front) -> Maker:
    if request.param == "python":
        return lambda key: messagebird_clients.PythonClient(stack.api_url, key)
    return lambda key: messagebird_clients.NodeClient(front, key)


@pytest.fixture
def bird(stack: Stack, messagebird: Maker) -> MessageBirdClient:
    return messagebird(stack.credentials.access_key())


def create(
    stack: Stack, bird: MessageBirdClient, to: str | None = None, **params: Any
) -> tuple[Verify, str]:
    """A Verify object, and its token."""
    to = to or a_number()
    made = bird.create(to[1:], **params)
    return made, digits_in(stack.texts_to(to)[-1])


def errors_of(call: Callable[..., Any], *arguments: Any, **params: Any) -> list[tuple[int, Any]]:
    """Code and parameter of each error that a call is refused with."""
    with pytest.raises(messagebird_clients.Refused) as refused:
        call(*arguments, **params)
    assert all(error["description"] for error in refused.value.errors)
    return [(error["code"], error["parameter"]) for error in refused.value.errors]


def test_messagebird_sends_a_token_and_verifies_it(stack: Stack, bird: MessageBirdClient) -> None:
    to = a_number()
    made, token = create(stack, bird, to)
    assert (made.status, made.recipient, made.reference) == ("sent", int(to[1:]), None)
    assert stack.texts_to(to) == [f"Your code is: {token}"]
    assert len(token) == 6
    assert (made.valid_until - made.created).total_seconds() == 30
    assert made.href == f"{stack.api_url}/verify/{made.id}"
    assert bird.read(made.id) == made
    verified = bird.verify(made.id, token)
    assert (verified.id, verified.status) == (made.id, "verified")
    assert bird.read(made.id).status == "verified"
    assert look_up(stack, made.id)["status"] == "verified"


def test_messagebird_takes_every_parameter(stack: Stack, bird: MessageBirdClient) -> None:
    to = a_number()
    made, token = create(
        stack,
        bird,
        to,
        originator="Shop",
        reference="order1",
        type="sms",
        template="%token opens {the} door",
        datacoding="auto",
        dataCoding="auto",  # as another of their clients spells it
        timeout=172_801,
        tokenLength=10,
        maxAttempts=10,
        voice="male",
        language="nl-nl",
        subject="Door",
        reportUrl="https://example.org/reports",
        somethingNew=1,
    )
    assert stack.texts_to(to) == [f"{token} opens {{the}} door"]
    assert len(token) == 10
    assert made.reference == "order1"
    assert (made.valid_until - made.created).total_seconds() == 172_801
    assert bird.verify(made.id, token).status == "verified"


def test_messagebird_flashes(stack: Stack, bird: MessageBirdClient) -> None:
    made, token = create(stack, bird, type="flash")
    kind, _, message = made.messages["href"].removeprefix(f"{stack.api_url}/").rpartition("/")
    assert kind == "messages"
    assert bird.message_id(kind, message) == message
    assert bird.verify(made.id, token).status == "verified"


def test_messagebird_calls(stack: Stack, bird: MessageBirdClient) -> None:
    to = a_number()
    made = bird.create(to[1:], type="tts", voice="female", language="en-gb")
    kind, _, message = made.messages["href"].removeprefix(f"{stack.api_url}/").rpartition("/")
    assert kind == "voicemessages"
    assert bird.message_id(kind, message) == message
    (kept,) = operate(stack, "sandbox", "--to", to, "--table", stack.tables["sessions"])
    token = "".join(re.findall(r"\b\d\b", kept["text"])[:6])
    assert bird.verify(made.id, token).status == "verified"


@pytest.mark.parametrize("originator", [EMAIL_SENDER, "+shop@example.org"])
def test_messagebird_mails(stack: Stack, bird: MessageBirdClient, originator: str) -> None:
    stack.aws("ses").verify_email_identity(EmailAddress=originator)
    to = f"bird.{a_number()[1:]}@example.org"
    made = bird.create_email(to, originator)
    assert (made.recipient, made.status) == (to, "sent")
    kind, _, message = made.messages["href"].removeprefix(f"{stack.api_url}/").rpartition("/")
    assert kind == "verify/messages/email"
    assert bird.message_id(kind, message) == message
    (mail,) = stack.mails_to(to)
    assert originator in mail["Source"]
    assert mail["Subject"] == "Your OTP token"
    assert bird.verify(made.id, digits_in(mail["BodyText"])).status == "verified"


def test_messagebird_fails_a_verify_after_its_last_attempt(
    stack: Stack, bird: MessageBirdClient
) -> None:
    made, token = create(stack, bird)
    assert errors_of(bird.verify, made.id, wrong(token)) == [(10, "token")]
    assert bird.read(made.id).status == "failed", "there is one attempt unless more are asked for"
    assert errors_of(bird.verify, made.id, token) == [(10, "token")]

    made, token = create(stack, bird, maxAttempts=2)
    assert errors_of(bird.verify, made.id, wrong(token)) == [(10, "token")]
    assert bird.read(made.id).status == "sent"
    assert bird.verify(made.id, token).status == "verified"


def test_messagebird_processes_a_token_once(stack: Stack, bird: MessageBirdClient) -> None:
    made, token = create(stack, bird, maxAttempts=3)
    assert errors_of(bird.verify, made.id, "") == [(10, "token")]
    assert bird.read(made.id).status == "sent"
    assert bird.verify(made.id, token).status == "verified"
    assert errors_of(bird.verify, made.id, token) == [(10, "token")]
    assert bird.read(made.id).status == "verified"


def test_messagebird_lets_a_token_expire(stack: Stack, bird: MessageBirdClient) -> None:
    made, token = create(stack, bird)
    end(stack, made.id)
    assert errors_of(bird.verify, made.id, token) == [(10, "token")]
    assert bird.read(made.id).status == "expired"


def test_messagebird_deletes(stack: Stack, bird: MessageBirdClient) -> None:
    made, token = create(stack, bird)
    bird.delete(made.id)
    deleted = bird.read(made.id)
    assert (deleted.id, deleted.status, deleted.recipient) == (made.id, "deleted", None)
    assert errors_of(bird.verify, made.id, token) == [(10, "token")]


def test_messagebird_does_not_know_what_is_not_there(
    stack: Stack, messagebird: Maker, bird: MessageBirdClient
) -> None:
    made, token = create(stack, bird)
    another = messagebird(stack.client("another").access_key())
    for client, verify_id in ((bird, UNKNOWN), (another, made.id)):
        assert errors_of(client.read, verify_id) == [(20, None)]
        assert errors_of(client.verify, verify_id, token) == [(20, None)]
        assert errors_of(client.delete, verify_id) == [(20, None)]
    for kind in ("messages", "voicemessages", "verify/messages/email"):
        assert errors_of(bird.message_id, kind, UNKNOWN) == [(20, None)]
    assert bird.verify(made.id, token).status == "verified"


def test_messagebird_knows_who_calls(
    stack: Stack, messagebird: Maker, bird: MessageBirdClient
) -> None:
    made, token = create(stack, bird)
    mine = stack.credentials
    plain = Credentials(mine.client_id, mine.client_secret[:-1])
    for key in (
        plain.access_key(),
        f"{mine.client_id}.{mine.client_secret}",
        "test_gshuPaZoeEG6ovbc8M79w0QyM",
        stack.client("not for tests").access_key("test"),
    ):
        stranger, to = messagebird(key), a_number()
        assert errors_of(stranger.create, to[1:]) == [(2, "access_key")]
        assert errors_of(stranger.read, made.id) == [(2, "access_key")]
        assert errors_of(stranger.verify, made.id, token) == [(2, "access_key")]
        assert errors_of(stranger.delete, made.id) == [(2, "access_key")]
        assert stack.texts_to(to) == []
    assert bird.verify(made.id, token).status == "verified"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"recipient": ""}, (9, "recipient")),
        ({"recipient": "12"}, (10, "recipient")),
        ({"recipient": "nobody"}, (10, "recipient")),
        ({"recipient": "bird@example.org"}, (10, "recipient")),
        ({"type": "email", "originator": EMAIL_SENDER}, (10, "recipient")),
        ({"originator": "far too long"}, (10, "originator")),
        ({"reference": "not alphanumeric"}, (10, "reference")),
        ({"type": "fax"}, (10, "type")),
        ({"template": "Your code"}, (10, "template")),
        ({"datacoding": "morse"}, (10, "datacoding")),
        ({"timeout": 29}, (10, "timeout")),
        ({"timeout": 172_802}, (10, "timeout")),
        ({"timeout": "long"}, (10, "timeout")),
        ({"tokenLength": 5}, (10, "tokenLength")),
        ({"tokenLength": 11}, (10, "tokenLength")),
        ({"maxAttempts": 0}, (10, "maxAttempts")),
        ({"maxAttempts": 11}, (10, "maxAttempts")),
        ({"type": "tts", "voice": "robot"}, (10, "voice")),
        ({"type": "tts", "language": "xx-yy"}, (10, "language")),
    ],
)
def test_messagebird_names_what_is_wrong_with_a_create(
    stack: Stack, bird: MessageBirdClient, params: dict[str, Any], error: tuple[int, str]
) -> None:
    to = a_number()
    asked = {"recipient": to[1:]} | params
    assert errors_of(bird.create, **asked) == [error]
    assert stack.texts_to(to) == []


def test_messagebird_refuses_politely_when_a_limit_is_reached(
    stack: Stack, bird: MessageBirdClient
) -> None:
    to = a_number()
    for _ in range(5):
        bird.create(to[1:])
    assert len(errors_of(bird.create, to[1:])) == 1  # with a status that the clients can read
    assert len(stack.texts_to(to)) == 5


def test_messagebird_sends_nothing_for_a_test_key(stack: Stack, messagebird: Maker) -> None:
    tester, to = stack.client("tester", "--test"), a_number()
    bird = messagebird(tester.access_key("test"))
    made = bird.create(to[1:], maxAttempts=2)
    assert (made.status, stack.texts_to(to)) == ("sent", [])
    code = PARAMETERS["TestCode"]
    assert errors_of(bird.verify, made.id, wrong(code)) == [(10, "token")]
    assert bird.verify(made.id, code).status == "verified"
    live = messagebird(tester.access_key("live"))
    made, token = create(stack, live, to)
    if token != code:
        assert errors_of(live.verify, made.id, code) == [(10, "token")]


@pytest.mark.parametrize("name", messagebird_clients.REPLAYS)
def test_messagebird_takes_what_its_other_clients_send(stack: Stack, name: str) -> None:
    replay, to = messagebird_clients.REPLAYS[name], a_number()
    answer = replay.create(stack.api_url, stack.credentials.access_key(), to[1:])
    made = answer.json()
    assert answer.status_code == 201, made  # nothing else will do for the one for C#
    assert (made["recipient"], made["status"]) == (int(to[1:]), "sent")
    begun, ends = (
        datetime.fromisoformat(made[name]) for name in ("createdDatetime", "validUntilDatetime")
    )
    assert (ends - begun).total_seconds() == 60
    assert len(stack.texts_to(to)) == 1


# ------------------------------------------------------------------------------- Verigator


@pytest.fixture(params=verigator_clients.REPLAYS)
def replay(request: pytest.FixtureRequest) -> verigator_clients.Replay:
    return verigator_clients.REPLAYS[request.param]


@pytest.fixture
def verigator(stack: Stack, replay: verigator_clients.Replay) -> verigator_clients.Client:
    return verigator_clients.Client(replay, stack.api_url, stack.credentials)


_hosts = itertools.count()


def a_host() -> str:
    return f"www{next(_hosts)}.example.com"


def register(verigator: verigator_clients.Client, to: str) -> tuple[str, str]:
    """The ids of a new service and of a user of it."""
    service = verigator.create_service(a_host(), "CoffeeShop")["id"]
    return service, verigator.create_user(service, to, "john.doe@verigator.com")["id"]


def status_of(call: Callable[..., Any], *arguments: Any) -> int:
    """The status that a call is refused with, and it says why."""
    with pytest.raises(verigator_clients.Refused) as refused:
        call(*arguments)
    assert refused.value.message
    return refused.value.status


def test_verigator_keeps_services_and_users(verigator: verigator_clients.Client) -> None:
    made = verigator.create_service(a_host(), "CoffeeShop")
    assert made["name"] == "CoffeeShop"
    service = made["id"]
    assert verigator.get_service(service) == made
    assert verigator.list_users(service) == []
    users = [verigator.create_user(service, a_number(), name) for name in ("ann", "bob")]
    assert [user["id_in_service"] for user in users] == ["ann", "bob"]
    assert verigator.get_user(service, users[0]["id"]) == users[0]
    assert sorted(user["id"] for user in verigator.list_users(service)) == sorted(
        user["id"] for user in users
    )
    verigator.delete_user(service, users[0]["id"])
    assert status_of(verigator.get_user, service, users[0]["id"]) == 404
    assert verigator.list_users(service) == users[1:]
    verigator.delete_service(service)
    assert status_of(verigator.get_service, service) == 404
    assert status_of(verigator.get_user, service, users[1]["id"]) == 404


@pytest.mark.parametrize("method", ["sms", "totp"])
def test_verigator_sends_a_token_and_verifies_it(
    stack: Stack, verigator: verigator_clients.Client, method: str
) -> None:
    to = a_number()
    service, user = register(verigator, to)
    assert verigator.start(service, user, method) == "sms", "there is no app"
    token = digits_in(stack.texts_to(to)[0])
    assert verigator.verify(service, user, wrong(token)) is False
    assert verigator.verify(service, user, token) is True
    assert verigator.verify(service, user, token) is False, "used"


def test_verigator_lets_a_token_be_guessed_a_few_times_only(
    stack: Stack, verigator: verigator_clients.Client
) -> None:
    to = a_number()
    service, user = register(verigator, to)
    verigator.start(service, user, "sms")
    token = digits_in(stack.texts_to(to)[0])
    for n in range(1, 11):
        assert verigator.verify(service, user, wrong(token, n)) is False
    assert verigator.verify(service, user, token) is False


def test_verigator_takes_the_token_of_an_app(
    stack: Stack, verigator: verigator_clients.Client
) -> None:
    to = a_number()
    service, user = register(verigator, to)
    path = f"/v1/services/{service}/users/{user}/totp"
    enrolled = stack.call("POST", path)
    (uri,) = [text for text in enrolled.body.values() if str(text).startswith("otpauth://")]
    app = pyotp.parse_uri(uri)
    assert isinstance(app, pyotp.TOTP)
    handed_out.add(app.secret)
    confirmed = stack.call("POST", f"{path}/confirm", {"code": app.now()})
    assert confirmed.status in (200, 204), confirmed
    assert verigator.start(service, user, "totp") == "totp"
    assert stack.texts_to(to) == []
    token = app.at(int(time.time()) + 30)  # each is taken once, and the last one confirmed
    assert verigator.verify(service, user, wrong(token), "totp") is False
    assert verigator.verify(service, user, token, "totp") is True
    assert verigator.verify(service, user, token, "totp") is False, "used"


def test_verigator_does_not_know_what_is_not_there(
    stack: Stack, verigator: verigator_clients.Client
) -> None:
    service, user = register(verigator, a_number())
    unknown = "81213bfd-b690-499e-b9d2-8754cb1550e8"
    assert status_of(verigator.verify, service, user, "123456") == 404, "nothing was started"
    assert status_of(verigator.get_service, unknown) == 404
    assert status_of(verigator.delete_service, unknown) == 404
    assert status_of(verigator.list_users, unknown) == 404
    assert status_of(verigator.create_user, unknown, a_number(), "ann") == 404
    for where in ((unknown, user), (service, unknown)):
        assert status_of(verigator.get_user, *where) == 404
        assert status_of(verigator.delete_user, *where) == 404
        assert status_of(verigator.start, *where, "sms") == 404
        assert status_of(verigator.verify, *where, "123456") == 404


def test_verigator_knows_who_calls(
    stack: Stack, replay: verigator_clients.Replay, verigator: verigator_clients.Client
) -> None:
    service, user = register(verigator, a_number())
    mine = stack.credentials
    for credentials in (
        Credentials(mine.client_id, mine.client_secret[:-1]),
        Credentials("nobody-aaaaaaaa", mine.client_secret),
        Credentials("", ""),
    ):
        stranger = verigator_clients.Client(replay, stack.api_url, credentials)
        assert status_of(stranger.create_service, a_host(), "CoffeeShop") == 401
        assert status_of(stranger.get_service, service) == 401
        assert status_of(stranger.delete_service, service) == 401
        assert status_of(stranger.list_users, service) == 401
        assert status_of(stranger.create_user, service, a_number(), "ann") == 401
        assert status_of(stranger.get_user, service, user) == 401
        assert status_of(stranger.delete_user, service, user) == 401
        assert status_of(stranger.start, service, user, "sms") == 401
        assert status_of(stranger.verify, service, user, "123456") == 401
    assert (
        requests.get(f"{stack.api_url}/v1/service/service/{service}", timeout=30).status_code == 401
    )


def test_verigator_keeps_clients_apart(
    stack: Stack, replay: verigator_clients.Replay, verigator: verigator_clients.Client
) -> None:
    service, user = register(verigator, a_number())
    another = verigator_clients.Client(replay, stack.api_url, stack.client("another"))
    refusals = {
        status_of(another.get_service, service),
        status_of(another.list_users, service),
        status_of(another.create_user, service, a_number(), "ann"),
        status_of(another.get_user, service, user),
        status_of(another.start, service, user, "sms"),
        status_of(another.verify, service, user, "123456"),
        status_of(another.delete_user, service, user),
        status_of(another.delete_service, service),
    }
    assert refusals == {404}
    assert verigator.get_user(service, user)["id"] == user


def test_verigator_refuses_a_caller_from_elsewhere(
    stack: Stack, replay: verigator_clients.Replay
) -> None:
    fenced = stack.client("fenced", "--network", "192.0.2.0/24")
    client = verigator_clients.Client(replay, stack.api_url, fenced)
    assert status_of(client.create_service, a_host(), "CoffeeShop") == 403


def test_verigator_takes_each_service_and_each_user_once(
    verigator: verigator_clients.Client,
) -> None:
    host = a_host()
    service = verigator.create_service(host, "CoffeeShop")["id"]
    assert status_of(verigator.create_service, host, "CoffeeShop") == 409
    user = verigator.create_user(service, a_number(), "ann")["id"]
    assert status_of(verigator.create_user, service, a_number(), "ann") == 409
    verigator.delete_user(service, user)
    assert verigator.create_user(service, a_number(), "ann")["id"] != user


@pytest.mark.parametrize("url", ["http://{}", "https://{}", "https://{}/"])
def test_verigator_takes_the_url_of_a_site_for_its_host(
    verigator: verigator_clients.Client, url: str
) -> None:
    """As the Drupal module sends it."""
    host = a_host()
    made = verigator.create_service(url.format(host), "CoffeeShop")
    assert verigator.get_service(made["id"]) == made
    assert status_of(verigator.create_service, host, "CoffeeShop") == 409


def test_verigator_names_what_it_cannot_take(
    stack: Stack, verigator: verigator_clients.Client
) -> None:
    to = a_number()
    service, user = register(verigator, to)
    assert status_of(verigator.create_service, "", "CoffeeShop") == 422
    assert status_of(verigator.create_service, a_host(), "") == 422
    assert status_of(verigator.create_user, service, "nobody", "ann") == 422
    assert status_of(verigator.create_user, service, a_number(), "") == 422
    assert status_of(verigator.start, service, user, "pigeon") == 422
    assert stack.texts_to(to) == []
    verigator.start(service, user, "sms")
    assert status_of(verigator.verify, service, user, "") == 422
    assert verigator.verify(service, user, digits_in(stack.texts_to(to)[0])) is True
