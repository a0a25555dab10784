"""Auth: a user of a service proves who they are, by an SMS or by their authenticator app.

    start   read service and user ──> start a verification ──> the user points to it
    check   read service and user ──> guess at the verification that the user points to

A user points to one verification, and each has the user's id as its reference. One that a crash
left without anybody pointing to it is reached by nobody here, and ends by itself.
"""

from dataclasses import dataclass

from ..domain.identifiers import make_token
from ..domain.policy import Client
from ..domain.services import Auth, Service, User
from ..domain.totp import DIGITS
from ..domain.verification import Channel, Reason, Verdict
from ..errors import NotFound, UserNotFound
from .delete import Delete
from .ports import Random, Remaining
from .services import Services, cancel, find_user
from .start import Start, StartCommand
from .verify import Verify, VerifyCommand

CODE_LENGTH, VALIDITY, MAX_ATTEMPTS = DIGITS, 300, 5  # as the native API's defaults
MAX_SENDS = 1  # this API has no word for sending again: who wants another code starts anew


@dataclass(frozen=True)
class StartAuth:
    """Starts the verification of a user."""

    services: Services
    start: Start
    delete: Delete
    random: Random

    def __call__(
        self, client: Client, service_id: str, user_id: str, method: Channel, remaining: Remaining
    ) -> Channel:
        """Start a verification; the user's next guess is about this one.

        Args:
            method: SMS, or TOTP for who has an app; who has none gets an SMS.

        Returns:
            The method that is used.

        Raises:
            UserNotFound: this client has no such service, or the service no such user.
            As Start.
        """
        service, user = find_user(self.services, client.id, service_id, user_id)
        if method == Channel.TOTP and user.totp_nonce is None:
            method = Channel.SMS
        auth = Auth(self._start(client, service, user, method, remaining), method)
        # Read again: what deletes the service in between may have missed this verification.
        if not self.services.set_auth(user, auth) or not self.services.service(service_id):
            cancel(self.delete, client.id, auth.verification_id, remaining)
            raise UserNotFound
        return method

    def _start(
        self, client: Client, service: Service, user: User, method: Channel, remaining: Remaining
    ) -> str:
        command = StartCommand(
            client=client,
            to=user.to,
            channel=method,
            code_length=CODE_LENGTH,
            validity=VALIDITY,
            max_attempts=MAX_ATTEMPTS,
            max_sends=MAX_SENDS,
            request=b"",
            brand=service.brand,
            reference=user.id,  # by which they are found when the user is deleted
        )
        if method == Channel.TOTP:
            # The last part is this verification's own: a step that it has spent stays its own.
            ref = f"{service.id}/{user.id}/{make_token(self.random(16))}"
            return str(self.start.with_app(command, ref, remaining).id)
        return str(self.start(command, remaining).record.verification.id)


@dataclass(frozen=True)
class CheckAuth:
    """Judges the guesses of a user."""

    services: Services
    verify: Verify

    def __call__(
        self, client_id: str, service_id: str, user_id: str, code: str | None, remaining: Remaining
    ) -> tuple[Channel, Verdict]:
        """Count and judge a guess at the user's last verification.

        Args:
            code: 4 to 16 digits; None for what cannot be a code: wrong, and not counted.

        Returns:
            The method of that verification, and the verdict.

        Raises:
            UserNotFound: this client has no such service, or the service no such user.
            NotFound: none was started, or it was canceled or is long gone.
            As Verify.
        """
        _, user = find_user(self.services, client_id, service_id, user_id)
        if user.auth is None:
            raise NotFound
        if code is None:
            return user.auth.method, Verdict(False, Reason.INCORRECT)
        command = VerifyCommand(client_id, user.auth.verification_id, code)
        _, verdict = self.verify(command, remaining)
        if verdict.reason == Reason.CANCELED:
            raise NotFound
        return user.auth.method, verdict
