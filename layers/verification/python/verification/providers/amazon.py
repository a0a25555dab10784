"""What the messengers on AWS share: how their errors are read."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from ..aws import NO_ANSWER, error_code, is_unavailable
from ..errors import ProviderRejected, ProviderUnavailable


def send(provider: str, operation: Callable[..., Any], **parameters: Any) -> str:
    """Call an operation of AWS that sends, once; the id of the message.

    Raises:
        ProviderUnavailable: throttled, a fault on their side, or no answer.
        ProviderRejected: any other error; its code is kept.
    """
    try:
        return str(operation(**parameters)["MessageId"])
    except KeyError as error:  # an answer that says nothing: it may have been sent
        raise ProviderUnavailable(provider, "NoMessageId") from error
    except NO_ANSWER as error:
        raise ProviderUnavailable(provider, type(error).__name__) from error
    except ParamValidationError as error:
        raise ProviderRejected(provider, "ParamValidationError") from error
    except ClientError as error:
        kind = ProviderUnavailable if is_unavailable(error) else ProviderRejected
        raise kind(provider, error_code(error)) from error
