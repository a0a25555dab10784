"""What the table's stream tells: guesses to credit back, tallies for the guard, budgets and costs.

Off the hot path: verify stays one write, and start counts nothing but limits. The stream brings
each change once or more often, those of one item in order. Credits are exact, by a condition;
tallies may count a change twice when a batch was cut off in the middle.
"""

from collections.abc import Iterable, Iterator, Sequence

from ..domain.guard import Kind, Seen, Window
from ..domain.limits import Budget
from ..domain.verification import OWN_APP, Status, Try, Verification, is_same
from ..errors import TemporarilyUnavailable
from ..valueclass import valueclass
from .ports import Change, Counters, IdentityKey, Prices, Remaining, Sent, Tallies, Telemetry
from .screening import sighted

_ALARM_AT = 80  # per cent of a budget
_ROOM = 5_000  # milliseconds that tallies may take, after the last credit


@valueclass
class Tally:
    """Takes batches of the stream."""

    counters: Counters
    tallies: Tallies
    identity_key: IdentityKey
    prices: Prices
    telemetry: Telemetry

    def __call__(
        self, changes: Sequence[Change | Sent], budgets: Iterable[Budget], remaining: Remaining
    ) -> int:
        """Take what a batch of the stream says.

        Returns:
            How many of the changes it took; from the next one on they have to come again.

        Raises:
            TemporarilyUnavailable: the table is out of reach; the batch comes again.
        """
        taken = self._credit_all(changes, remaining)
        costs = list(self._costs(changes[:taken]))  # first, lest a batch be tallied twice
        for window, seen in self._seen(changes[:taken]).items():
            self.tallies.add(window, seen)
        # Of each budget the fullest shard tells the most.
        fullest = sorted(budgets, key=lambda budget: budget.percent)
        for budget in {(b.limit.name, b.subject, b.day): b for b in fullest}.values():
            self._watch(budget)
        for one, country, price in costs:
            self.telemetry.spent(one.provider, country, price)
        return taken

    def _costs(self, changes: Iterable[Change | Sent]) -> Iterator[tuple[Try, str | None, int]]:
        """What was taken and costs something, by the prices that were put."""
        for sent in changes:
            if isinstance(sent, Sent):
                for one in sent.tries:
                    price = self.prices([one.provider], one.channel, sent.country)
                    if price:
                        yield one, sent.country, price

    def _credit_all(self, changes: Sequence[Change | Sent], remaining: Remaining) -> int:
        """Credit one after the other; as many as there is time for, and as the table takes."""
        for number, change in enumerate(changes):
            try:
                if remaining() < _ROOM:
                    return number
                if isinstance(change, Change):
                    self._credit(change, remaining)
            except TemporarilyUnavailable:
                self.telemetry.warn("credit_postponed")
                return number
            except Exception as error:  # it would fail for ever, and hold up those behind it
                self.telemetry.crashed("credit_failed", error)
        return len(changes)

    def _credit(self, change: Change, remaining: Remaining) -> None:
        """Give back the guesses that can never be made, once, to the windows that paid."""
        before, after = change.before, change.after
        if after is None or after.credited:
            return
        if not after.is_verified and after.status != Status.CANCELED:
            return
        # Deleting erases what paid; the item before the write still says it.
        paid = after.paid or (before and is_same(before, after) and before.paid)
        unused = after.max_attempts - after.attempts
        if paid and unused > 0:
            self.counters.give_back(after, paid.split(), unused, remaining)

    def _seen(self, changes: Iterable[Change | Sent]) -> dict[Window, Seen]:
        found: dict[Window, Seen] = {}
        for change in changes:
            if isinstance(change, Sent):
                continue
            sends, is_news = _news(change)
            # Deleting erases the destination; then only the item before the write has it.
            known = next((one for one in (change.after, change.before) if one and one.to), None)
            if known is None or known.test or known.verifier == OWN_APP:
                continue
            if sends or is_news:
                self._add(found, known, sends, is_news)
        return found

    def _add(
        self, found: dict[Window, Seen], known: Verification, sends: int, is_verified: bool
    ) -> None:
        sighting = sighted(known)
        for kind, window in sighting.windows(self.identity_key()).items():
            seen = found.setdefault(window, Seen())
            seen.sends += sends
            seen.verified += known.sends if is_verified else 0
            if kind == Kind.IP_DAY and known.country:
                _move(known.country, seen.countries, seen.cleared, is_verified)
            if kind == Kind.BLOCK_DAY:
                _move(sighting.number, seen.joined, seen.left, is_verified)

    def _watch(self, budget: Budget) -> None:
        """Tell of a budget that is nearly spent; its shards are read when one of them is."""
        if budget.percent < _ALARM_AT:
            return
        whole = self.counters.whole(budget)
        if whole.percent >= _ALARM_AT:
            self.telemetry.budget_nearly_spent(whole)


def _move[T](what: T, there: set[T], gone: set[T], is_gone: bool) -> None:
    into, out_of = (gone, there) if is_gone else (there, gone)
    into.add(what)
    out_of.discard(what)


def _news(change: Change) -> tuple[int, bool]:
    """How many sends are new, and whether it was verified by this write."""
    before, after = change.before, change.after
    if after is None:
        return 0, False
    if before is None or not is_same(before, after):
        return after.sends, after.is_verified
    return after.sends - before.sends, after.is_verified and not before.is_verified
