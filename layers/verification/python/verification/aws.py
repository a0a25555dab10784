"""What all AWS clients have in common: timeouts, tries, and which errors mean "later"."""

import functools
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

from .errors import TemporarilyUnavailable

# No answer, half an answer, or one that makes no sense: what was asked may have been done.
NO_ANSWER = (HTTPClientError, ConnectionError, ResponseParserError)

_THROTTLES = {
    "KMSThrottling",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
}


_DELAY_BASE, _DELAY_CAP = 0.02, 0.5  # seconds


@functools.cache
def make_session() -> Any:
    """botocore's session, with the environment as it is now."""
    import botocore.session  # half of a cold start: for those alone that need it

    return botocore.session.get_session()


def make_client(service: str, *, attempts: int, connect: float = 1, read: float = 3) -> Any:
    """Make a low-level client of botocore's, of any AWS service. See also aws_json.

    Args:
        service: botocore's name; its model must be in the dependencies layer.
        attempts: tries in all, 1 where a repeat could do a thing twice.
        connect, read: timeouts in seconds.
    """
    from botocore.config import Config

    config = Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=4,
    )
    return make_session().create_client(service, config=config)


def is_unavailable(error: ClientError) -> bool:
    """Whether an AWS answer says "later" and not "no": throttled, or a fault on their side."""
    return is_not_now(error) or _status(error) >= 500


def is_not_now(error: ClientError) -> bool:
    """Whether it says that nothing was done, too: throttled, 429 or 503."""
    return _status(error) in (429, 503) or error_code(error) in _THROTTLES


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def error_code(error: ClientError) -> str:
    """AWS's own code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def delay(tries: int) -> float:
    """Seconds to wait after so many tries: full jitter, as AWS's builders' library describes it."""
    # SystemRandom: processes begun from one snapshot would draw the same from the common one.
    return random.SystemRandom().uniform(0, min(_DELAY_CAP, _DELAY_BASE * 2**tries))


@contextmanager
def reaching_aws() -> Iterator[None]:
    """Turn "later" answers of AWS, and none at all, into TemporarilyUnavailable.

    A refusal for any other reason is a fault of ours and passes through as it is.
    """
    try:
        yield
    except NO_ANSWER as error:
        raise TemporarilyUnavailable(retry_after=1) from error
    except ClientError as error:
        if not is_unavailable(error):
            raise
        raise TemporarilyUnavailable(retry_after=1) from error
