"""TLS: a certificate nobody trusts, and everything else that can go wrong there."""

import ssl
from collections.abc import Callable

import botocore.exceptions
import pytest
import requests
import urllib3.exceptions
from urllib3.connectionpool import HTTPSConnectionPool
from verification.providers.tls import is_untrusted

POOL = HTTPSConnectionPool("vendor.example")
UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")
BROKEN = [
    ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
    ssl.SSLError(1, "handshake failure"),
    ConnectionResetError(104, "Connection reset by peer"),
    TimeoutError("timed out"),
]


def of_urllib3(error: Exception) -> Exception:
    return urllib3.exceptions.SSLError(error)


def of_urllib3_at_last(error: Exception) -> Exception:
    return urllib3.exceptions.MaxRetryError(POOL, "/", of_urllib3(error))


def of_requests(error: Exception) -> Exception:
    return requests.exceptions.SSLError(of_urllib3_at_last(error))


def of_botocore(error: Exception) -> Exception:
    return botocore.exceptions.SSLError(endpoint_url="https://aws.example", error=error)


def of_botocore_by_urllib3(error: Exception) -> Exception:
    return of_botocore(of_urllib3(error))


def as_cause(error: Exception) -> Exception:
    outer = OSError("outer")
    outer.__cause__ = error
    return outer


def as_context(error: Exception) -> Exception:
    outer = OSError("outer")
    outer.__context__ = error
    return outer


def itself(error: Exception) -> Exception:
    return error


each_library = pytest.mark.parametrize(
    "wrap",
    [
        itself,
        of_urllib3,
        of_urllib3_at_last,
        of_requests,
        of_botocore,
        of_botocore_by_urllib3,
        as_cause,
        as_context,
    ],
)


@each_library
def test_a_certificate_that_is_not_trusted_is_found_in_every_library(
    wrap: Callable[[Exception], Exception],
) -> None:
    assert is_untrusted(wrap(UNTRUSTED))


@each_library
@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_a_connection_that_broke_is_no_certificate(
    wrap: Callable[[Exception], Exception], error: Exception
) -> None:
    assert not is_untrusted(wrap(error))


def test_no_error_is_none() -> None:
    assert not is_untrusted(None)


def test_errors_that_name_each_other_are_looked_at_once() -> None:
    one, two = OSError("one"), OSError("two")
    one.__cause__, two.__cause__ = two, one
    assert not is_untrusted(one)
    two.__context__ = UNTRUSTED
    assert is_untrusted(one)
