"""Delete: the code stops working, the personal data goes."""

from dataclasses import dataclass

from ..domain.identifiers import parse_id
from ..errors import NotFound
from .ports import Telemetry, Verifications


@dataclass(frozen=True)
class Delete:
    """Cancels verifications."""

    verifications: Verifications
    telemetry: Telemetry

    def __call__(self, client_id: str, verification_id: str) -> None:
        """Cancel a verification and erase its destination; again changes nothing.

        Raises:
            NotFound: this client has none with this id.
            TemporarilyUnavailable: repeat it; the code may still work.
        """
        parsed = parse_id(verification_id)
        if not parsed or not self.verifications.cancel(parsed, client_id):
            raise NotFound
        self.telemetry.canceled(parsed)
