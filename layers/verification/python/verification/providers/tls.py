"""Telling a certificate we do not trust from a connection that broke while it was being made."""

import ssl


def is_untrusted(error: BaseException | None) -> bool:
    """Whether a refused certificate is what lies under an error.

    Args:
        error: of urllib3, requests or botocore; each keeps what it was caused by elsewhere.
    """
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, ssl.SSLCertVerificationError):
            return True
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None)]
            waiting += [arg for arg in one.args if isinstance(arg, BaseException)]
            waiting += [v for v in getattr(one, "kwargs", {}).values() if isinstance(v, Exception)]
    return False
