"""Delete: the code stops working, the personal data goes."""

from ..domain.identifiers import parse_id
from ..errors import NotFound, ProviderError
from ..valueclass import valueclass
from .ports import Remaining, Telemetry, Verifications, Verifiers


@valueclass
class Delete:
    """Cancels verifications."""

    verifications: Verifications
    verifiers: Verifiers
    telemetry: Telemetry

    def __call__(self, client_id: str, verification_id: str, remaining: Remaining) -> None:
        """Cancel a verification and erase its destination; again changes nothing.

        Raises:
            NotFound: this client has none with this id.
            TemporarilyUnavailable: repeat it; the code may still work.
        """
        parsed = parse_id(verification_id)
        canceled = self.verifications.cancel(parsed, client_id) if parsed else None
        if parsed is None or canceled is None:
            raise NotFound
        self.telemetry.canceled(parsed)
        if canceled.verifier and canceled.verifier_ref:
            # Out of courtesy: here the code stopped working already.
            try:
                self.verifiers(canceled.verifier).cancel(canceled.verifier_ref, remaining)
            except ProviderError as error:
                self.telemetry.verifier_failed(canceled, error)
