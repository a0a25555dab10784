"""What the messengers on AWS share: how their errors are read."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, ParamValidationError

from ..aws import NO_ANSWER, error_code, is_unavailable
from ..errors import ProviderRejected, ProviderSilent, ProviderUnavailable


def send(provider: str, operation: Callable[..., Any], **parameters: Any) -> str:
    """Call an operation of AWS that sends, once; the id of the message.

    Raises:
        ProviderUnavailable: no connection, throttled, or a fault on their side.
        ProviderSilent: asked, and no answer or one that says nothing.
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
        kind = ProviderUnavailable if is_unavailable(error) else ProviderRejected
        raise kind(provider, error_code(error)) from error
