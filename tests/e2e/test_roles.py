"""The roles hold what the functions need, and nothing more: without any one statement one fails."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
from verification.domain.webhooks import Webhook
from verification.storage.table import use_key, webhook_key
from verification.storage.webhooks import write_webhook

from tests.e2e import dialects
from tests.e2e.listening import receiver
from tests.e2e.rules import RETURN_URL
from tests.e2e.talking import a_number, client_with, code_in, start
from tests.e2e.test_flows import age
from tests.e2e.test_reports import address_of, sent_by_aws
from tests.e2e.vendors import Vendors, a_number_in
from tests.local import ROOT
from tests.local.stack import Answer, Credentials, Stack

# What cannot be shown here; tests/template watches over these alone.
NOT_SHOWN = {
    # The emulator takes from queues and streams whatever the role, and keeps what failed.
    "TakeFromQueue",
    "FindStream",
    "TakeFromStream",
    "KeepWhatFailed",
    # These services are not in the emulator: vendors.py has no roles.
    "CheckByNotify",
    "FeedBack",
    "SendByEndUserMessaging",
}


_FAILED = 502  # what the API says of a function that did not answer


class NoAnswerError(Exception):
    """The function could not even begin, or crashed: no need to ask it anything else."""


@dataclass(frozen=True)
class Probe:
    """Uses everything that a function may do, through a fresh process of it.

    Args:
        client: one that may be named in direct invokes.
    """

    stack: Stack
    vendors: Vendors
    client: Credentials

    def invoke(self, function: str, **payload: Any) -> Any:
        body = self.hand(function, {"client": self.client.client_id, **payload})
        print(f"{function} {sorted(payload)}: {body}")  # shown when a test fails
        return body

    def hand(self, function: str, event: Any) -> Any:
        """The answer to an event as it is."""
        answer = self.stack.aws("lambda").invoke(
            FunctionName=arns(self.stack)[function], Payload=json.dumps(event)
        )
        body = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise NoAnswerError(body)
        return body

    def begin(self, to: str, **fields: Any) -> str:
        """A verification of the probe's client, started by a role that nobody touches now."""
        started = self.stack.call("POST", "/v1/verifications", {"to": to, **fields}, by=self.client)
        return str(started.body["id"])

    def begin_with_page(self, to: str) -> tuple[str, str]:
        """A verification with a page, and the page's address."""
        body = {"to": to, "page": {"return_url": RETURN_URL}}
        started = self.stack.call("POST", "/v1/verifications", body, self.client).body
        return str(started["id"]), str(started["page_url"])

    def page(self, url: str, **form: str) -> str:
        """Where the form of a page leads to."""
        answer = requests.post(url, data=form, allow_redirects=False, timeout=30)
        self._heard(f"page {form['action']}", Answer(answer.status_code, answer.headers, ""))
        return answer.headers.get("Location", "")

    def begin_with_app(self) -> tuple[str, str]:
        """A verification by an authenticator app, and the code that it shows."""
        to = a_number()
        user, app = dialects.enrolled(self.stack, self.client, to)
        assert self.verigator("POST", f"{user}/auth", {"method": "totp"}).body["method"] == "totp"
        listed = self.stack.call("GET", f"/v1/verifications?to=%2B{to[1:]}", by=self.client)
        return str(listed.body["verifications"][0]["id"]), app.now()

    def call(self, method: str, path: str, body: Any = None) -> int | None:
        """The status of a request, the first over HTTP; None if the secret's use was not noted.

        Nobody is refused because his use cannot be noted, so that has to be looked at.
        """
        key = use_key(self.client.client_id)
        directory = {"TableName": self.stack.tables["directory"], "Key": key}
        self.stack.aws("dynamodb").delete_item(**directory)
        answer = self.stack.call(method, path, body, self.client)
        status = self._heard(f"{method} {path}", answer).status
        return status if "Item" in self.stack.aws("dynamodb").get_item(**directory) else None

    def messente(self, call: str, **parameters: str) -> str:
        answer = dialects.ask_messente(self.stack, self.client, call, **parameters)
        self._heard("messente", Answer(answer.status_code, answer.headers, answer.text))
        return answer.text

    def messagebird(self, method: str, path: str, fields: dict[str, str] | None = None) -> Answer:
        key = self.client.access_key()
        answer = dialects.messagebird(self.stack, key, method, path, fields)
        return self._heard(f"messagebird {method}", answer)

    def verigator(self, method: str, path: str, body: Any = None) -> Answer:
        answer = dialects.verigator(self.stack, self.client, method, path, body)
        return self._heard(f"verigator {method}", answer)

    @staticmethod
    def _heard(what: str, answer: Answer) -> Answer:
        print(f"{what}: {answer.status} {answer.body}")
        if answer.status == _FAILED:
            raise NoAnswerError(what)
        return answer


def probe_start(probe: Probe) -> bool:
    key, to = secrets.token_hex(8), a_number()
    answers = [probe.invoke("start", to=to, idempotency_key=key) for _ in range(2)]
    answers += [probe.invoke("start", to=to) for _ in range(4)]
    others = (f"{secrets.token_hex(4)}@example.org", a_number_in("EE"))
    answers += [probe.invoke("start", to=other) for other in others]
    refused = probe.invoke("start", to=to)
    return (
        probe.call("POST", "/v1/verifications", {"to": a_number()}) == 201
        and all("id" in answer for answer in answers)
        and answers[0]["id"] == answers[1]["id"]
        and refused.get("error", {}).get("code") == "limit_exceeded"
    )


def probe_verify(probe: Probe) -> bool:
    to, delegated = a_number(), a_number_in("LV")
    ids = [probe.begin(to), probe.begin(delegated)]
    by_app, code = probe.begin_with_app()
    texts = [probe.stack.texts_to(to)[0], probe.vendors.messente_verify.texts_to(delegated)[0]]
    answers = [
        probe.invoke("verify", id=ids[0], code=code_in(texts[0]), to=to),
        probe.invoke("verify", id=ids[1], code=code_in(texts[1])),
        probe.invoke("verify", id=by_app, code=code),
    ]
    return all(answer.get("valid") for answer in answers)


def probe_lookup(probe: Probe) -> bool:
    to = a_number()
    verification_id = probe.begin(to)
    one, several = probe.invoke("lookup", id=verification_id), probe.invoke("lookup", to=to)
    seen = one.get("status") == "pending" and len(several.get("verifications", ())) == 1
    with_page, url = probe.begin_with_page(other := a_number())
    code = code_in(probe.stack.texts_to(other)[0])
    result = probe.page(url, action="verify", code=code, form="x").rpartition("=")[2]
    used = probe.invoke("lookup", id=with_page, result=result)
    seen = seen and used.get("page") == {"result": "confirmed"}
    return seen and probe.call("GET", f"/v1/verifications/{verification_id}") == 200


def probe_delete(probe: Probe) -> bool:
    delegated = a_number_in("LT")
    ids = [probe.begin(to) for to in (a_number(), delegated)]
    bird = probe.vendors.messagebird
    (message,) = bird.messages_to(delegated)
    done = [probe.invoke("delete", id=verification_id) for verification_id in ids]
    again = probe.call("DELETE", f"/v1/verifications/{ids[0]}")
    return done == [{}, {}] and message.id not in bird.sessions and again == 204


def probe_resend(probe: Probe) -> bool:
    sent = []
    for to in (a_number(), f"{secrets.token_hex(4)}@example.org", a_number_in("EE")):
        verification_id = probe.begin(to)
        age(probe.stack, verification_id, 31)
        sent.append(probe.invoke("resend", id=verification_id))
    by_http = probe.begin(a_number())
    age(probe.stack, by_http, 31)
    again = probe.call("POST", f"/v1/verifications/{by_http}/resend")
    return [len(answer.get("sends", ())) for answer in sent] == [2, 2, 2] and again == 200


def probe_page(probe: Probe) -> bool:
    """Each way to send again, and a right guess."""
    resent = []
    for to in (a_number(), f"{secrets.token_hex(4)}@example.org", a_number_in("EE")):
        verification_id, url = probe.begin_with_page(to)
        age(probe.stack, verification_id, 31)
        resent.append(probe.page(url, action="resend"))
    _, url = probe.begin_with_page(to := a_number())
    code = code_in(probe.stack.texts_to(to)[0])
    back = probe.page(url, action="verify", code=code, form="x")
    return resent == ["?e=resent"] * 3 and back.startswith(f"{RETURN_URL}?verification=")


def probe_reports(probe: Probe) -> bool:
    """A failure over HTTP, after which the queue is told; an event that names a message alone."""
    to = a_number_in("SE")
    probe.begin(to, channels=["sms", "voice"])
    (message,) = probe.vendors.webhook.messages_to(to)
    address, failed = address_of(probe.stack, message), {"status": "undelivered"}
    answer = requests.post(address, json=failed, timeout=30)
    verification_id, said = sent_by_aws(probe.stack, probe.vendors)
    event = json.loads((ROOT / "events/reports-eventbridge.json").read_text())
    event["detail"]["messageId"] = said["messageId"]
    print(f"reports: {answer.status_code} {answer.text}")
    probe.hand("reports", event)
    return answer.status_code == 200


def probe_messente(probe: Probe) -> bool:
    """A device that comes to be trusted, and is forgotten; a number of another provider."""
    to, cookie = a_number(), secrets.token_hex(8)
    device = {"cookie": cookie, "ip": "8.8.8.8"}
    said, _, verification_id = probe.messente("start", to=to, **device).partition(" ")
    if said != "OK":
        return False
    (pin,) = re.findall(r"\d+", probe.stack.texts_to(to)[0])
    answers = [
        probe.messente("pin", verification_id=verification_id, pin=pin, **device),
        probe.messente("start", to=to, **device),
    ]
    path = f"/v1/devices?to={to.replace('+', '%2B')}"
    forgotten = probe.stack.call("DELETE", path, by=probe.client).body
    elsewhere = probe.messente("start", to=a_number_in("EE"))[:3]
    by_app, code = probe.begin_with_app()
    answers.append(probe.messente("pin", verification_id=by_app, pin=code))
    print(f"messente: {answers} {forgotten} {elsewhere}")
    done = (answers, forgotten, elsewhere)
    return done == (["VERIFIED"] * 3, {"revoked": 1}, "OK ")


def probe_messagebird(probe: Probe) -> bool:
    """Each way to send, then all that can be done with one, then more than the limit allows."""
    to, mail = a_number(), f"{secrets.token_hex(4)}@example.org"
    made = [
        probe.messagebird("POST", "/verify", fields)
        for fields in (
            {"recipient": to},
            {"recipient": mail, "type": "email"},
            {"recipient": a_number_in("EE")},
        )
    ]
    if [answer.status for answer in made] != [201] * 3:
        return False
    path = f"/verify/{made[0].body['id']}"
    (token,) = re.findall(r"\d+", probe.stack.texts_to(to)[0])
    by_app, code = probe.begin_with_app()
    statuses = [
        probe.messagebird("GET", f"/verify/{by_app}", {"token": code}).status,
        probe.messagebird("GET", path).status,
        probe.messagebird("GET", path, {"token": token}).status,
        probe.messagebird("DELETE", path).status,
        *(probe.messagebird("POST", "/verify", {"recipient": to}).status for _ in range(5)),
    ]
    return statuses == [200, 200, 200, 204, 201, 201, 201, 201, 422]


def probe_verigator(probe: Probe) -> bool:
    """A service with two users, one of each provider, until it is deleted."""
    service = probe.verigator("POST", "", {"fqdn": f"{secrets.token_hex(4)}.com", "name": "Shop"})
    if service.status != 201:
        return False
    path, numbers = f"/{service.body['id']}", (a_number(), a_number_in("EE"))
    users = [
        probe.verigator("POST", f"{path}/users", {"id_in_service": to, "phone_number": to})
        for to in numbers
    ]
    if [user.status for user in users] != [201, 201]:
        return False
    auths = [f"{path}/users/{user.body['id']}/auth" for user in users]
    started = [probe.verigator("POST", auth, {"method": "sms"}).status for auth in auths]
    if started != [200, 200]:
        return False
    token = code_in(probe.stack.texts_to(numbers[0])[0])
    verified = probe.verigator("PUT", auths[0], {"token": token}).body
    again = [probe.verigator("POST", auths[0], {"method": "sms"}).status for _ in range(5)]
    deleted = probe.verigator("DELETE", path).status
    left = probe.stack.call("GET", f"/v1/verifications?to=%2B{numbers[0][1:]}", by=probe.client)
    done = (verified.get("verified"), again, deleted, left.body["verifications"])
    return done == (True, [200, 200, 200, 200, 422], 202, [])


def probe_tally(probe: Probe) -> bool:
    """Guesses to credit, sends to tally and to price, a budget: what the stream may bring."""
    samples = sorted(ROOT.glob("events/tally-*.json"))
    records = [one for path in samples for one in json.loads(path.read_text())["Records"]]
    assert len(records) >= 5
    answer = probe.hand("tally", {"Records": records})
    print(f"tally: {answer}")
    return bool(answer == {"batchItemFailures": []})


def probe_events(probe: Probe) -> bool:
    """A start to tell and to look after, a send whose verification is read, one that is over."""
    start_sample, send_sample, over = (
        json.loads((ROOT / f"events/{name}.json").read_text())
        for name in ("tally-stream", "events-stream-delivered", "events-queue")
    )
    stream = {"Records": [*start_sample["Records"], *send_sample["Records"]]}
    answers = [probe.hand("events", event) for event in (stream, over)]
    print(f"events: {answers}")
    return answers == [{"batchItemFailures": []}] * 2


def probe_webhooks(probe: Probe) -> bool:
    """A receiver that fails, that has failed for a day, and that is gone."""
    webhook = Webhook(f"w{secrets.token_hex(6)}", probe.client.client_id, "")
    table = {"TableName": probe.stack.tables["directory"]}
    key = webhook_key(webhook.client_id, webhook.id)
    dynamodb = probe.stack.aws("dynamodb")
    [record] = json.loads((ROOT / "events/webhooks-queue-again.json").read_text())["Records"]
    posting = json.loads(record["body"])
    posting |= {"client_id": webhook.client_id, "webhook_id": webhook.id, "due": 0}
    posting["event"] |= {"client_id": webhook.client_id}
    with receiver() as other:
        dynamodb.put_item(**table, Item=write_webhook(replace(webhook, url=other.url), 0))
        answers = []
        # The first try just now, or a day ago: again, given up, switched off.
        for status, began in ((500, 0), (500, 1), (410, 0)):
            other.status = status
            body = json.dumps(posting | {"began": began})
            event = {"Records": [record | {"body": body}]}
            answers.append(probe.hand("webhooks", event))
    item = dynamodb.get_item(**table, Key=key)["Item"]
    dynamodb.delete_item(**table, Key=key)
    print(f"webhooks: {answers}, {len(other.posted)} posts, {item['disabled']}")
    done = answers == [{"batchItemFailures": []}] * 3 and len(other.posted) == 3
    return done and bool(item["disabled"]["BOOL"])


PROBES: dict[str, Callable[[Probe], bool]] = {
    "start": probe_start,
    "verify": probe_verify,
    "lookup": probe_lookup,
    "delete": probe_delete,
    "resend": probe_resend,
    "page": probe_page,
    "reports": probe_reports,
    "messente": probe_messente,
    "messagebird": probe_messagebird,
    "verigator": probe_verigator,
    "tally": probe_tally,
    "events": probe_events,
    "webhooks": probe_webhooks,
}


def arns(stack: Stack) -> dict[str, str]:
    return stack.functions | stack.other_functions


@pytest.fixture(scope="module", autouse=True)
def _nothing_from_queue_and_stream(stack: Stack) -> Iterator[None]:
    """What they bring would run in processes that are ended here, under roles that lack something.

    It comes later: the stream's position stays, and the queue's messages do.
    """
    client = stack.aws("lambda")
    mappings = client.list_event_source_mappings()["EventSourceMappings"]
    assert len(mappings) == 5
    for mapping in mappings:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    yield
    for mapping in mappings:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


@pytest.mark.parametrize("function", PROBES)
def test_without_any_one_statement_of_its_role_a_function_fails(
    stack: Stack, vendors: Vendors, function: str
) -> None:
    # A window of a day: ten minutes would end now and then before the limit is reached.
    client = client_with(stack, limits="destination_sends=5/1d", return_urls=[RETURN_URL])
    iam = stack.aws("iam")
    arn = arns(stack)[function]
    role = stack.aws("lambda").get_function_configuration(FunctionName=arn)["Role"].split("/")[-1]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    whole = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]

    def works_with(statements: list[dict[str, Any]]) -> bool:
        document = json.dumps(whole | {"Statement": statements})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
        stack.end_processes(arn)
        try:
            return PROBES[function](Probe(stack, vendors, client))
        except NoAnswerError as error:
            print(f"{function}: {error}")
            return False

    statements = whole["Statement"]
    assert works_with(statements)
    tried = [statement for statement in statements if statement["Sid"] not in NOT_SHOWN]
    try:
        needed = {
            statement["Sid"]: not works_with([s for s in statements if s is not statement])
            for statement in tried
        }
    finally:
        assert works_with(statements)
    print(f"{function}: without {', '.join(needed)} in turn: {list(needed.values())}")
    assert all(needed.values()), needed


def test_no_role_is_shared_and_the_functions_run_under_their_own(stack: Stack) -> None:
    client = stack.aws("lambda")
    roles = {
        client.get_function_configuration(FunctionName=arn)["Role"] for arn in arns(stack).values()
    }
    assert len(roles) == len(arns(stack)) == len(PROBES)
    assert start(stack, a_number())["status"] == "pending"
