"""Auth: a user of a service proves who they are, by an SMS or by their authenticator app.

    start   read service and user ──> start a verification ──> the user points to it
    check   read service and user ──> guess at the verification that the user points to

A user points to one verification: of several that were started, to the one that began last. Each
has the user's id. One that a crash left without anybody pointing to it is reached by nobody here,
and ends by itself.
"""

from contextlib import suppress
from typing import cast

from ..domain import policy
from ..domain.identifiers import make_token
from ..domain.policy import Client
from ..domain.services import Auth, Service, User
from ..domain.totp import DIGITS
from ..domain.verification import Channel, Reason, Verdict
from ..errors import NotFound, TemporarilyUnavailable, UserNotFound
from ..valueclass import valueclass
from .delete import Delete
from .ports import Clock, Random, Remaining
from .services import Services, cancel, find_user
from .start import Start, StartCommand
from .verify import Verify, VerifyCommand

# As the native API's defaults, which none of these is without.
CODE_LENGTH = cast(int, policy.CODE_LENGTH.default)
VALIDITY = cast(int, policy.VALIDITY.default)
MAX_ATTEMPTS = cast(int, policy.MAX_ATTEMPTS.default)
# Of a start by app. Each start takes them from the day's budget of guesses: 50 are 16 logins, where
# five each would be ten; and an app's code is read off, with no message that may be late.
APP_ATTEMPTS = 3
MAX_SENDS = 1  # this API has no word for sending again: who wants another code starts anew


@valueclass
class StartAuth:
    """Starts the verification of a user."""

    services: Services
    start: Start
    delete: Delete
    clock: Clock
    random: Random

    def __call__(
        self, client: Client, service_id: str, user_id: str, method: Channel, remaining: Remaining
    ) -> Channel:
        """Start a verification; the user's next guess is about the one that began last.

        Args:
            method: SMS, or TOTP for who has an app; who has none gets an SMS.

        Returns:
            The method of the one that began last: this one, but for starts at the same time.

        Raises:
            UserNotFound: this client has no such service, or the service no such user.
            As Start.
        """
        service, user = find_user(self.services, client.id, service_id, user_id)
        if method == Channel.TOTP and user.totp_nonce is None:
            method = Channel.SMS
        # After the one that was seen: a clock that is behind makes no later start an earlier one.
        began = max(self.clock(), user.auth.started_at + 1 if user.auth else 0)
        auth = Auth(self._start(client, service, user, method, remaining), method, began)
        try:
            last = self._point(user, auth)
        except TemporarilyUnavailable:
            # It was not started, says the answer. What cannot be canceled either, ends by itself.
            with suppress(TemporarilyUnavailable):
                cancel(self.delete, client.id, auth.verification_id, remaining)
            raise
        if last != auth:
            cancel(self.delete, client.id, auth.verification_id, remaining)
        if last is None:
            raise UserNotFound
        return last.method

    def _point(self, user: User, auth: Auth) -> Auth | None:
        """Let the user point to it; what they point to then, None when they are gone."""
        last = self.services.set_auth(user, auth)
        # Read again: what deletes the service in between may have missed this verification.
        return last if self.services.service(user.service_id) else None

    def _start(
        self, client: Client, service: Service, user: User, method: Channel, remaining: Remaining
    ) -> str:
        by_app = method == Channel.TOTP
        command = StartCommand(
            client=client,
            to=user.to,
            channel=method,
            code_length=DIGITS if by_app else CODE_LENGTH,
            validity=VALIDITY,
            max_attempts=APP_ATTEMPTS if by_app else MAX_ATTEMPTS,
            max_sends=MAX_SENDS,
            request=b"",
            brand=service.brand,
            user=user.id,
        )
        if by_app:
            # The last part is this verification's own: a step that it has spent stays its own.
            ref = f"{service.id}/{user.id}/{make_token(self.random(16))}"
            return str(self.start.with_app(command, ref, remaining).id)
        return str(self.start(command, remaining).record.verification.id)


@valueclass
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
