"""What answers each address of MessageBird's API."""

from collections.abc import Mapping
from functools import partial

from ....domain.policy import Scope
from ....errors import NotFound
from ....operations.delete import Delete
from ....operations.lookup import Lookup
from ....operations.ports import Clock
from ....operations.start import Start
from ....operations.verify import Verify
from ....valueclass import valueclass
from ...events import Answer, Call
from ...handler import Respond
from .errors import refuse_token
from .http import MessageBirdApi
from .requests import read_start, read_token
from .views import KINDS, Kind, kind_of, show_message, show_verify


@valueclass
class MessageBird:
    """MessageBird's Verify, by our operations."""

    api: MessageBirdApi
    start: Start
    verify: Verify
    lookup: Lookup
    delete: Delete
    clock: Clock

    @property
    def routes(self) -> Mapping[str, Respond]:
        """The answers, by `METHOD /resource`."""
        return {
            "POST /verify": self._create,
            "GET /verify/{id}": self._read_or_check,
            "DELETE /verify/{id}": self._remove,
            **{f"GET {kind.path}/{{id}}": partial(self._message, kind) for kind in KINDS},
        }

    def _create(self, call: Call) -> Answer:
        call.require(Scope.START)
        started = self.start(read_start(call, self.api.test_code), call.remaining)
        return Answer(201, show_verify(started.record.verification, call.url, self.clock()))

    def _read_or_check(self, call: Call) -> Answer:
        # An empty token is one, too: what reads like a success must not be the answer to it.
        return self._check(call) if "token" in call.fields else self._read(call)

    def _read(self, call: Call) -> Answer:
        call.require(Scope.LOOKUP)
        record = self.lookup.one(call.client.id, call.verification_id)
        return Answer(200, show_verify(record.verification, call.url, self.clock()))

    def _check(self, call: Call) -> Answer:
        call.require(Scope.VERIFY)
        guess = read_token(call)
        if guess is None:
            return refuse_token(None)
        verification, verdict = self.verify(guess, call.remaining)
        if not verdict.valid:
            return refuse_token(verdict.reason)
        return Answer(200, show_verify(verification, call.url, self.clock()))

    def _remove(self, call: Call) -> Answer:
        call.require(Scope.DELETE)
        self.delete(call.client.id, call.verification_id, call.remaining)
        return Answer(204)

    def _message(self, kind: Kind, call: Call) -> Answer:
        call.require(Scope.LOOKUP)
        try:
            record = self.lookup.one(call.client.id, call.verification_id)
        except NotFound:
            raise NotFound(kind.missing) from None
        if kind_of(record.verification) is not kind:
            raise NotFound(kind.missing)
        return Answer(200, show_message(record, call.url, self.clock()))
