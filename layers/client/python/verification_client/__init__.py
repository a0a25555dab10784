"""A client of Serverless Verify: start, verify, look up, list, resend and delete verifications.

client = VerificationClient.over_https(url, client_id, secret)
verification = client.start("+447700900123", purpose="login")
client.verify(verification.id, "123456", purpose="login").valid
"""

from .answers import Page, Send, Try, Verdict, Verification
from .client import StartFields, VerificationClient
from .errors import VerificationError

__all__ = [
    "Page",
    "Send",
    "StartFields",
    "Try",
    "Verdict",
    "Verification",
    "VerificationClient",
    "VerificationError",
]
