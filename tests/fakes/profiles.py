"""Clients' policies in memory."""

from verification.domain.policy import Profile


class FixedProfiles:
    """The policies by the clients' ids; whoever is not there has an empty one.

    Attributes:
        of: the policies; None of a client that is gone or shut out.
        failing: raised in place of an answer.
    """

    def __init__(self) -> None:
        self.of: dict[str, Profile | None] = {}
        self.failing: Exception | None = None

    def profile(self, client_id: str) -> Profile | None:
        if self.failing:
            raise self.failing
        return self.of.get(client_id, Profile("Shop"))
