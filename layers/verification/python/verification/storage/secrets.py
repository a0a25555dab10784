"""Secrets in Secrets Manager, remembered by each process.

Code keys are one JSON object: a one-character key id for each key, and `newest`, which says
which one new verifications use: `{"newest": "b", "a": "…", "b": "…"}`. The identity key is
`{"key": "…"}`. The providers' settings are one object by provider; when one refuses us they are
read again sooner: new credentials work at once, other settings within MAX_AGE_SECONDS.
"""

import functools
import json
import re
from collections.abc import Callable
from typing import Any

from ..aws import reaching_aws
from ..errors import ConfigurationError, TemporarilyUnavailable

MAX_AGE_SECONDS = 300  # how long a process may go on with what it read: see "Rotating" in docs
LOOK_AGAIN_SECONDS = 60  # at most this often for a key id nobody knows, or a provider's refusal
MIN_KEY_LENGTH = 32

_KID = re.compile(r"[a-z0-9]")


class _Remembered[T]:
    """A secret that is read again now and then.

    When Secrets Manager is down, codes under way stay good and messages go out: it goes on with
    what is known, and looks again in a minute.

    Args:
        client: a low-level Secrets Manager client.
        secret_id: name or ARN of the secret.
        clock: epoch milliseconds.
        parse: makes of the JSON object what is remembered.
    """

    def __init__(
        self,
        client: Any,
        secret_id: str,
        clock: Callable[[], int],
        parse: Callable[[dict[str, Any]], T],
    ) -> None:
        self._client = client
        self._secret_id = secret_id
        self._clock = clock
        self._parse = parse
        self._read_at: int | None = None  # what is remembered, and
        self._tried_at: int | None = None  # when it was last asked for
        self._value: T | None = None

    def __call__(self, max_age: int) -> T:
        """What the secret says.

        Args:
            max_age: seconds since it was read.

        Raises:
            ConfigurationError: the secret has not the form it should have.
            TemporarilyUnavailable: Secrets Manager is out of reach and nothing is remembered.
        """
        now, known = self._clock(), self._value
        if known is not None and (
            self._is_younger(self._read_at, now, max_age)
            or self._is_younger(self._tried_at, now, LOOK_AGAIN_SECONDS)
        ):
            return known
        self._tried_at = now
        try:
            value = self._parse(_read(self._client, self._secret_id))
        except TemporarilyUnavailable:
            if known is None:
                raise
            return known
        self._value, self._read_at = value, now
        return value

    @staticmethod
    def _is_younger(moment: int | None, now: int, seconds: int) -> bool:
        return moment is not None and now - moment < seconds * 1000


class StoredCodeKeys:
    """The code keys.

    Args:
        client: a low-level Secrets Manager client.
        secret_id: name or ARN of the secret.
        clock: epoch milliseconds.
    """

    def __init__(self, client: Any, secret_id: str, clock: Callable[[], int]) -> None:
        self._keys = _Remembered(
            client, secret_id, clock, functools.partial(parse_code_keys, secret_id)
        )

    def newest(self) -> tuple[str, bytes]:
        """The key for new verifications.

        Raises:
            ConfigurationError: the secret has not the form it should have.
            TemporarilyUnavailable: Secrets Manager is out of reach and nothing is remembered.
        """
        newest, keys = self._keys(MAX_AGE_SECONDS)
        return newest, keys[newest]

    def get(self, kid: str) -> bytes | None:
        """The key with this id; for one that is not known, the secret is read again.

        Raises:
            As newest().
        """
        _, keys = self._keys(MAX_AGE_SECONDS)
        if kid not in keys:
            _, keys = self._keys(LOOK_AGAIN_SECONDS)
        return keys.get(kid)


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
    """The providers' own settings.

    Args:
        client: a low-level Secrets Manager client.
        secret_id: name or ARN of the secret.
        clock: epoch milliseconds.
    """

    def __init__(self, client: Any, secret_id: str, clock: Callable[[], int]) -> None:
        self._settings = _Remembered(client, secret_id, clock, lambda values: values)

    def get(self, provider: str) -> Any:
        """What the secret says of a provider; None when it says nothing.

        Raises:
            ConfigurationError: the secret is no JSON object.
            TemporarilyUnavailable: Secrets Manager is out of reach and nothing is remembered.
        """
        return self._settings(MAX_AGE_SECONDS).get(provider)

    def look_again(self) -> None:
        """Read it again, unless that was done within the last minute.

        Raises:
            As get().
        """
        self._settings(LOOK_AGAIN_SECONDS)


def _read(client: Any, secret_id: str) -> dict[str, Any]:
    with reaching_aws():
        text = client.get_secret_value(SecretId=secret_id).get("SecretString")
    try:
        values = json.loads(text or "")  # none where it was stored as bytes
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ConfigurationError(f"The secret {secret_id} must be a JSON object.")
    return values


def parse_code_keys(secret_id: str, values: dict[str, Any]) -> tuple[str, dict[str, bytes]]:
    """The id of the newest code key, and all keys by their ids.

    Args:
        secret_id: for the words of an error.
        values: the secret's object.

    Raises:
        ConfigurationError: it has not the form it should have.
    """
    newest, kids = values.get("newest"), values.keys() - {"newest"}
    if not all(map(_KID.fullmatch, kids)) or not isinstance(newest, str) or newest not in kids:
        raise ConfigurationError(
            f"The secret {secret_id} must hold keys under one-character ids (a-z, 0-9) "
            'and "newest", the id of one of them.'
        )
    return newest, {kid: _key(secret_id, values, kid) for kid in kids}


def _key(secret_id: str, values: dict[str, Any], name: str) -> bytes:
    value = values.get(name)
    if not isinstance(value, str) or len(value) < MIN_KEY_LENGTH:
        raise ConfigurationError(
            f"The secret {secret_id} must hold a text of {MIN_KEY_LENGTH} characters or more "
            f'under "{name}".'
        )
    return value.encode()
