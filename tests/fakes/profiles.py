"""Clients' policies in memory."""

from verification.domain.policy import Profile


class FixedProfiles:
    """The policies by the clients' ids; of a client that is not there, the stack's.

    Attributes:
        of: the policies.
        failing: raised in place of an answer.
    """

    def __init__(self) -> None:
        self.of: dict[str, Profile] = {}
        self.failing: Exception | None = None

    def profile(self, client_id: str) -> Profile:
        if self.failing:
            raise self.failing
        return self.of.get(client_id, Profile("Shop"))
