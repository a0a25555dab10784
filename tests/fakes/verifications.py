"""Verifications in memory, with the promises of `storage.verifications` kept.

The same contract tests run against this and against DynamoDB. One lock makes each method as
atomic as one conditional write; what goes in and comes out is copied.
"""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from verification.domain.identifiers import VerificationId
from verification.domain.limits import BUDGETS, Charge
from verification.domain.report import Report
from verification.domain.verification import (
    Delivery,
    Details,
    Guess,
    Outcome,
    Reason,
    Record,
    Send,
    Status,
    Try,
    Verdict,
    Verification,
    concerns,
    judge_counted,
    judge_refused,
)
from verification.errors import (
    BudgetSpent,
    FieldFault,
    InvalidFields,
    LimitExceeded,
    NotFound,
)
from verification.operations.ports import Change, Claim, Page, Remaining, SendId, Sent

_CURSOR = re.compile(r"([0-9]{1,14})-([a-z2-7]{26})")


@dataclass
class _Beside:
    """The item beside a verification: what it was started with, and its recorded sends."""

    expires_at: int
    details: Details = field(default_factory=Details)
    sends: dict[int, Send] = field(default_factory=dict)
    result_key: bytes | None = None
    page_tried_at: int | None = None
    reports: dict[tuple[int, str], tuple[int, Delivery]] = field(default_factory=dict)


class InMemoryVerifications:
    """The table of verifications.

    Args:
        clock: epoch milliseconds. With one, what is past its `expires_at` is deleted at the next
            call, as by a punctual TTL; without, never (DynamoDB's comes hours or days late).
        journal: what is done here is noted there, to be compared in order.

    Attributes:
        failing: errors to raise in place of the methods of these names.
        used: what limits have counted, by the keys of their windows.
        changes: of verifications, as the table's stream brings them; a test takes them out.
        sent: the same of messages that were taken.
    """

    def __init__(
        self, clock: Callable[[], int] | None = None, journal: list[str] | None = None
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._items: dict[str, Verification] = {}
        self._beside: dict[str, _Beside] = {}
        self._followed: dict[tuple[str, str], SendId] = {}
        self.used: dict[str, int] = {}
        self.changes: list[Change] = []
        self.sent: list[Sent] = []
        self.journal = journal if journal is not None else []
        self.failing: dict[str, Exception] = {}

    def create(
        self,
        verification: Verification,
        details: Details | None,
        charges: Sequence[Charge],
        remaining: Remaining,
    ) -> Verification | None:
        with self._lock:
            self._begin("create")
            now = verification.created_at
            existing = self._items.get(verification.token)
            if existing and existing.expires_at > now // 1000:
                return existing
            _refuse_impossible(charges, now)
            self._count(charges, now)
            self._put(verification)
            if details:
                beside = _Beside(verification.expires_at, _copy(details))
                self._beside[verification.token] = beside
            return None

    def guess(self, guess: Guess) -> tuple[Verification, Verdict] | None:
        with self._lock:
            self._begin("guess")
            found = self._items.get(guess.id.token)
            if found is None or not concerns(guess, found):
                return None
            if not _is_live(found, guess.now) or found.guess_key == guess.key:
                return found, judge_refused(guess, found)
            counted = replace(
                found,
                attempts=found.attempts + 1,
                last_guess=guess.mac,
                guess_key=guess.key,
                guessed_at=guess.now,
            )
            self._put(counted)
            return counted, judge_counted(counted)

    def read(self, token: str) -> Record | None:
        with self._lock:
            self._begin("read")
            return self._record(token)

    def list(self, client_id: str, destination_hash: bytes, limit: int, cursor: str | None) -> Page:
        before = None
        if cursor is not None:
            match = _CURSOR.fullmatch(cursor)
            if not match:
                raise InvalidFields(faults=[FieldFault("cursor", "is not one of ours")])
            before = (int(match[1]), match[2])
        with self._lock:
            self._begin("list")
            keys = sorted(
                (
                    (v.created_at, v.token)
                    for v in self._items.values()
                    if v.client_id == client_id and v.destination_hash == destination_hash
                ),
                reverse=True,
            )
            page = [key for key in keys if before is None or key < before][:limit]
            records = tuple(r for _, token in page if (r := self._record(token)))
        # As DynamoDB: a full page names a next one, which may be empty.
        is_full = len(page) == limit
        return Page(records, f"{page[-1][0]:014d}-{page[-1][1]}" if is_full else None)

    def claim(
        self, seen: Verification, claim: Claim, charges: Sequence[Charge], remaining: Remaining
    ) -> Verification | None:
        with self._lock:
            self._begin("claim")
            _refuse_impossible(charges, claim.sent_at)
            found = self._items.get(seen.token)
            if found is None:
                raise NotFound
            is_as_seen = (found.sends, found.lease_until) == (seen.sends, seen.lease_until)
            if not is_as_seen or not _is_live(found, claim.sent_at):
                return found
            self._count(charges, claim.sent_at)
            self._put(
                replace(
                    found,
                    sends=claim.number,
                    sent_at=claim.sent_at,
                    lease_until=claim.lease_until,
                    channel=claim.channel,
                    auto_sends=found.auto_sends + claim.automatic,
                    take_overs=claim.take_overs,
                )
            )
            return None

    def record_send(self, verification: Verification, send: Send) -> None:
        with self._lock:
            self._begin("record_send")
            beside = self._beside.setdefault(verification.token, _Beside(verification.expires_at))
            beside.expires_at = verification.expires_at
            before = beside.sends.get(send.number)
            if before is None or before.claimed <= send.claimed:
                beside.sends[send.number] = send
                known = before.tries if before else ()
                new = [one for one in send.tries if one not in known]
                taken = tuple(one for one in new if one.outcome == Outcome.ACCEPTED)
                if taken:
                    self.sent.append(Sent(verification.country, taken))

    def adopt(self, verification: Verification, adopted: Verification) -> None:
        with self._lock:
            self._begin("adopt")
            found = self._items.get(verification.token)
            if found is None or found.sent_at != verification.sent_at:
                return
            if found.status == Status.PENDING and not found.is_verified:
                if adopted.code_mac != verification.code_mac:
                    found = replace(
                        found,
                        last_guess=None,
                        guess_key=None,
                        settled_key=None,
                        settled_reason=None,
                    )
                self._put(
                    replace(
                        found,
                        channel=adopted.channel,
                        code_mac=adopted.code_mac,
                        verifier=adopted.verifier,
                        verifier_ref=adopted.verifier_ref,
                    )
                )

    def confirm(self, guess: Guess, *, alone: bool = False) -> tuple[Verification, Verdict] | None:
        with self._lock:
            self._begin("confirm")
            found = self._items.get(guess.id.token)
            if found is None or not concerns(guess, found):
                return None
            if found.status != Status.PENDING or found.is_verified:
                return found, judge_refused(guess, found)
            if alone and (found.attempts, found.guess_key) != (1, guess.key):
                return found, Verdict(False, Reason.INCORRECT)
            confirmed = replace(
                found,
                code_mac=guess.mac,
                last_guess=guess.mac,
                guess_key=guess.key,
                settled_key=guess.key,
            )
            self._put(confirmed)
            return confirmed, judge_counted(confirmed)

    def dismiss(self, guess: Guess, reason: Reason) -> None:
        with self._lock:
            self._begin("dismiss")
            found = self._items.get(guess.id.token)
            if found and found.guess_key == guess.key:
                self._put(replace(found, settled_key=guess.key, settled_reason=reason))

    def ask_again(self, guess: Guess, before: int) -> bool:
        with self._lock:
            self._begin("ask_again")
            found = self._items.get(guess.id.token)
            if found is None or found.guess_key != guess.key or (found.guessed_at or 0) > before:
                return False
            self._put(replace(found, guessed_at=guess.now))
            return True

    def end(self, token: str, began: int, now: int) -> bool:
        with self._lock:
            self._begin("end")
            found = self._items.get(token)
            if (
                found is None
                or found.created_at != began
                or found.status != Status.PENDING
                or found.valid_until > now
                or found.is_verified
                or found.ended
                or (found.attempts >= found.max_attempts and not found.verifier)
            ):
                return False
            self._put(replace(found, ended=True))
            return True

    def follow(self, provider: str, message_id: str, send: SendId, expires_at: int) -> None:
        with self._lock:
            self._begin("follow")
            self._followed[provider, message_id] = send

    def find_send(self, provider: str, message_id: str) -> SendId | None:
        with self._lock:
            self._begin("find_send")
            return self._followed.get((provider, message_id))

    def record_report(self, send: SendId, report: Report, now: int) -> bool:
        with self._lock:
            self._begin("record_report")
            beside = self._beside.setdefault(send.token, _Beside(now // 1000 + 3600))
            key = send.number, report.provider
            before = beside.reports.get(key)
            if before and before[0] > send.began:
                return False
            final = (Delivery.DELIVERED, report.delivery)
            if before and before[0] == send.began and before[1] in final:
                return False
            beside.reports[key] = send.began, report.delivery
            return True

    def try_from_page(self, verification: Verification, now: int, before: int) -> bool:
        with self._lock:
            self._begin("try_from_page")
            beside = self._beside.get(verification.token)
            if beside is None or beside.expires_at != verification.expires_at:
                return False
            if beside.details.return_url is None or (beside.page_tried_at or 0) > before:
                return False
            beside.page_tried_at = now
            return True

    def use_result(self, verification: Verification, key: bytes) -> bool:
        with self._lock:
            self._begin("use_result")
            beside = self._beside.get(verification.token)
            if beside is None or beside.expires_at != verification.expires_at:
                return False
            if beside.details.return_url is None or beside.result_key not in (None, key):
                return False
            beside.result_key = key
            return True

    def cancel(self, verification_id: VerificationId, client_id: str) -> Verification | None:
        with self._lock:
            self._begin("cancel")
            found = self._items.get(verification_id.token)
            if found is None or (found.client_id, found.id) != (client_id, verification_id):
                return None
            canceled = replace(
                found,
                status=Status.CANCELED,
                to=None,
                destination_hash=None,
                nonce=None,
                code_mac=None,
                last_guess=None,
                reference=None,
                user=None,
                device=None,
                ip=None,
                paid=None,
            )
            if found.detailed and (beside := self._beside.get(verification_id.token)):
                beside.details = Details()
            self._put(canceled)
            return canceled

    def _begin(self, name: str) -> None:
        if self._clock:
            self._delete_expired(self._clock() // 1000)
        self.journal.append(name)
        if name in self.failing:
            raise self.failing[name]

    def _delete_expired(self, now: int) -> None:
        self._items = {t: item for t, item in self._items.items() if item.expires_at > now}
        self._beside = {t: item for t, item in self._beside.items() if item.expires_at > now}

    def _record(self, token: str) -> Record | None:
        found = self._items.get(token)
        if found is None:
            return None
        beside = self._beside.get(token) or _Beside(0)
        return Record(
            found,
            # What an older life of this id left beside it is not its own.
            _copy(beside.details) if found.detailed else Details(),
            tuple(
                _with_reports(send, beside, found.created_at)
                for number, send in sorted(beside.sends.items())
                if number <= found.sends and send.claimed >= found.created_at
            ),
            beside.page_tried_at if found.detailed else None,
        )

    def give_back(self, verification: Verification, keys: Sequence[str], amount: int) -> None:
        """Take off what was counted, once; see `tests.fakes.counters`."""
        with self._lock:
            found = self._items.get(verification.token)
            if found is None or found.credited or found.created_at != verification.created_at:
                return
            self._put(replace(found, credited=True))
            for key in keys:
                if self.used.get(key, 0) >= amount:
                    self.used[key] -= amount

    def _put(self, verification: Verification) -> None:
        before = self._items.get(verification.token)
        self._items[verification.token] = verification
        self.changes.append(Change(before, verification))

    def _count(self, charges: Sequence[Charge], now: int) -> None:
        """Count all the charges, or none of them."""
        used = {c: self.used.get(c.window_key(now), 0) + c.amount for c in charges}
        _refuse([charge for charge in charges if used[charge] > charge.limit.count], now)
        for charge in charges:
            self.used[charge.window_key(now)] = used[charge]


def _with_reports(send: Send, beside: _Beside, created_at: int) -> Send:
    def reported(one: Try) -> Try:
        began, delivery = beside.reports.get((send.number, one.provider), (None, None))
        taken = one.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)
        return replace(one, report=delivery if taken and began == created_at else None)

    return replace(send, tries=tuple(map(reported, send.tries)))


def _is_live(verification: Verification, now: int) -> bool:
    return verification.status_at(now) == Status.PENDING


def _refuse_impossible(charges: Sequence[Charge], now: int) -> None:
    _refuse([charge for charge in charges if charge.amount > charge.limit.count], now)


def _refuse(spent: Sequence[Charge], now: int) -> None:
    if spent:
        worst = max(spent, key=lambda charge: charge.retry_after(now))
        error = BudgetSpent if worst.limit.name in BUDGETS else LimitExceeded
        raise error(
            f"The limit {worst.limit} is used up.",
            retry_after=worst.retry_after(now),
            limit=worst.limit.name,
        )


def _copy(details: Details) -> Details:
    metadata = details.metadata
    return replace(details, metadata=dict(metadata) if metadata is not None else None)
