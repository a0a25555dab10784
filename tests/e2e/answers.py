"""What a great many answers told: how often which status, and whether a code was in any."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from urllib.parse import unquote_plus

from tests.e2e.leaks import codes_in
from tests.local.stack import handed_out

_ID = re.compile(r"(?<![a-z0-9])[a-z0-9][a-z2-7]{26}(?![a-z0-9])")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|\+00:00)")
_NUMBER = re.compile(r"(?<![0-9A-Za-z])\d{4,16}(?![0-9A-Za-z])")
_SEED = re.compile(r"secret=([A-Z2-7]{32})")


class Answers:
    """Takes note of answers, one after the other.

    Args:
        secrets: what no answer may have, unless its request said it.

    Attributes:
        statuses: how many answers there were, by API and status.
        seen: the secrets that were in answers, and an answer of each.
    """

    def __init__(self, secrets: Set[str]) -> None:
        self._secrets = secrets
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.seen: dict[str, str] = {}
        self._numbers: defaultdict[str, set[str]] = defaultdict(set)  # by verification
        self._destinations: dict[str, str] = {}  # of verifications

    def note(self, api: str, asked: str, status: int, said: bytes) -> None:
        """Take note of an answer.

        Args:
            api: of which API it is.
            asked: URL and body of the request; what it said itself is no secret.
        """
        self.statuses[api, status] += 1
        if not said:
            return
        asked, answer = unquote_plus(asked), said.decode()
        self._numbers_of(asked, answer)
        if api == "apps":  # the only place for a seed
            handed_out.update(_SEED.findall(unquote_plus(answer)))
        elif "otpauth" in answer:
            self.seen["a seed"] = answer
        for secret in self._secrets:
            if secret in answer and secret not in asked:
                self.seen[secret] = answer

    def _numbers_of(self, asked: str, answer: str) -> None:
        told = set(_NUMBER.findall(_TIME.sub("", answer))) - set(_NUMBER.findall(asked))
        for verification_id in {*_ID.findall(asked), *_ID.findall(answer)}:
            self._numbers[verification_id] |= told
        if answer.startswith("{"):
            self._remember(json.loads(answer))

    def _remember(self, shown: Mapping[str, object]) -> None:
        for one in (shown, *_listed(shown)):
            to = one.get("to") or one.get("recipient")
            if to and "id" in one:
                self._destinations[str(one["id"])] = str(to).removeprefix("+")

    def codes_told(self, messages: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The codes that were in answers, and the verification of each.

        Args:
            messages: to whom and what was sent.
        """
        codes: defaultdict[str, set[str]] = defaultdict(set)
        for to, text in messages:
            codes[to.removeprefix("+")].update(codes_in(text))
        return {
            code: verification_id
            for verification_id, to in self._destinations.items()
            for code in codes[to] & self._numbers[verification_id]
        }

    def __str__(self) -> str:
        """Requests by API and by status."""
        by_api: Counter[str] = Counter()
        by_status: Counter[int] = Counter()
        for (api, status), count in self.statuses.items():
            by_api[api] += count
            by_status[status] += count
        return f"{by_status.total()} requests; {_in_order(by_api)}; {_in_order(by_status)}"


def _listed(shown: Mapping[str, object]) -> Iterable[Mapping[str, object]]:
    several = shown.get("verifications")
    return several if isinstance(several, list) else ()


def _in_order(counts: Counter[str] | Counter[int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
