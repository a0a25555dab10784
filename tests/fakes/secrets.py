"""One secret of Secrets Manager in memory."""

import json
from typing import Any


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
