"""What the messengers on AWS share: how their errors are read."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, ParamValidationError

from ..aws import NO_ANSWER, error_code, is_not_now, is_unavailable
from ..errors import ProviderError, ProviderRejected, ProviderSilent, ProviderUnavailable


def send(provider: str, operation: Callable[..., Any], **parameters: Any) -> str:
    """Call an operation of AWS that sends, once; the id of the message.

    Raises:
        ProviderUnavailable: no connection, or "not now": throttled, 503.
        ProviderSilent: asked, and no answer or one that says nothing, as other 5xx do.
        ProviderRejected: any other error; its code is kept.
    """
    try:
        return str(operation(**parameters)["MessageId"])
    except KeyError as error:
        raise ProviderSilent(provider, "NoMessageId") from error
    except ConnectionError as error:  # botocore's: nothing got there
        raise ProviderUnavailable(provider, type(error).__name__) from error
    except NO_ANSWER as error:
        raise ProviderSilent(provider, type(error).__name__) from error
    except ParamValidationError as error:
        raise ProviderRejected(provider, "ParamValidationError") from error
    except ClientError as error:
        raise _kind(error)(provider, error_code(error)) from error


def _kind(error: ClientError) -> type[ProviderError]:
    if is_not_now(error):
        return ProviderUnavailable
    return ProviderSilent if is_unavailable(error) else ProviderRejected
