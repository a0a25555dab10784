"""TOTP (RFC 6238): authenticator apps are enrolled, and their codes checked.

    enrol     a new nonce waits ──────> its seed goes to the app, by a QR code
    confirm   a first right code ─────> the nonce counts, in place of the one before
    check     a code of a step ───────> the step is spent, by one write that a later step allows

What is stored of an app is its nonce; the seed takes the identity key besides.
"""

from dataclasses import field
from typing import Protocol

from ..domain.services import Service, User
from ..domain.totp import CodeAt, derive_seed, matching_step
from ..domain.verification import OWN_APP, Reason
from ..errors import (
    FieldFault,
    InvalidFields,
    ProviderSilent,
    TemporarilyUnavailable,
    UserNotFound,
)
from ..valueclass import valueclass
from .ports import Clock, IdentityKey, Random, Remaining
from .services import Services, find_user


class Apps(Protocol):
    """The authenticator apps of users, in the table of services.

    Every method raises TemporarilyUnavailable when the table is throttled or out of reach.
    """

    def enrol(self, user: User, nonce: bytes) -> bool:
        """Let an app wait to be confirmed, in place of another; false when the user is gone."""
        ...

    def confirm(self, user: User, step: int) -> bool:
        """Let the app that the user was seen to have waiting be theirs, with this step spent.

        Args:
            user: with `totp_pending`.

        Returns:
            Whether it is; false when another is waiting, or none.
        """
        ...

    def spend(self, user: User, step: int, owner: str) -> bool:
        """Spend a step of the user's app, if it is later than all that were.

        Args:
            user: with `totp_nonce`.
            owner: whoever spent the last step may say so again, after a lost answer.

        Returns:
            Whether it is spent, by this owner; false also when the user has another app now.
        """
        ...

    def remove(self, user: User) -> None:
        """Forget the user's app, and the one that waits; nothing when there is none."""
        ...


@valueclass
class Enrolment:
    """What an app has to be told, once.

    Args:
        seed: 20 bytes.
    """

    service: Service
    user: User
    seed: bytes = field(repr=False)


@valueclass
class Enrol:
    """Enrols and removes authenticator apps.

    Every method raises UserNotFound when the client has no such service, or the service no such
    user, and TemporarilyUnavailable: repeat it.
    """

    services: Services
    apps: Apps
    identity_key: IdentityKey
    code_at: CodeAt
    clock: Clock
    random: Random

    def enrol(self, client_id: str, service_id: str, user_id: str) -> Enrolment:
        """Make a seed for an app. The user's app before, if any, counts until it is confirmed."""
        service, user = find_user(self.services, client_id, service_id, user_id)
        nonce = self.random(16)
        seed = derive_seed(self.identity_key(), user, nonce)
        if not self.apps.enrol(user, nonce):
            raise UserNotFound
        return Enrolment(service, user, seed)

    def confirm(self, client_id: str, service_id: str, user_id: str, code: str) -> None:
        """Take the app into use by a first right code, which counts no second time.

        Raises:
            InvalidFields: the code is not the app's, or no app waits for one.
        """
        _, user = find_user(self.services, client_id, service_id, user_id)
        if user.totp_pending is None:
            raise _fault("no app waits for its first code")
        seed = derive_seed(self.identity_key(), user, user.totp_pending)
        step = matching_step(self.code_at, seed, code, self.clock())
        if step is None:
            raise _fault("is not the code that the app shows")
        if not self.apps.confirm(user, step):
            raise _fault("another app waits for its first code")

    def remove(self, client_id: str, service_id: str, user_id: str) -> None:
        """Forget the user's app; again changes nothing."""
        _, user = find_user(self.services, client_id, service_id, user_id)
        self.apps.remove(user)


def _fault(message: str) -> InvalidFields:
    return InvalidFields(faults=[FieldFault("code", message)])


@valueclass
class AppChecker:
    """Checks the codes of authenticator apps; see `ports.Checker`."""

    services: Services
    apps: Apps
    identity_key: IdentityKey
    code_at: CodeAt
    clock: Clock

    def check(
        self, ref: str, to: str, code: str, *, repeated: bool, remaining: Remaining
    ) -> Reason | None:
        """Whether a code is the app's, now, and was not used before; then it is used.

        Args:
            ref: `<service id>/<user id>/<the verification's own>`.

        Raises:
            ProviderSilent: the table or the key is out of reach.
        """
        service_id, user_id, owner = ref.split("/")
        try:
            user = self.services.user(service_id, user_id)
            if user is None or user.totp_nonce is None:
                return Reason.INCORRECT
            seed = derive_seed(self.identity_key(), user, user.totp_nonce)
            step = matching_step(self.code_at, seed, code, self.clock())
            if step is None or not self.apps.spend(user, step, owner):
                return Reason.INCORRECT
        except TemporarilyUnavailable as error:
            raise ProviderSilent(OWN_APP, "out_of_reach") from error
        return None

    def cancel(self, ref: str, remaining: Remaining) -> None:
        """Nothing: nobody else knows of the verification."""
