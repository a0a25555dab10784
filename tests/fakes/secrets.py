"""One secret of Secrets Manager in memory."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError


class FakeSecretsManager:
    """A client that knows one secret; counts how often it is read.

    Args:
        value: of the secret, as JSON; change `text` to store another, or None for bytes.
        secret_id: its name.

    Attributes:
        failing: raised in place of reading.
    """

    def __init__(self, value: Any, secret_id: str = "code-keys") -> None:
        self.text: str | None = json.dumps(value)
        self.failing: Exception | None = None
        self.reads = 0
        self._secret_id = secret_id

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:  # noqa: N803 botocore's name
        assert SecretId == self._secret_id
        self.reads += 1
        if self.failing:
            raise self.failing
        return {"SecretBinary": b"{}"} if self.text is None else {"SecretString": self.text}

    def put_secret_value(self, SecretId: str, SecretString: str) -> None:  # noqa: N803
        assert SecretId == self._secret_id
        self.text = SecretString


class VersionedSecret:
    """One secret with its versions and their labels, as Secrets Manager keeps them.

    Args:
        value: of the secret, as JSON.
        clock: epoch milliseconds.

    Attributes:
        before_move: called before the label is moved: what somebody else does just then.
    """

    def __init__(self, value: Any, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._texts: dict[str, tuple[str, int]] = {"first": (json.dumps(value), clock())}
        self.labels = {"AWSCURRENT": "first"}
        self.before_move: Callable[[], object] = lambda: None

    @property
    def value(self) -> Any:
        """What it holds now."""
        return json.loads(self._texts[self.labels["AWSCURRENT"]][0])

    def replace(self, text: str) -> None:
        """As `put-secret-value` does by hand."""
        version = f"by-hand-{len(self._texts)}"
        self._texts[version] = text, self._clock()
        self._make_current(version)

    def put_back(self) -> None:
        """Move the label back to the version before, as `update-secret-version-stage` does."""
        self._make_current(self.labels["AWSPREVIOUS"])

    def get_secret_value(self, SecretId: str, VersionStage: str = "AWSCURRENT") -> Any:  # noqa: N803
        if VersionStage not in self.labels:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        version = self.labels[VersionStage]
        text, at = self._texts[version]
        moment = datetime.fromtimestamp(at / 1000, UTC)
        return {"SecretString": text, "VersionId": version, "CreatedDate": moment}

    def put_secret_value(
        self,
        SecretId: str,  # noqa: N803
        SecretString: str,  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
        VersionStages: list[str],  # noqa: N803
    ) -> None:
        assert VersionStages == ["AWSPENDING"]
        self._texts[ClientRequestToken] = SecretString, self._clock()
        self.labels["AWSPENDING"] = ClientRequestToken

    def update_secret_version_stage(
        self,
        SecretId: str,  # noqa: N803
        VersionStage: str,  # noqa: N803
        MoveToVersionId: str,  # noqa: N803
        RemoveFromVersionId: str,  # noqa: N803
    ) -> None:
        self.before_move()
        if self.labels[VersionStage] != RemoveFromVersionId:
            code = {"Error": {"Code": "InvalidParameterException", "Message": "no"}}
            raise ClientError(code, "UpdateSecretVersionStage")  # type: ignore[arg-type]
        self._make_current(MoveToVersionId)

    def _make_current(self, version: str) -> None:
        self.labels["AWSPREVIOUS"] = self.labels["AWSCURRENT"]
        self.labels["AWSCURRENT"] = version
