"""Whom we believe who they are: certifi's roots of all the world, each read when it is needed.

In the layer they also lie one by one, under the names by which OpenSSL looks for them (build.py
there). To read all 140 takes more than a warm start does; a connection needs one.
"""

import functools
import ssl
from pathlib import Path

import certifi
from urllib3.util.ssl_ import create_urllib3_context

_ONE_BY_ONE = "roots"  # beside certifi's bundle


def trust(bundle: str | None = None) -> ssl.SSLContext:
    """The context of one client's connections.

    Args:
        bundle: a file of certificates (PEM), believed in place of the roots.

    Raises:
        OSError: there is no such file, or no certificate in it.
    """
    roots = Path(certifi.where()).with_name(_ONE_BY_ONE)
    if bundle or not roots.is_dir():
        return _read(bundle or certifi.where())
    context = create_urllib3_context()
    context.load_verify_locations(capath=roots)
    return context


@functools.cache
def _read(bundle: str) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_verify_locations(bundle)
    return context
