"""What the providers on AWS share: one call, never repeated, and how its errors are read."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, SSLError

from ..aws import NO_ANSWER, error_code, is_not_now, is_unavailable
from ..domain.report import vendor_id
from ..errors import (
    ProviderError,
    ProviderRefused,
    ProviderRejected,
    ProviderSilent,
    ProviderUnavailable,
)
from .tls import is_untrusted

MAX_CODE = 64  # characters of a vendor code that are kept

# What botocore's parsers raise on an answer that has not the shape it should have.
_SENSELESS = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
_CODE = re.compile(r"[A-Za-z0-9_.:/-]+")


def call(
    provider: str, operation: Callable[..., Any], rejections: Collection[str], **parameters: Any
) -> Mapping[str, Any]:
    """Call an operation of AWS once.

    Args:
        rejections: the errors that say no to this message alone, as `Code` or `Code/Reason`;
            each other one would meet any message of ours.
        parameters: of the operation; those that are None are left out.

    Raises:
        ProviderUnavailable: no connection, or "not now": throttled, 429, 503.
        ProviderSilent: asked, and no answer or one that says nothing, as other 5xx do.
        ProviderRejected: one of the rejections.
        ProviderRefused: any other error; no certificate we trust; botocore would not ask.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    try:
        answer: Mapping[str, Any] = operation(**given)
    except SSLError as error:
        kind = ProviderRefused if is_untrusted(error) else ProviderUnavailable
        raise kind(provider, type(error).__name__) from error
    except ConnectionError as error:  # botocore's: nothing got there
        raise ProviderUnavailable(provider, type(error).__name__) from error
    except NO_ANSWER as error:
        raise ProviderSilent(provider, type(error).__name__) from error
    except BotoCoreError as error:  # parameters or credentials that cannot be sent
        raise ProviderRefused(provider, type(error).__name__) from error
    except ClientError as error:
        raise _read(provider, error, rejections) from error
    except _SENSELESS as error:
        raise ProviderSilent(provider, "SenselessAnswer") from error
    return answer


def send(
    provider: str, operation: Callable[..., Any], rejections: Collection[str], **parameters: Any
) -> str:
    """Call an operation that sends; the id of the message.

    Raises:
        ProviderError: as call(); ProviderSilent too when the answer has no id.
    """
    return message_id(provider, call(provider, operation, rejections, **parameters), "MessageId")


def message_id(provider: str, answer: Mapping[str, Any], name: str) -> str:
    """The id that an answer has under this name.

    Raises:
        ProviderSilent: there is none, or it is not 1 to 256 printable characters.
    """
    found = vendor_id(answer.get(name))
    if found is None:
        raise ProviderSilent(provider, "NoMessageId")
    return found


def _read(provider: str, error: ClientError, rejections: Collection[str]) -> ProviderError:
    code, reason = error_code(error), error.response.get("Reason")
    name = f"{code}/{reason}" if reason else code
    kept = name[:MAX_CODE] if _CODE.fullmatch(name) else "UnreadableCode"
    if is_not_now(error):
        return ProviderUnavailable(provider, kept)
    if is_unavailable(error):
        return ProviderSilent(provider, kept)
    kind = ProviderRejected if name in rejections else ProviderRefused
    return kind(provider, kept)
