"""Report: what a provider says of a message after it took it.

Providers repeat themselves and come late, and anybody may call: a report that shows no token of
ours changes nothing, and is answered like every other.
"""

import hmac

from ..domain.codes import report_mac
from ..domain.identifiers import parse_report_token
from ..domain.report import Report
from ..domain.verification import Delivery, Status
from ..valueclass import valueclass
from .ports import Clock, IdentityKey, SendId, Telemetry, Verifications, Watches

_SOON = 1  # seconds


@valueclass
class TakeReport:
    """Takes delivery reports."""

    verifications: Verifications
    watches: Watches
    identity_key: IdentityKey
    telemetry: Telemetry
    clock: Clock

    def __call__(self, report: Report) -> None:
        """Write a report down; where nothing arrived, have the next channel tried at once.

        Raises:
            TemporarilyUnavailable: the provider should say it again.
        """
        send = self._send_of(report)
        if send is None:
            return
        if self.verifications.record_report(send, report, self.clock()):
            self.telemetry.reported(send.token, report)
        # Also when it was no news: what came before may have ended here.
        if report.delivery == Delivery.UNDELIVERED:
            self._fall_back(send)

    def _send_of(self, report: Report) -> SendId | None:
        if report.token is None:  # only AWS's own events have none
            if report.message_id is None:
                return None
            return self.verifications.find_send(report.provider, report.message_id)
        token = parse_report_token(report.token)
        if token is None:
            return None
        which = (str(token.id), token.began, token.number, report.provider)
        if not hmac.compare_digest(report_mac(self.identity_key(), *which), token.mac):
            return None
        return SendId(token.id.token, token.number, token.began)

    def _fall_back(self, send: SendId) -> None:
        record = self.verifications.read(send.token)
        if record is None or record.next_channel is None:
            return
        seen = record.verification
        is_last = (seen.created_at, seen.sends) == (send.began, send.number)
        if is_last and seen.status_at(self.clock()) == Status.PENDING:
            self.watches.watch(send.token, seen.sent_at, _SOON)
