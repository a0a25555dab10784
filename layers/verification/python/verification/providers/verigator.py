"""Codes that Messente's Verigator makes and checks. Deprecated by its vendor, who points to Number
Verification instead (our `messente-verify`); kept working for those who have a service there.

A number is a user of a service, and each user has one code under way: a later start replaces it.
Users stay at the vendor, since the Verigator app on a phone is set up for its user once. They are
known there by a hash of the number under the API password: with a new password, or a new service,
every number is a new user and every app has to be set up again.

The vendor chooses text, length and validity of its codes, and publishes none of them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field

from ..domain.codes import MAX_CODE_LENGTH, MIN_CODE_LENGTH, keyed_hash
from ..domain.messages import MAX_VALIDITY
from ..domain.verification import Channel, Reason
from ..errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from ..operations.ports import Order, Remaining, Terms
from .http import Answer, HttpApi
from .settings import BaseUrl, HeaderSecret, ProviderSettings

NAME = "verigator"
METHODS = ("sms", "totp")
MAX_LIST_BYTES = 4_000_000  # of a service's users: more than 20,000

_ID = r"[A-Za-z0-9_-]{1,128}"  # goes into a path as it is
_NO_TO_THIS_ONE = frozenset({400, 409, 422})  # all that differs between our requests is the number


class Account(ProviderSettings):
    """An account at Messente.

    Args:
        username, password: of an API key of the account; printable ASCII, since they go into a
            header as they are.
        base_url: of the API.
    """

    username: Annotated[str, Field(pattern=r"^[\x21-\x39\x3b-\x7e]{1,200}$")]  # no colon
    password: HeaderSecret
    base_url: BaseUrl = "https://api.verigator.com/v1"


class Settings(Account):
    """Settings of `verigator`.

    Args:
        service_id: of a service of the account; create_service() makes one.
    """

    service_id: Annotated[str, Field(pattern=f"^{_ID}$")]


class VerigatorVerifier:
    """Verigator: a code by SMS, or one that the Verigator app on the person's phone shows."""

    name = NAME
    channels = frozenset({Channel.SMS, Channel.TOTP})
    # No bound of the vendor's is known; our own table ends a verification in time.
    terms = Terms(code_length=(MIN_CODE_LENGTH, MAX_CODE_LENGTH), validity=(1, MAX_VALIDITY))

    def __init__(self, settings: Settings, reports_url: str | None = None) -> None:
        """
        Args:
            reports_url: of no use: this vendor sends no reports.
        """
        self._password = settings.password.get_secret_value()
        self._users_url = f"{_services_url(settings)}/{settings.service_id}/users"
        self._headers = _headers(settings)
        self._api = HttpApi(self.name)

    def connect(self) -> None:
        """Open the connection of the first send; see `Connects`."""
        self._api.connect(self._users_url)

    def start(self, order: Order) -> str:
        """Have a code sent, or wait for the app's; see `Verifier.start`.

        Returns:
            The method and the user, `sms:<id>` or `totp:<id>`: with `totp` the vendor sends an
            SMS to who has no app, and must be told at the check which it was.
        """
        with _nothing_sent_yet():
            user = self._create_user(order) or self._find_user(order)
        method = "totp" if order.channel == Channel.TOTP else "sms"
        answer = self._call("POST", f"/{user}/auth", order.remaining, {"method": method})
        if not answer.is_success:
            raise _error(answer)
        used = answer.json().get("method")
        if used not in METHODS:
            raise ProviderSilent(self.name, "no_method")
        return f"{used}:{user}"

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        """Ask whether a code is right; see `Verifier.check`."""
        method, _, user = ref.partition(":")
        request = {"method": method, "token": code}
        answer = self._call("PUT", f"/{user}/auth", remaining, request)
        if answer.status == 404:  # nothing is under way
            if repeated:  # it may have ended well, by the guess whose answer got lost
                raise ProviderSilent(self.name, "http_404")
            return Reason.EXPIRED
        if not answer.is_success:
            raise _error(answer)
        found = answer.json()
        if found.get("verified") is True:
            return None
        if found.get("verified") is not False:
            raise ProviderSilent(self.name, "no_verdict")
        return _reason(found.get("status"))

    def cancel(self, ref: str, remaining: Remaining) -> None:
        """Nothing: there is no call that ends a code, and a deleted user would lose its app."""

    def _create_user(self, order: Order) -> str | None:
        """The id of a new user; None when there is one for this number."""
        request = {"id_in_service": self._id_in_service(order.to), "phone_number": order.to}
        answer = self._call("POST", "", order.remaining, request)
        if answer.status == 409:
            return None
        if not answer.is_success:
            raise _error(answer)
        return _id(answer.json())

    def _find_user(self, order: Order) -> str:
        """The id of the user that there is for this number.

        The vendor documents no search and no pages, so all users are read. A service with more
        than we read serves new numbers only.
        """
        try:
            answer = self._api.call(
                "GET",
                self._users_url,
                order.remaining,
                headers=self._headers,
                max_bytes=MAX_LIST_BYTES,
            )
        except ProviderSilent as error:
            if error.vendor_code == "answer_too_large":
                raise ProviderRefused(self.name, "too_many_users") from error
            raise
        if not answer.is_success:
            raise _error(answer)
        wanted = self._id_in_service(order.to)
        users = answer.json().get("users")
        for user in users if isinstance(users, list) else ():
            if isinstance(user, dict) and user.get("id_in_service") == wanted:
                return _id(user)
        raise ProviderRejected(self.name, "user_not_found")  # known there by another name

    def _id_in_service(self, to: str) -> str:
        """Always the same for a number, and without the password it tells nothing of it."""
        return keyed_hash(self._password.encode(), "verigator user", to).hex()[:32]

    def _call(
        self, method: str, path: str, remaining: Remaining, json: Mapping[str, str]
    ) -> Answer:
        url = f"{self._users_url}{path}"
        return self._api.call(method, url, remaining, headers=self._headers, json=json)


def create_service(account: Account, fqdn: str, name: str, remaining: Remaining) -> str:
    """Make a service, for an operator; once.

    Args:
        fqdn: the host name it is for.
        name: what the Verigator app calls it.

    Returns:
        Its id, for `service_id`.

    Raises:
        ProviderRejected: the vendor says no; 409 when there is one for this host name.
        ProviderUnavailable: not now.
        ProviderSilent: nobody knows.
    """
    answer = HttpApi(NAME).call(
        "POST",
        _services_url(account),
        remaining,
        headers=_headers(account),
        json={"fqdn": fqdn, "name": name},
    )
    if not answer.is_success:
        raise _error(answer)
    return _id(answer.json())


def _services_url(account: Account) -> str:
    return f"{account.base_url}/service/service"


def _headers(account: Account) -> dict[str, str]:
    return {"X-Service-Auth": f"{account.username}:{account.password.get_secret_value()}"}


def _id(answer: Mapping[str, Any]) -> str:
    found = answer.get("id")
    if not (isinstance(found, str) and re.fullmatch(_ID, found)):
        raise ProviderSilent(NAME, "no_id")
    return found


def _reason(status: Any) -> Reason:
    """Why a code was not right; the clients' notes have `status`, the document has not."""
    flags = status if isinstance(status, dict) else {}
    if flags.get("expired") is True:
        return Reason.EXPIRED
    return Reason.EXHAUSTED if flags.get("throttled") is True else Reason.INCORRECT


def _error(answer: Answer) -> ProviderError:
    """Errors hold a sentence only, which we do not keep: HTTP's status is the vendor's code."""
    if answer.status in _NO_TO_THIS_ONE:
        return ProviderRejected(NAME, f"http_{answer.status}")
    return answer.error()


@contextmanager
def _nothing_sent_yet() -> Iterator[None]:
    """Making and finding users sends nothing, so silence there is no doubt about a message."""
    try:
        yield
    except ProviderSilent as error:
        raise ProviderUnavailable(error.provider, error.vendor_code) from error
