"""AWS services that speak JSON, without botocore's models: DynamoDB, SQS and two more.

botocore reads and interprets those models whenever a process starts, for what fits in the table
below. It still signs, and its exceptions stay ours; urllib3 carries. Methods, parameters, answers
and errors are those of botocore's low-level clients, so either can stand in for the other: where
AWS is not where it usually is (FIPS, proxies, China), botocore's own do.
"""

import functools
import json
import os
import re
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.exceptions import ClientError, HTTPClientError, NoCredentialsError
from botocore.parsers import ResponseParserError
from urllib3 import Timeout, connection_from_url
from urllib3.exceptions import HTTPError

from .aws import NO_ANSWER, delay, error_code, is_unavailable, make_client, make_session
from .trust import trust

_CONNECTIONS = 4  # that are kept
_USUAL_REGION = re.compile(r"(?!cn-|us-iso|us-isob|eu-isoe|eusc-)[a-z]{2}(-[a-z]+)+-[0-9]+")
_UNUSUAL = (
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "http_proxy",
    "https_proxy",
)

_SKEW = timedelta(minutes=4)  # AWS takes five
_SKEWED = {
    "InvalidSignatureException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
}


class _Protocol(NamedTuple):
    """What a request says of its service.

    Args:
        name: in its address, and where the environment gives another.
        target: before the operation.
        version: of the JSON protocol.
    """

    name: str
    target: str
    version: str


_SERVICES = {
    "dynamodb": _Protocol("DYNAMODB", "DynamoDB_20120810", "1.0"),
    "events": _Protocol("EVENTBRIDGE", "AWSEvents", "1.1"),
    "secretsmanager": _Protocol("SECRETS_MANAGER", "secretsmanager", "1.1"),
    "sqs": _Protocol("SQS", "AmazonSQS", "1.0"),
}


def make_json_client(service: str, *, attempts: int, connect: float = 1, read: float = 3) -> Any:
    """Make a client of an AWS service that speaks JSON; arguments as of make_client()."""
    environ = os.environ
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not _USUAL_REGION.fullmatch(region) or any(environ.get(name) for name in _UNUSUAL):
        return make_client(service, attempts=attempts, connect=connect, read=read)
    url = (
        environ.get(f"AWS_ENDPOINT_URL_{_SERVICES[service].name}")
        or environ.get("AWS_ENDPOINT_URL")
        or f"https://{service}.{region}.amazonaws.com"
    )
    return JsonClient(service, region, url, attempts, Timeout(connect=connect, read=read))


class JsonClient:
    """A client of one service; its methods are the service's operations: `get_item` and so on.

    Args:
        service: one of _SERVICES.
        url: where it is.
        attempts: tries in all, after waits with full jitter.
        timeout: of each try.

    Raises (its methods):
        ClientError: AWS says no, or "later" to the last; with all that it says in `response`.
        HTTPClientError, ResponseParserError: no answer, or none that makes sense.
    """

    def __init__(
        self, service: str, region: str, url: str, attempts: int, timeout: Timeout
    ) -> None:
        self.service = service
        self._protocol = _SERVICES[service]
        self._signer = _Signer(service, region)
        self._url = f"{url.rstrip('/')}/"
        self._path = urlsplit(self._url).path
        self._attempts = attempts
        https = url.startswith("https:")
        tls = {"ssl_context": trust(os.environ.get("AWS_CA_BUNDLE"))} if https else {}
        self._pool = connection_from_url(
            self._url, maxsize=_CONNECTIONS, timeout=timeout, retries=False, **tls
        )

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)
        return functools.partial(self._do, "".join(map(str.capitalize, method.split("_"))))

    def _do(self, operation: str, **parameters: Any) -> Any:
        if operation == "TransactWriteItems":  # a repeat is no second one, for ten minutes
            parameters.setdefault("ClientRequestToken", os.urandom(16).hex())
        body = json.dumps(parameters, default=_encode).encode()
        for tries in range(1, self._attempts):
            try:
                return self.ask(operation, body)
            except NO_ANSWER:
                pass
            except ClientError as error:
                if not is_unavailable(error) and not self._signer.learn(error):
                    raise
            time.sleep(delay(tries))
        return self.ask(operation, body)

    def ask(self, operation: str, body: bytes) -> Any:
        """One try; tests count, watch and end them here.

        Args:
            body: the parameters, in JSON.
        """
        protocol = self._protocol
        headers = {
            "Accept-Encoding": "identity",
            "Content-Type": f"application/x-amz-json-{protocol.version}",
            "User-Agent": "serverless-verify",
            "X-Amz-Target": f"{protocol.target}.{operation}",
        }
        if trace := os.environ.get("_X_AMZN_TRACE_ID"):  # AWS looks for loops by it
            headers["X-Amzn-Trace-Id"] = trace
        request = _Request(self._url, headers, body)
        self._signer.sign(request)
        try:
            answer = self._pool.urlopen("POST", self._path, body, headers, redirect=False)
        except HTTPError as error:
            raise HTTPClientError(error=error) from error
        return _read(operation, answer.status, answer.headers, answer.data)


def _read(operation: str, status: int, headers: Mapping[str, str], data: bytes) -> Any:
    """What AWS said; botocore's clients return and raise the same."""
    if headers.get("x-amz-crc32", checksum := str(zlib.crc32(data))) != checksum:  # DynamoDB's
        raise ResponseParserError(f"{operation}: the answer is damaged.")
    said: Any = _parse(data)
    if said is None:
        if status == 200:
            raise ResponseParserError(f"{operation}: the answer is no JSON object.")
        said = {}
    said["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    if status == 200:
        return said
    code = str(said.pop("__type", status)).rpartition("#")[2]
    message = said.pop("message", None) or said.get("Message", "")
    said["Error"] = {"Code": code, "Message": message}
    raise ClientError(said, operation)


def _parse(data: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(data or b"{}", object_hook=_decode)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _encode(value: object) -> str:
    """Bytes, as JSON carries them; nothing else that json does not know itself."""
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no value of a request")
    return b64encode(value).decode()


def _decode(value: dict[str, Any]) -> dict[str, Any]:
    """A value of DynamoDB's: bytes where it has them. (An attribute called B holds an object.)"""
    if len(value) == 1:
        ((kind, text),) = value.items()
        if kind == "B" and isinstance(text, str):
            return {"B": b64decode(text)}
        if kind == "BS" and isinstance(text, list):
            return {"BS": [b64decode(one) for one in text]}
    return value


# -------------------------------------------------------------------------------------- Signatures


@dataclass
class _Request:
    """What SigV4Auth signs, and puts its headers into."""

    url: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    params: None = None
    context: dict[str, Any] = field(default_factory=dict)


class _Keys(NamedTuple):
    """Credentials that do not change while the process lives, as Lambda gives them."""

    access_key: str
    secret_key: str
    token: str | None


class _Signer:
    """Signs at AWS's time, where our clock is wrong."""

    def __init__(self, service: str, region: str) -> None:
        self._auth: Any = SigV4Auth(None, service, region)  # type: ignore[arg-type] # they change
        self._skew = timedelta(0)  # what AWS's clock is ahead

    def sign(self, request: _Request) -> None:
        """As SigV4Auth.add_auth(), but for the time."""
        auth = self._auth
        auth.credentials = _credentials()()
        request.context["timestamp"] = (_now() + self._skew).strftime(SIGV4_TIMESTAMP)
        auth._modify_request_before_signing(request)
        text = auth.string_to_sign(request, auth.canonical_request(request))
        auth._inject_signature_to_request(request, auth.signature(text, request))

    def learn(self, error: ClientError) -> bool:
        """Take AWS's time from now on, if it refused ours; whether it did."""
        if error_code(error) not in _SKEWED:
            return False
        date = error.response["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        try:
            theirs = datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
        except ValueError:
            return False
        skew = theirs - _now()
        if abs(skew - self._skew) < _SKEW:
            return False  # it is something else that is wrong
        self._skew = skew
        return True


def _now() -> datetime:
    return datetime.now(UTC)


def _credentials() -> Callable[[], Any]:
    """Where credentials come from; those of the environment do not change."""
    environ = os.environ
    if key := environ.get("AWS_ACCESS_KEY_ID"):
        secret, token = environ["AWS_SECRET_ACCESS_KEY"], environ.get("AWS_SESSION_TOKEN")
        return lambda: _Keys(key, secret, token)
    return _refreshed()


@functools.cache
def _refreshed() -> Callable[[], Any]:
    """botocore's, which are renewed in time: what SnapStart gives, or a developer has."""
    found = make_session().get_credentials()
    if found is None:
        raise NoCredentialsError
    frozen: Callable[[], Any] = found.get_frozen_credentials
    return frozen
