"""Our own providers for three vendors' APIs, pointed at our own copies of these APIs.

What a stack answers that sends its verifications through another stack of ours is what the other
would have answered itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from verification.domain.verification import Channel, Reason
from verification.errors import ProviderRefused, ProviderRejected
from verification.operations.ports import Order, Verifier
from verification.providers import messagebird_verify, messente_verify, verigator

from tests.e2e.talking import a_number, code_in, expire, start, wrong
from tests.local.stack import Credentials, Stack
from tests.providers.orders import make_order

PLENTY = 25_000  # milliseconds


@dataclass(frozen=True)
class Vendor:
    """One of the drop-in APIs, and our provider for it.

    Args:
        make: the provider as a client of the stack uses it.
        words: what the vendor cannot say, and says instead.
    """

    make: Callable[[Stack, Credentials], Verifier]
    words: dict[Reason, Reason]


def through_messagebird(stack: Stack, client: Credentials) -> Verifier:
    settings = {"access_key": client.access_key(), "base_url": stack.api_url}
    return messagebird_verify.MessageBirdVerifier(
        messagebird_verify.Settings.model_validate(settings)
    )


def through_messente(stack: Stack, client: Credentials) -> Verifier:
    settings = {
        "username": client.client_id,
        "password": client.client_secret,
        "base_urls": [stack.api_url],
    }
    return messente_verify.MessenteVerifier(messente_verify.Settings.model_validate(settings))


def through_verigator(stack: Stack, client: Credentials) -> Verifier:
    settings: dict[str, Any] = {
        "username": client.client_id,
        "password": client.client_secret,
        "base_url": f"{stack.api_url}/v1",
    }
    account = verigator.Account.model_validate(settings)
    service = verigator.create_service(account, "shop.example.com", "Shop", lambda: PLENTY)
    return verigator.VerigatorVerifier(
        verigator.Settings.model_validate(settings | {"service_id": service})
    )


VENDORS = {
    "messagebird-verify": Vendor(through_messagebird, {}),
    # Neither has a word for a code that was used; and both say that it is one no longer.
    "messente-verify": Vendor(through_messente, {Reason.ALREADY_VERIFIED: Reason.EXPIRED}),
    "verigator": Vendor(through_verigator, {Reason.ALREADY_VERIFIED: Reason.EXPIRED}),
}

each_vendor = pytest.mark.parametrize("name", VENDORS)

RIGHT = 0
# Guesses: by how much each is off the code.
SCENARIOS = {
    "right at once, then again": [RIGHT, RIGHT],
    "wrong, wrong, right, wrong": [1, 2, RIGHT, 1],
    "wrong until no attempt is left, then right": [1, 2, 3, 4, 5, RIGHT, 6],
}


def order_to(to: str, **more: Any) -> Order:
    return make_order(to=to, remaining=lambda: PLENTY, **more)


def verifications_of(stack: Stack, client: Credentials, to: str) -> list[dict[str, Any]]:
    listed = stack.call("GET", f"/v1/verifications?to={to.replace('+', '%2B')}", by=client)
    found: list[dict[str, Any]] = listed.body["verifications"]
    return found


@each_vendor
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_guesses_through_a_vendors_api_are_judged_as_direct_ones(
    stack: Stack, name: str, scenario: str
) -> None:
    vendor, client = VENDORS[name], stack.client("loop")
    provider = vendor.make(stack, client)
    direct, through = a_number(), a_number()
    started = start(stack, direct)
    ref = provider.start(order_to(through))
    codes = [code_in(stack.texts_to(direct)[0]), code_in(stack.texts_to(through)[0])]
    assert [len(code) for code in codes] == [6, 6]

    said, heard = [], []
    for off in SCENARIOS[scenario]:
        path, code = f"/v1/verifications/{started['id']}/verify", wrong(codes[0], off)
        answer = stack.call("POST", path, {"code": code}).body
        reason = None if answer["valid"] else Reason(answer["reason"])
        said.append(reason and vendor.words.get(reason, reason))
        code = wrong(codes[1], off)
        heard.append(provider.check(ref, through, code, repeated=False, remaining=lambda: PLENTY))
    print(f"{name}, {scenario}: {heard}")
    assert heard == said

    direct_one = stack.call("GET", f"/v1/verifications/{started['id']}").body
    (one,) = verifications_of(stack, client, through)
    same = ("status", "delivery", "attempts", "max_attempts", "code_length", "channel", "country")
    assert {field: one[field] for field in same} == {field: direct_one[field] for field in same}


@each_vendor
def test_an_expired_code_is_expired_through_a_vendors_api_too(stack: Stack, name: str) -> None:
    client, to = stack.client("loop"), a_number()
    provider = VENDORS[name].make(stack, client)
    ref = provider.start(order_to(to))
    code = code_in(stack.texts_to(to)[0])
    (one,) = verifications_of(stack, client, to)
    expire(stack, one["id"])
    checked = provider.check(ref, to, code, repeated=False, remaining=lambda: PLENTY)
    assert checked == Reason.EXPIRED


@each_vendor
def test_a_number_that_cannot_be_is_refused_as_that_and_not_as_a_fault_of_ours(
    stack: Stack, name: str
) -> None:
    provider = VENDORS[name].make(stack, stack.client("loop"))
    with pytest.raises(ProviderRejected) as refused:
        provider.start(order_to("+3161"))
    assert not isinstance(refused.value, ProviderRefused)


@pytest.mark.parametrize("name", ["messagebird-verify", "messente-verify"])
def test_a_template_goes_through_with_the_other_stacks_code(stack: Stack, name: str) -> None:
    to = a_number()
    VENDORS[name].make(stack, stack.client("loop")).start(order_to(to))
    (text,) = stack.texts_to(to)
    assert text == make_order().render(Channel.SMS).text.replace("123456", code_in(text))


def test_what_was_deleted_through_messagebird_is_canceled(stack: Stack) -> None:
    client, to = stack.client("loop"), a_number()
    provider = through_messagebird(stack, client)
    ref = provider.start(order_to(to))
    provider.cancel(ref, lambda: PLENTY)
    provider.cancel(ref, lambda: PLENTY)  # as a vendor takes it: once more changes nothing
    found = stack.call("GET", f"/v1/verifications/{ref}", by=client).body
    assert (found["status"], found["to"]) == ("canceled", None)


@each_vendor
def test_wrong_credentials_are_refused_as_ours(stack: Stack, name: str) -> None:
    known = stack.client("loop")
    provider = VENDORS[name].make(stack, known)
    if name == "verigator":  # its service was made with the right ones
        provider._headers["X-Service-Auth"] += "x"  # type: ignore[attr-defined]  # a slip of the pen
    else:
        provider = VENDORS[name].make(stack, Credentials(known.client_id, "wrong"))
    with pytest.raises(ProviderRefused):
        provider.start(order_to(a_number()))
