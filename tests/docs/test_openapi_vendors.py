"""docs/openapi.yaml says of the vendors' APIs what the code takes and answers."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel
from verification.api.dialects.messagebird import errors as messagebird
from verification.api.dialects.messagebird.http import MessageBirdApi
from verification.api.dialects.messagebird.requests import _NAMES, read_start
from verification.api.dialects.messagebird.views import KINDS, show_message, show_verify
from verification.api.dialects.messente.fields import NO_PIN, NOT_A_CODE
from verification.api.dialects.messente.http import MessenteApi
from verification.api.dialects.messente.pin import PinFields
from verification.api.dialects.messente.pin import show_verdict as messente_verdict
from verification.api.dialects.messente.start import StartFields, show_started
from verification.api.dialects.verigator import fields as verigator_fields
from verification.api.dialects.verigator import views as verigator_views
from verification.api.dialects.verigator.http import VerigatorApi
from verification.api.fields import read_fields
from verification.api.handler import Api
from verification.api.native.totp import show_enrolment
from verification.domain.destination import Destination
from verification.domain.policy import Client, Profile, Scope
from verification.domain.services import Service, User
from verification.domain.verification import (
    Channel,
    Delivery,
    Details,
    Outcome,
    Reason,
    Record,
    Send,
    Status,
    Try,
    Verdict,
)
from verification.errors import (
    AddressNotAllowed,
    AlreadyExists,
    BudgetSpent,
    DeliveryFailed,
    DestinationNotAllowed,
    FieldFault,
    InternalError,
    InvalidFields,
    InvalidJson,
    LimitExceeded,
    NotFound,
    ScopeMissing,
    ServiceError,
    SuspectedFraud,
    TemporarilyUnavailable,
    Unauthorized,
    UserNotFound,
    VerifierUnavailable,
)
from verification.operations.start import Started
from verification.operations.totp import Enrolment

from tests.docs.sources import (
    ERRORS,
    PROBLEM,
    SERVICE,
    TO,
    USER,
    VENDORS,
    Run,
    of_model,
    openapi,
    operations,
    plain,
    resolved,
    schema,
)
from tests.fakes.calls import call, http_event
from tests.fakes.samples import make_verification

APIS: dict[str, Api] = {
    "messente": MessenteApi(),
    "messagebird": MessageBirdApi(),
    "verigator": VerigatorApi(),
}
ID = "ajqopgr262u3fibltxjeyks5k6u"
BEGAN = 1_795_323_507_331


def of_vendor(tag: str) -> list[dict[str, Any]]:
    """The operations of a vendor's API."""
    return [resolved(operation) for _, _, operation in operations() if tag in operation["tags"]]


# ------------------------------------------------------------------------------ all of them


def test_every_vendor_has_operations() -> None:
    assert [len(of_vendor(tag)) for tag in VENDORS] == [4, 6, 10]


@pytest.mark.parametrize("tag", VENDORS)
@pytest.mark.parametrize("code", ERRORS)
def test_an_error_is_said_as_it_is_written(tag: str, code: str) -> None:
    (written,) = (one["x-errors"] for one in openapi()["tags"] if one["name"] == tag)
    assert written.keys() == ERRORS.keys()
    faults = [FieldFault("name", "why")] if code == "invalid_fields" else []
    answer = APIS[tag].refuse(ERRORS[code]("Why.", faults=faults), "a-request")
    said: Any = answer.status
    if tag == "messente":
        said = answer.body
    if tag == "messagebird" and isinstance(answer.body, dict):
        said = {"status": answer.status, "code": answer.body["errors"][0]["code"]}
    assert said == written[code]


@pytest.mark.parametrize("tag", VENDORS)
def test_every_status_that_is_written_is_that_of_an_error(tag: str) -> None:
    faults = [FieldFault("name", "why")]
    said = {APIS[tag].refuse(error("Why.", faults=faults), "").status for error in ERRORS.values()}
    own = {
        int(status)
        for operation in of_vendor(tag)
        for status, response in operation["responses"].items()
        if int(status) >= 400 and {*response["content"]} != {PROBLEM}
    }
    assert own <= said


@pytest.mark.parametrize("tag", VENDORS)
def test_what_is_not_the_vendors_is_the_gateways(tag: str) -> None:
    for operation in of_vendor(tag):
        for status, response in operation["responses"].items():
            if PROBLEM in response.get("content", ()):
                assert status in ("429", "503")


@pytest.mark.parametrize(
    ("tag", "schemes"),
    [
        ("messente", {"messenteUsername", "messentePassword"}),
        ("messagebird", {"accessKey"}),
        ("verigator", {"serviceAuth"}),
    ],
)
def test_every_operation_wants_the_vendors_credentials(tag: str, schemes: set[str]) -> None:
    for operation in of_vendor(tag):
        assert operation["security"][0].keys() == schemes


# ------------------------------------------------------------- Messente Number Verification


@pytest.mark.parametrize(
    ("model", "name", "path"),
    [
        (StartFields, "MessenteStart", "/verify/start"),
        (PinFields, "MessentePin", "/verify/pin"),
    ],
)
def test_messentes_parameters_are_written_as_they_are_checked(
    model: type[BaseModel], name: str, path: str
) -> None:
    written = {n: plain(field) for n, field in schema(name)["properties"].items()}
    assert written.pop("username") == written.pop("password") == {"type": "string"}
    checked = of_model(model)
    for field in checked.values():
        field.pop("nullable", None)  # null is as good as absent, in JSON
    assert written == checked
    assert schema(name)["required"] == model.model_json_schema()["required"]
    query = resolved(openapi()["paths"][path]["parameters"])
    assert {p["name"]: plain(p["schema"]) for p in query} == checked


def words(*errors: ServiceError) -> set[str]:
    """What Messente's API says of these errors."""
    return {str(APIS["messente"].refuse(error, "").body) for error in errors}


def faults(*names: str) -> list[ServiceError]:
    return [InvalidFields(faults=[FieldFault(name, "why")]) for name in names]


def shown(path: str) -> set[str]:
    content = resolved(openapi()["paths"][path]["get"]["responses"]["200"])["content"]
    return {example["value"] for example in content["text/plain"]["examples"].values()}


ALL_BUT_MISSING = [error() for error in ERRORS.values() if error is not NotFound]


def test_the_words_of_a_start_are_those_of_the_code() -> None:
    verification = make_verification(token=ID[1:], kid=ID[0])
    said = {show_started(Started(Record(verification), False)), show_started(None)}
    said |= words(*ALL_BUT_MISSING, *faults("to", NO_PIN, "from", "sender", "channel"))
    assert shown("/verify/start") == said


def test_the_words_of_a_pin_are_those_of_the_code() -> None:
    said = {messente_verdict(Verdict(reason is None, reason)) for reason in (None, *Reason)}
    said |= words(*ALL_BUT_MISSING, NotFound(), *faults("pin", NOT_A_CODE))
    assert shown("/verify/pin") == said == {*schema("MessenteJudged")["enum"]}


# ---------------------------------------------------------------------- MessageBird Verify


PARAMETERS: dict[str, dict[str, Any]] = schema("MessageBirdCreate")["properties"]
BY_EMAIL = {"recipient": "ann@example.com", "type": "email"}
# A text of so many characters, for parameters whose own form it has to have; and what goes with it.
LONGEST: Mapping[str, tuple[Callable[[int], str], Mapping[str, str]]] = {
    "originator": (lambda n: "x" * (n - 12) + "@example.com", BY_EMAIL),
    "reference": (lambda n: "x" * n, {}),
    "reportUrl": (lambda n: "https://example.com/" + "x" * (n - 20), {}),
    "subject": (lambda n: "x" * n, BY_EMAIL),
    "template": (lambda n: "x" * (n - 6) + "%token", BY_EMAIL),
}


def test_messagebirds_parameters_are_those_that_are_read() -> None:
    assert PARAMETERS.keys() == {*_NAMES.values()}


def bounds(name: str) -> Iterator[tuple[Any, Mapping[str, str], bool]]:
    """Values at the bounds that are written and past them, what goes with each, and if it fits."""
    written, none = PARAMETERS[name], dict[str, str]()
    for key, step in (("minimum", -1), ("maximum", 1)):
        if key in written:
            yield written[key], none, True
            yield str(written[key]), none, True
            yield written[key] + step, none, False
    for word in written.get("enum", ()):
        yield word, BY_EMAIL if word == "email" else none, True
    if "enum" in written:
        yield "none-of-them", none, False
    if "maxLength" in written:
        make, beside = LONGEST[name]
        yield make(written["maxLength"]), beside, True
        yield make(written["maxLength"] + 1), beside, False
    if "pattern" in written:
        yield "not alphanumeric", none, False
    if "integer" not in written["type"]:
        yield ["a list"], none, False


@pytest.mark.parametrize("name", [name for name in PARAMETERS if name != "recipient"])
def test_messagebirds_bounds_are_those_of_the_code(name: str, run: Run) -> None:
    for value, beside, fits in bounds(name):
        fields = {"recipient": TO, **beside, name: value}
        answer = create(run, fields)
        if fits:
            assert answer["statusCode"] == 201, (value, answer["body"])
        else:
            assert answer["statusCode"] == 422, (value, answer["body"])
            (error,) = json.loads(answer["body"])["errors"]
            assert (error["code"], error["parameter"]) == (10, name)


def create(run: Run, fields: Mapping[str, Any]) -> Any:
    key = "live_shop-k3q7m2xa.not-a-real-secret-0000000000000000000000000"
    headers = {"Authorization": f"AccessKey {key}", "Content-Type": "application/json"}
    return run("messagebird", http_event("POST", "/verify", dict(fields), headers))


@pytest.mark.parametrize("name", [n for n, written in PARAMETERS.items() if "default" in written])
def test_messagebirds_defaults_are_those_of_the_code(name: str) -> None:
    beside = BY_EMAIL if name == "subject" else {"recipient": TO}
    said = read_start(call(beside | {name: PARAMETERS[name]["default"]}), None)
    assert said == read_start(call(beside), None)


def test_only_the_recipient_is_needed() -> None:
    assert schema("MessageBirdCreate")["required"] == ["recipient"]
    with pytest.raises(InvalidFields) as refused:
        read_start(call({}), None)
    assert [fault.field for fault in refused.value.faults] == ["recipient"]


URL = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/prod"
VERIFICATION = make_verification(
    BEGAN,
    token=ID[1:],
    kid=ID[0],
    to=TO,
    max_attempts=1,
    valid_until=BEGAN + 30_000,
    sender="YourName",
    reference="order1042",
    locale="en-gb",
    code_mac=b"a",
)
VERIFIED = replace(VERIFICATION, attempts=1, last_guess=b"a")
DELETED = replace(VERIFICATION, status=Status.CANCELED, to=None, reference=None)


def message(channel: Channel, report: Delivery | None = None) -> dict[str, Any]:
    """The message of a verification, as MessageBird's API shows it."""
    one = Try("sns", channel, Outcome.ACCEPTED, BEGAN + 373, "id", report=report)
    record = Record(
        replace(VERIFICATION, channel=channel),
        Details(template="Your code is: {code}"),
        (Send(1, BEGAN, Outcome.ACCEPTED, (one,)),),
    )
    return show_message(record, URL, BEGAN + 1000)


# -------------------------------------------------------------------------------- Verigator


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (verigator_fields.ServiceFields, "VerigatorNewService"),
        (verigator_fields.UserFields, "VerigatorNewUser"),
        (verigator_fields.StartFields, "VerigatorStart"),
        (verigator_fields.GuessFields, "VerigatorGuess"),
    ],
)
def test_verigators_bodies_are_written_as_they_are_checked(
    model: type[BaseModel], name: str
) -> None:
    written = schema(name)
    assert {n: plain(field) for n, field in written["properties"].items()} == of_model(model)
    assert written["required"] == model.model_json_schema()["required"]


SHOP = Service(SERVICE, "shop", "shop.example.com", "CoffeeShop", BEGAN)
JOHN = User(USER, SERVICE, "shop", "john.doe@example.com", Destination(TO, "GB"), BEGAN)


def verdict(reason: Reason | None) -> dict[str, Any]:
    return verigator_views.show_verdict(Channel.SMS, Verdict(reason is None, reason))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("MessageBirdSent", show_verify(VERIFICATION, URL, BEGAN)),
        ("MessageBirdVerified", show_verify(VERIFIED, URL, BEGAN)),
        ("MessageBirdDeleted", show_verify(DELETED, URL, BEGAN)),
        ("MessageBirdSms", message(Channel.SMS, Delivery.DELIVERED)),
        ("MessageBirdVoice", message(Channel.VOICE)),
        ("MessageBirdEmail", message(Channel.EMAIL)),
        ("VerigatorService", verigator_views.show_service(SHOP)),
        ("VerigatorUser", verigator_views.show_user(JOHN)),
        ("VerigatorRight", verdict(None)),
        ("VerigatorWrong", verdict(Reason.INCORRECT)),
        ("VerigatorExpired", verdict(Reason.EXPIRED)),
        ("VerigatorThrottled", verdict(Reason.EXHAUSTED)),
    ],
)
def test_an_object_that_is_shown_is_the_codes(written: str, said: dict[str, Any]) -> None:
    assert openapi()["components"]["examples"][written]["value"] == said


def test_an_enrolment_is_the_codes() -> None:
    properties = schema("AppEnrolment")["properties"]
    (written,) = properties["otpauth_url"]["examples"]
    seed = base64.b32decode("JBSWY3DPEHPK3PXP" * 2)
    said = show_enrolment(Enrolment(SHOP, JOHN, seed))
    assert said["otpauth_url"] == written
    assert said["qr_svg"].startswith("<svg ")
    assert said.keys() == properties.keys()


# ----------------------------------------------------------------------------------- Errors


def refused(read: Callable[[], Any]) -> ServiceError:
    """What a reader raises."""
    with pytest.raises(ServiceError) as raised:
        read()
    return raised.value


LIMIT = LimitExceeded("The limit destination_sends 5/10m is used up.")
BUDGET = BudgetSpent("The limit client_messages 5000/day is used up.")
NOWHERE = DestinationNotAllowed("Not to numbers of the kind premium_rate.")
FRAUD = SuspectedFraud()
IDLE = replace(call({}), client=Client("shop", Profile("Shop"), scopes=()))
NOBODY = DeliveryFailed("No provider took the message.")
SPENT = VerifierUnavailable(
    "The attempt is spent; repeat it with its Idempotency-Key to ask again."
)

# By response and example.
REFUSALS: dict[tuple[str, str], Callable[[], ServiceError]] = {
    ("MessageBirdUnauthorized", "access_key"): Unauthorized,
    ("MessageBirdUnauthorized", "address"): AddressNotAllowed,
    ("MessageBirdUnauthorized", "scope"): ScopeMissing,
    ("MessageBirdNotFound", "verify"): NotFound,
    ("MessageBirdMessageNotFound", "message"): lambda: NotFound(KINDS[0].missing),
    ("MessageBirdEmailNotFound", "email"): lambda: NotFound(KINDS[2].missing),
    ("MessageBirdRefused", "parameters"): lambda: refused(
        lambda: read_start(call({"tokenLength": 5}), None)
    ),
    ("MessageBirdRefused", "limit"): lambda: LIMIT,
    ("MessageBirdRefused", "destination"): lambda: NOWHERE,
    ("MessageBirdRefused", "fraud"): lambda: FRAUD,
    ("MessageBirdRefused", "budget"): lambda: BUDGET,
    ("MessageBirdRefused", "nobody_takes_it"): lambda: NOBODY,
    ("MessageBirdInternalError", "internal"): InternalError,
    ("MessageBirdVerifierUnavailable", "verifier"): lambda: SPENT,
    ("MessageBirdUnavailable", "unavailable"): TemporarilyUnavailable,
    ("VerigatorUnauthorized", "credentials"): Unauthorized,
    ("VerigatorForbidden", "address"): AddressNotAllowed,
    ("VerigatorForbidden", "scope"): lambda: refused(lambda: IDLE.require(Scope.START)),
    ("VerigatorNotFound", "user"): UserNotFound,
    ("VerigatorNotFound", "auth"): NotFound,
    ("VerigatorConflict", "exists"): lambda: AlreadyExists(
        f"There is one of that name: {SERVICE}."
    ),
    ("VerigatorInvalid", "json"): lambda: InvalidJson("The body must be valid JSON in UTF-8."),
    ("VerigatorInvalid", "field"): lambda: refused(
        lambda: read_fields(verigator_fields.StartFields, {"method": "pigeon"})
    ),
    ("VerigatorInvalid", "limit"): lambda: LIMIT,
    ("VerigatorInvalid", "budget"): lambda: BUDGET,
    ("VerigatorInvalid", "destination"): lambda: NOWHERE,
    ("VerigatorInvalid", "fraud"): lambda: FRAUD,
    ("VerigatorInternalError", "internal"): InternalError,
    ("VerigatorProviders", "delivery"): lambda: NOBODY,
    ("VerigatorProviders", "verifier"): lambda: SPENT,
    ("VerigatorUnavailable", "unavailable"): TemporarilyUnavailable,
}
TOKENS = {  # by example of MessageBirdTokenRefused; None: what is no token
    "wrong": (None, Reason.INCORRECT, Reason.CANCELED),
    "processed": (Reason.ALREADY_VERIFIED, Reason.EXHAUSTED),
    "expired": (Reason.EXPIRED,),
}


def vendors_errors() -> Iterable[tuple[str, str]]:
    for name, response in openapi()["components"]["responses"].items():
        if name.startswith(("MessageBird", "Verigator")):
            yield from ((name, one) for one in response["content"]["application/json"]["examples"])


def test_no_error_of_a_vendor_goes_untried() -> None:
    tokens = {("MessageBirdTokenRefused", name) for name in TOKENS}
    assert {*vendors_errors()} == REFUSALS.keys() | tokens


def example(response: str, name: str) -> Any:
    written = openapi()["components"]["responses"][response]
    return written["content"]["application/json"]["examples"][name]["value"]


@pytest.mark.parametrize(("response", "name"), REFUSALS)
def test_an_error_that_is_shown_is_the_codes(response: str, name: str) -> None:
    tag = "messagebird" if response.startswith("MessageBird") else "verigator"
    said = APIS[tag].refuse(REFUSALS[response, name](), "a-request")
    assert said.body == example(response, name)
    statuses = {
        status
        for _, _, operation in operations()
        for status, one in operation["responses"].items()
        if one.get("$ref") == f"#/components/responses/{response}"
    }
    assert statuses == {str(said.status)}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_is_refused_is_shown_as_the_code_says_it(name: str) -> None:
    for reason in TOKENS[name]:
        assert messagebird.refuse_token(reason).status == 422
        assert messagebird.refuse_token(reason).body == example("MessageBirdTokenRefused", name)
