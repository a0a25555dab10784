"""A second stack signs up users with the client layer, both ways, and loses replies on purpose."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.lossy import LossyProxy
from tests.e2e.talking import a_number, code_in, wrong
from tests.figures import Figure
from tests.local import ROOT
from tests.local.deploy import STACK_NAME, api_url, sam_build, sam_deploy
from tests.local.stack import Credentials, Stack
from tests.providers.hostile import self_signed

TEMPLATE = ROOT / "tests/signup/template.yaml"
WAYS = ("lambda", "https")


@dataclass(frozen=True)
class Signups:
    """The second stack, and the proxies between it and ours."""

    url: str
    table: str
    client: Credentials
    proxies: dict[str, LossyProxy]

    def post(self, path: str, **fields: Any) -> requests.Response:
        return requests.post(f"{self.url}/signups{path}", json=fields, timeout=60)


@pytest.fixture(scope="module")
def signups(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signups]:
    """The stack, built and deployed by SAM beside ours, as a client that may start and verify."""
    folder = tmp_path_factory.mktemp("signup")
    client = stack.client("Signup", "--scope", "start", "--scope", "verify")
    for name in ("start", "verify"):
        stack.aws("lambda").create_alias(
            FunctionName=f"{STACK_NAME}-{name}", Name=client.client_id, FunctionVersion="$LATEST"
        )
    secret = stack.aws("secretsmanager").create_secret(
        Name=f"signup-{secrets.token_hex(4)}",
        SecretString=json.dumps({"client_secret": client.client_secret}),
    )
    tls, certificate = self_signed(folder)
    with (
        LossyProxy(stack.endpoint_url) as by_lambda,
        LossyProxy(stack.endpoint_url, tls) as by_https,
    ):
        outputs = sam_deploy(
            stack.endpoint_url,
            sam_build(TEMPLATE, folder / "build"),
            f"signup-{secrets.token_hex(4)}",
            {
                "VerifyStack": STACK_NAME,
                "VerifyClient": client.client_id,
                "VerifySecretArn": secret["ARN"],
                "VerifyUrl": stack.api_url.replace(stack.endpoint_url, by_https.url),
            },
        )
        lead_through_proxy(stack, outputs["SignupFunctionArn"], by_lambda, certificate)
        yield Signups(
            api_url(stack.endpoint_url, outputs["SignupUrl"]),
            outputs["UsersTableName"],
            client,
            {"lambda": by_lambda, "https": by_https},
        )


def lead_through_proxy(stack: Stack, arn: str, proxy: LossyProxy, certificate: Path) -> None:
    """Tell a function where Lambda is, and whose certificate is believed besides."""
    client = stack.aws("lambda")
    now = client.get_function_configuration(FunctionName=arn)["Environment"]["Variables"]
    told = {"AWS_ENDPOINT_URL_LAMBDA": proxy.url, "SSL_CERT_FILE": str(certificate)}
    client.update_function_configuration(FunctionName=arn, Environment={"Variables": now | told})


def assert_repeated_under_one_key(proxy: LossyProxy) -> None:
    """Whatever was asked is what was asked again, once, when the reply did not come."""
    first, second = proxy.passed
    assert first.lost and not second.lost
    assert first.status < 300 and second.status < 300  # both were done
    assert (first.target, first.body) == (second.target, second.body)
    key = first.idempotency_key or json.loads(first.body)["idempotency_key"]
    assert key and first.idempotency_key == second.idempotency_key


def attempts(stack: Stack, verification_id: str) -> int:
    """How many guesses our stack has counted."""
    found = stack.aws("dynamodb").get_item(
        TableName=stack.tables["sessions"],
        Key={"pk": {"S": f"V#{verification_id[1:]}"}, "sk": {"S": "V"}},
        ConsistentRead=True,
    )
    return int(found["Item"]["attempts"]["N"])


@pytest.mark.parametrize("way", WAYS)
def test_a_user_signs_up_though_every_first_reply_is_lost(
    stack: Stack, signups: Signups, way: str, figure: Figure
) -> None:
    proxy, other = (signups.proxies[one] for one in (way, *{*WAYS} - {way}))
    to = a_number()
    other.passed.clear()

    proxy.lose_the_next_reply()
    begun = signups.post("", phone=to, over=way)
    assert begun.status_code == 201, begun.text
    started = begun.json()["id"]
    assert_repeated_under_one_key(proxy)
    [text] = stack.texts_to(to)  # one message, though it was asked for twice
    code = code_in(text)
    assert attempts(stack, started) == 0

    proxy.lose_the_next_reply()
    refused = signups.post(f"/{started}", code=wrong(code), over=way)
    assert (refused.status_code, refused.json()["error"]) == (422, "incorrect")
    assert_repeated_under_one_key(proxy)
    assert attempts(stack, started) == 1  # one attempt, though it was made twice

    proxy.lose_the_next_reply()
    finished = signups.post(f"/{started}", code=code, over=way)
    assert (finished.status_code, finished.json()) == (200, {"phone_verified": True})
    assert_repeated_under_one_key(proxy)
    assert attempts(stack, started) == 2
    assert stack.texts_to(to) == [text]
    assert other.passed == []
    figure(f"signup over {way}", "3 of 6 replies lost; 1 message sent, 2 guesses counted")

    user = stack.aws("dynamodb").get_item(TableName=signups.table, Key={"id": {"S": started}})
    assert user["Item"]["phone"]["S"] == to and user["Item"]["verified"]["BOOL"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("", {"phone": "12"}, 422),
        ("", {"phone": ""}, 422),
        ("", {}, 400),
        ("/..", {"code": "123456"}, 422),
        ("/afictionalverificationtoken", {"code": "123456"}, 422),
        ("/afictionalverificationtoken", {"code": "what"}, 422),
    ],
)
def test_what_is_wrong_is_said_the_same_either_way(
    signups: Signups, way: str, path: str, fields: dict[str, str], status: int
) -> None:
    answer = signups.post(path.replace("..", "%2E%2E"), over=way, **fields)
    assert answer.status_code == status, answer.text


def test_its_client_may_do_no_more_than_it_needs(stack: Stack, signups: Signups) -> None:
    started = signups.post("", phone=a_number()).json()["id"]
    for method in ("GET", "DELETE"):
        answer = stack.call(method, f"/v1/verifications/{started}", by=signups.client)
        assert answer.body["code"] == "scope_missing"
