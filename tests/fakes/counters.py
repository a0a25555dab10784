"""What limits and budgets have counted, in memory, with the promises of `storage.counters` kept.

The same contract tests run against this and against DynamoDB. A sharded limit is one count here:
what is counted in all is the same.
"""

from collections.abc import Sequence
from dataclasses import replace

from verification.domain.limits import Budget, Charge
from verification.domain.verification import Verification
from verification.operations.ports import Remaining

from .verifications import InMemoryVerifications


class InMemoryCounters:
    """The windows of limits.

    Args:
        verifications: those that counted there.

    Attributes:
        failing: raised in place of the methods.
    """

    def __init__(self, verifications: InMemoryVerifications) -> None:
        self._verifications = verifications
        self.failing: Exception | None = None

    def give_back(
        self, verification: Verification, keys: Sequence[str], amount: int, remaining: Remaining
    ) -> None:
        self._begin()
        self._verifications.give_back(verification, keys, amount)

    def whole(self, budget: Budget) -> Budget:
        self._begin()
        key = Charge(budget.limit, budget.subject.encode(), 0).window_key(budget.day * 86_400_000)
        used = self._verifications.used.get(key, 0)
        return replace(budget, used=used, count=budget.limit.count)

    def _begin(self) -> None:
        if self.failing:
            raise self.failing
