"""The catalogue: every provider by its name, made when it is needed, by settings that are right."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from verification import catalogue
from verification.catalogue import CLASSES, SERVICES, Catalogue
from verification.domain.verification import Channel
from verification.errors import ProviderRefused, ProviderUnavailable
from verification.operations.ports import Messenger, Verifier
from verification.providers.http import HttpApi
from verification.providers.routing import Offer, Routing
from verification.settings import Settings
from verification.storage.secrets import StoredProviderSettings

from tests.fakes.clock import SettableClock
from tests.fakes.secrets import FakeSecretsManager
from tests.fakes.telemetry import RecordingTelemetry

PASSWORD = "the-password-of-ours"
KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
ACCOUNT = {"username": "ours", "password": PASSWORD}
WEBHOOK = {"url": "https://carrier.example/send", "secrets": [KEY]}
OWN: dict[str, Any] = {
    "aws-notify": {"origination_identity": "Shop"},
    "aws-voice": {"origination_identity": "+12025550100"},
    "messagebird": {"access_key": PASSWORD, "originator": "Shop"},
    "messagebird-verify": {"access_key": PASSWORD},
    "messente": ACCOUNT,
    "messente-verify": ACCOUNT,
    "verigator": {**ACCOUNT, "service_id": "s-1"},
    "webhook": WEBHOOK,
    "webhook-acme": WEBHOOK,
}
VERIFIERS = {"aws-notify", "messagebird-verify", "messente-verify", "verigator"}


class Shelf:
    """A catalogue and all that stands around it."""

    def __init__(self, own: Any = OWN, routes: str = "sms=webhook-acme", **environ: str) -> None:
        self.clock = SettableClock()
        self.telemetry = RecordingTelemetry()
        self.manager = FakeSecretsManager(own, "providers")
        settings = Settings(
            {
                "ROUTES": routes,
                "SESSIONS_TABLE": "sessions",
                "SANDBOX_ENABLED": "true",
                "EMAIL_SENDER": "shop@example.com",
                **environ,
            }
        )
        self.catalogue = Catalogue(
            settings,
            StoredProviderSettings(self.manager, "providers", self.clock),
            lambda: None,
            self.telemetry,
            self.clock,
        )

    def refusal(self, name: str) -> str:
        with pytest.raises(ProviderRefused) as refused:
            self.catalogue.get(name)
        assert refused.value.provider == name
        return refused.value.vendor_code

    def write(self, own: Any) -> None:
        self.manager.text = json.dumps(own)


NAMES = sorted({*CLASSES, "webhook-acme"})


@pytest.mark.parametrize("name", NAMES)
def test_each_is_made_by_its_name_once(name: str) -> None:
    shelf = Shelf()
    made = shelf.catalogue.get(name)
    assert made is shelf.catalogue.get(name)
    assert made.name == name
    assert isinstance(made, Verifier if name in VERIFIERS else Messenger)
    assert isinstance(made, Verifier) is not isinstance(made, Messenger)
    assert shelf.telemetry.events == []


@pytest.mark.parametrize("name", NAMES)
def test_what_each_can_do_is_known_before_it_is_made(name: str) -> None:
    shelf = Shelf()
    offer = shelf.catalogue.offer(name)
    assert offer.channels and offer.channels <= set(Channel)
    assert (offer.terms is not None) == (name in VERIFIERS)
    assert shelf.manager.reads == 0


def test_those_on_aws_are_clients_of_a_service() -> None:
    assert {name for name in CLASSES if name.startswith("aws-")} | {"ses", "sns"} == set(SERVICES)


def test_the_stack_has_those_that_it_is_set_up_for() -> None:
    assert set(Shelf().catalogue.names()) == {*CLASSES, "webhook-acme"}
    bare = Shelf(routes="sms=sns", SANDBOX_ENABLED="false", EMAIL_SENDER="").catalogue
    assert set(bare.names()) == set(CLASSES) - {"sandbox", "ses"}


def test_a_stack_may_have_several_webhooks() -> None:
    shelf = Shelf(routes="sms=webhook-acme,webhook-b,webhook")
    assert {"webhook", "webhook-acme", "webhook-b"} <= set(shelf.catalogue.names())
    assert shelf.catalogue.get("webhook") is not shelf.catalogue.get("webhook-acme")
    assert shelf.refusal("webhook-b") == "settings_wrong"
    Routing(Settings({"ROUTES": "sms=webhook-acme"}).routes, shelf.catalogue, shelf.clock)


@pytest.mark.parametrize(
    ("own", "faults"),
    [
        ({}, {"messente.username": "Field required", "messente.password": "Field required"}),
        ({"messente": None}, None),
        ({"messente": {"username": "ours"}}, {"messente.password": "Field required"}),
        (
            {"messente": {**ACCOUNT, "passwort": PASSWORD}},
            {"messente.passwort": "Extra inputs are not permitted"},
        ),
        ({"messente": {**ACCOUNT, "password": [PASSWORD]}}, {"messente.password": None}),
        ({"messente": {**ACCOUNT, "username": PASSWORD * 20}}, {"messente.username": None}),
        ({"messente": {**ACCOUNT, "base_url": f"http://{PASSWORD}"}}, {"messente.base_url": None}),
        ({"messente": PASSWORD}, {"messente": None}),
        ({"messente": [PASSWORD]}, {"messente": None}),
    ],
)
def test_wrong_settings_are_refused_and_the_log_names_the_key_and_never_the_value(
    own: dict[str, Any], faults: dict[str, str | None] | None
) -> None:
    shelf = Shelf(own)
    assert shelf.refusal("messente") == "settings_wrong"
    logged = {}
    for kind, event, fields in shelf.telemetry.events:
        assert (kind, event) == ("warn", "provider_settings_wrong")
        assert isinstance(fields, dict) and set(fields) == {"key", "problem"}
        logged[fields["key"]] = fields["problem"]
    wanted = faults or {"messente.username": None, "messente.password": None}
    assert set(logged) == set(wanted)
    assert all(wanted[key] in (None, problem) for key, problem in logged.items())
    assert PASSWORD not in str(shelf.telemetry.events)


def test_a_refusal_does_not_carry_the_settings_along() -> None:
    with pytest.raises(ProviderRefused) as refused:
        Shelf({"messente": {**ACCOUNT, "x": PASSWORD}}).catalogue.get("messente")
    assert PASSWORD not in repr(refused.value)
    assert refused.value.__cause__ is None and refused.value.__suppress_context__


def test_no_provider_shows_its_secrets() -> None:
    shelf = Shelf()
    for name in NAMES:
        shown = repr(shelf.catalogue.get(name)) + repr(vars(shelf.catalogue).keys())
        assert PASSWORD not in shown and KEY not in shown


def test_settings_out_of_reach_are_unavailable_and_asked_for_again() -> None:
    shelf = Shelf()
    shelf.manager.failing = ConnectTimeoutError(endpoint_url="x")
    with pytest.raises(ProviderUnavailable) as failed:
        shelf.catalogue.get("messente")
    assert (failed.value.provider, failed.value.vendor_code) == ("messente", "settings_unreachable")
    shelf.manager.failing = None
    assert shelf.catalogue.get("messente").name == "messente"


@pytest.mark.parametrize("name", ["sandbox", "ses", "sns"])
def test_those_set_up_by_the_template_need_no_secret(name: str) -> None:
    shelf = Shelf()
    shelf.catalogue.get(name)
    assert shelf.manager.reads == 0


def test_the_same_settings_make_no_new_provider() -> None:
    shelf = Shelf()
    made = shelf.catalogue.get("messente")
    shelf.clock.advance(60)
    assert shelf.catalogue.renew("messente") is False
    assert shelf.manager.reads == 2
    assert shelf.catalogue.get("messente") is made


def test_new_settings_make_a_new_provider_and_leave_the_others() -> None:
    shelf = Shelf()
    made, other = shelf.catalogue.get("messente"), shelf.catalogue.get("webhook")
    shelf.write({**OWN, "messente": {**ACCOUNT, "password": "new"}})
    shelf.clock.advance(60)
    assert shelf.catalogue.renew("messente") is True
    assert shelf.catalogue.get("messente") is not made
    assert shelf.catalogue.renew("webhook") is False
    assert shelf.catalogue.get("webhook") is other


def test_within_a_minute_nothing_is_read_again() -> None:
    shelf = Shelf()
    shelf.catalogue.get("messente")
    shelf.write({**OWN, "messente": {**ACCOUNT, "password": "new"}})
    shelf.clock.advance(59.999)
    assert shelf.catalogue.renew("messente") is False
    assert shelf.manager.reads == 1


def test_wrong_settings_that_were_put_right_are_good_without_a_deployment() -> None:
    shelf = Shelf({})
    assert shelf.refusal("messente") == "settings_wrong"
    assert shelf.catalogue.renew("messente") is False  # it was not made: nothing has changed
    shelf.write(OWN)
    shelf.clock.advance(60)
    shelf.catalogue.renew("messente")
    assert shelf.catalogue.get("messente").name == "messente"


@pytest.mark.parametrize("name", sorted(VERIFIERS))
def test_a_verifier_is_found_by_its_name(name: str) -> None:
    shelf = Shelf()
    found = shelf.catalogue.verifier(name)
    assert isinstance(found, Verifier) and found.name == name
    assert shelf.telemetry.events == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("messente", "no_verifier"),
        ("webhook-acme", "no_verifier"),
        ("gone", "no_such_provider"),
        ("", "no_such_provider"),
        ("../settings", "no_such_provider"),
    ],
)
def test_what_is_no_verifier_is_refused(name: str, code: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        Shelf().catalogue.verifier(name)
    assert (refused.value.provider, refused.value.vendor_code) == (name, code)


def test_a_secret_that_is_no_object_lets_the_other_providers_work() -> None:
    shelf = Shelf([PASSWORD], routes="sms=messente,sns")
    assert shelf.refusal("messente") == "settings_wrong"
    assert shelf.catalogue.get("sns").name == "sns"
    (event,) = shelf.telemetry.events
    assert "messente" in str(event) and PASSWORD not in str(event)


def test_a_secret_of_bytes_costs_those_that_need_it_alone() -> None:
    shelf = Shelf(routes="sms=messente,sns")
    shelf.manager.text = None
    assert shelf.refusal("messente") == "settings_wrong"
    assert shelf.catalogue.get("sns").name == "sns"
    ((kind, event, fields),) = shelf.telemetry.events
    problem = "The secret providers must be a JSON object."
    assert (kind, event) == ("warn", "provider_settings_wrong")
    assert fields == {"key": "messente", "problem": problem}
    shelf.write(OWN)
    assert shelf.catalogue.get("messente").name == "messente"


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_a_secret_that_may_not_be_read_costs_those_that_need_it_alone(code: str) -> None:
    shelf = Shelf(routes="sms=messente,sns")
    answer: Any = {"Error": {"Code": code, "Message": PASSWORD}}
    shelf.manager.failing = ClientError(answer, "GetSecretValue")
    assert shelf.refusal("messente") == "settings_unreadable"
    assert shelf.catalogue.get("sns").name == "sns"
    assert shelf.telemetry.events == [
        ("warn", "provider_settings_wrong", {"key": "messente", "problem": code})
    ]
    shelf.manager.failing = None
    assert shelf.catalogue.get("messente").name == "messente"


def test_a_renewal_that_cannot_be_changes_nothing() -> None:
    shelf = Shelf()
    made = shelf.catalogue.get("messente")
    answer: Any = {"Error": {"Code": "AccessDeniedException"}}
    shelf.manager.failing = ClientError(answer, "GetSecretValue")
    shelf.clock.advance(60)
    assert shelf.catalogue.renew("messente") is False
    assert shelf.catalogue.get("messente") is made


def test_a_provider_that_needs_no_secret_is_not_renewed() -> None:
    shelf = Shelf()
    shelf.catalogue.get("sns")
    assert shelf.catalogue.renew("sns") is False
    assert shelf.manager.reads == 0


def test_an_offer_is_that_of_the_class() -> None:
    from verification.providers.messente_verify import MessenteVerifier

    offer = Shelf().catalogue.offer("messente-verify")
    assert offer == Offer(MessenteVerifier.channels, MessenteVerifier.terms)
    assert catalogue.read_settings("messente-verify", ACCOUNT).username == "ours"


def test_those_that_will_send_are_made_before_and_one_without_settings_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected: list[str] = []
    monkeypatch.setattr(HttpApi, "connect", lambda api, url: connected.append(url))
    shelf = Shelf({name: own for name, own in OWN.items() if name != "messente"})
    shelf.catalogue.warm_up(["sns", "messente", "webhook-acme"])
    assert {*shelf.catalogue._made} == {"sns", "webhook-acme"}
    assert connected == [OWN["webhook-acme"]["url"]]
    assert shelf.refusal("messente") == "settings_wrong"
    shelf = Shelf()
    shelf.manager.failing = ClientError({"Error": {"Code": "AccessDeniedException"}}, "Get")
    shelf.catalogue.warm_up(["messente", "ses"])
    assert {*shelf.catalogue._made} == {"ses"}
