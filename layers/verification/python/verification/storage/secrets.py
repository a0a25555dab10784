"""Secrets in Secrets Manager, remembered by each process.

Code keys are one JSON object: a one-character key id for each key, and `newest`, which says
which one new verifications use: `{"newest": "b", "a": "…", "b": "…"}`. The identity key is
`{"key": "…"}`. The providers' settings are one object by provider, read when one is first needed,
and again when one refuses us: new credentials work without a deployment.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..aws import reaching_aws
from ..errors import ConfigurationError, TemporarilyUnavailable

MAX_AGE_SECONDS = 300  # how long a process may go on with keys it read: see "Rotating" in docs
LOOK_AGAIN_SECONDS = 60  # at most this often for a key id nobody knows, or a provider's refusal
MIN_KEY_LENGTH = 32

_KID = re.compile(r"[a-z0-9]")


class StoredCodeKeys:
    """The code keys.

    Args:
        client: a low-level Secrets Manager client.
        secret_id: name or ARN of the secret.
        clock: epoch milliseconds.
    """

    def __init__(self, client: Any, secret_id: str, clock: Callable[[], int]) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._read_at: int | None = None  # what is remembered, and
        self._tried_at: int | None = None  # when it was last asked for
        self._newest = ""
        self._keys: dict[str, bytes] = {}

    def newest(self) -> tuple[str, bytes]:
        """The key for new verifications.

        Raises:
            ConfigurationError: the secret has not the form it should have.
            TemporarilyUnavailable: Secrets Manager is out of reach and nothing is remembered.
        """
        self._refresh(MAX_AGE_SECONDS)
        return self._newest, self._keys[self._newest]

    def get(self, kid: str) -> bytes | None:
        """The key with this id; for one that is not known, the secret is read again.

        Raises:
            As newest().
        """
        self._refresh(MAX_AGE_SECONDS)
        if kid not in self._keys:
            self._refresh(LOOK_AGAIN_SECONDS)
        return self._keys.get(kid)

    def _refresh(self, max_age: int) -> None:
        now = self._clock()
        if self._is_younger(self._read_at, now, max_age):
            return
        if self._keys and self._is_younger(self._tried_at, now, LOOK_AGAIN_SECONDS):
            return
        self._tried_at = now
        try:
            values = _read(self._client, self._secret_id)
        except TemporarilyUnavailable:
            if not self._keys:
                raise
            # Codes under way stay good when Secrets Manager is down: go on with what is
            # known and look again in a minute.
            return
        newest, kids = values.get("newest"), values.keys() - {"newest"}
        if not all(map(_KID.fullmatch, kids)) or not isinstance(newest, str) or newest not in kids:
            raise ConfigurationError(
                f"The secret {self._secret_id} must hold keys under one-character ids (a-z, 0-9) "
                'and "newest", the id of one of them.'
            )
        self._keys = {kid: _key(self._secret_id, values, kid) for kid in kids}
        self._newest, self._read_at = newest, now

    @staticmethod
    def _is_younger(moment: int | None, now: int, seconds: int) -> bool:
        return moment is not None and now - moment < seconds * 1000


class StoredIdentityKey:
    """The identity key; it never changes, so it is read once.

    Args:
        client: a low-level Secrets Manager client.
        secret_id: name or ARN of the secret.
    """

    def __init__(self, client: Any, secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id
        self._key: bytes | None = None

    def __call__(self) -> bytes:
        """The key.

        Raises:
            ConfigurationError: the secret has not the form it should have.
            TemporarilyUnavailable: Secrets Manager is out of reach.
        """
        if self._key is None:
            self._key = _key(self._secret_id, _read(self._client, self._secret_id), "key")
        return self._key


class StoredProviderSettings:
    """The secret.

    Args:
        client: a low-level Secrets Manager client.
        secret_id: name or ARN of the secret.
        clock: epoch milliseconds.
    """

    def __init__(self, client: Any, secret_id: str, clock: Callable[[], int]) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._read_at = 0
        self._settings: Mapping[str, Any] | None = None

    def get(self, provider: str) -> Any:
        """What the secret says of a provider; None when it says nothing.

        Raises:
            ConfigurationError: the secret is no JSON object.
            TemporarilyUnavailable: Secrets Manager is out of reach.
        """
        if self._settings is None:
            self._settings = self._read()
        return self._settings.get(provider)

    def look_again(self) -> None:
        """Forget what is known, unless it was read within the last minute."""
        if self._clock() - self._read_at >= LOOK_AGAIN_SECONDS * 1000:
            self._settings = None

    def _read(self) -> Mapping[str, Any]:
        self._read_at = self._clock()
        return _read(self._client, self._secret_id)


def _read(client: Any, secret_id: str) -> dict[str, Any]:
    with reaching_aws():
        text = client.get_secret_value(SecretId=secret_id)["SecretString"]
    try:
        values = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ConfigurationError(f"The secret {secret_id} must be a JSON object.")
    return values


def _key(secret_id: str, values: dict[str, Any], name: str) -> bytes:
    value = values.get(name)
    if not isinstance(value, str) or len(value) < MIN_KEY_LENGTH:
        raise ConfigurationError(
            f"The secret {secret_id} must hold a text of {MIN_KEY_LENGTH} characters or more "
            f'under "{name}".'
        )
    return value.encode()
