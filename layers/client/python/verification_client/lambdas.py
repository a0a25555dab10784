"""The service by direct invoke of its functions."""

import json
import threading
from collections.abc import Mapping
from typing import Any

from .errors import Unreachable, error_of

_CONNECT_SECONDS = 3.0
# A list is a lookup with a destination in place of an id.
_FUNCTIONS = {
    "start": "start",
    "list": "lookup",
    "lookup": "lookup",
    "delete": "delete",
    "verify": "verify",
    "resend": "resend",
}


class Lambdas:
    """A stack's functions, as one client of it.

    Args:
        prefix: the stack's name, with which the functions' begin.
        alias: whether to call the functions by the alias that is named after the client; else the
            payload names it.
        client: boto3's, in place of our own.
    """

    def __init__(self, prefix: str, client_id: str, alias: bool, client: Any = None) -> None:
        self._prefix = prefix
        self._qualifier = f":{client_id}" if alias else ""
        self._named = {} if alias else {"client": client_id}
        self._given = client
        self._made: dict[float, Any] = {}  # by their timeouts, which boto3 has for a client alone
        self._lock = threading.Lock()  # threads may share clients, but not make them

    def ask(
        self,
        operation: str,
        verification_id: str,
        fields: Mapping[str, Any],
        idempotency_key: str | None,
        timeout: float,
    ) -> Mapping[str, Any]:
        """See client.Transport."""
        from botocore.exceptions import (
            ClientError,
            ConnectionError,
            ConnectTimeoutError,
            EndpointConnectionError,
            HTTPClientError,
            IncompleteReadError,
        )

        named = {"id": verification_id, "idempotency_key": idempotency_key, **self._named}
        payload = {**fields, **{name: value for name, value in named.items() if value}}
        client = self._given or self._client(timeout)
        try:
            answer = client.invoke(
                FunctionName=f"{self._prefix}-{_FUNCTIONS[operation]}{self._qualifier}",
                Payload=json.dumps(payload).encode(),
            )
            data = answer["Payload"].read()
        except (ConnectTimeoutError, EndpointConnectionError) as error:
            raise Unreachable(type(error).__name__, asked=False) from error
        except (ConnectionError, HTTPClientError, IncompleteReadError) as error:
            raise Unreachable(type(error).__name__, asked=True) from error
        except ClientError as error:
            raise _refusal(error.response) from error
        return _read(data, "FunctionError" in answer)

    def _client(self, timeout: float) -> Any:
        with self._lock:
            if timeout not in self._made:
                self._made[timeout] = _make_client(timeout)
            return self._made[timeout]


def _make_client(timeout: float) -> Any:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=timeout,
        retries={"total_max_attempts": 1},  # the repeats are ours
    )
    return boto3.client("lambda", config=config)


def _refusal(response: Mapping[str, Any]) -> Exception:
    """What Lambda itself said in place of the function, as an error of the same tree."""
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    detail = f"Lambda: {code}"
    if status == 429:
        return error_of(429, {"code": "throttled", "detail": detail})
    if status >= 500:
        return error_of(503, {"code": "temporarily_unavailable", "detail": detail})
    return error_of(status or 400, {"detail": detail})


def _read(data: bytes, crashed: bool) -> Mapping[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if crashed or not isinstance(said, dict):
        raise Unreachable("the function ended without an answer", asked=True)
    problem = said.get("error")
    if isinstance(problem, dict):
        status = problem.get("status")
        raise error_of(status if isinstance(status, int) else 500, problem)
    return said
