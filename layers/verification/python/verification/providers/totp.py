"""What authenticator apps show: RFC 6238 by pyotp, with SHA-1 and six digits as all of them do."""

import base64

from ..domain.totp import DIGITS, STEP


def code_at(seed: bytes, step: int) -> str:
    """See `domain.totp.CodeAt`."""
    # Imported late: most verifications need no app.
    import pyotp

    secret = base64.b32encode(seed).decode()
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP).generate_otp(step)
