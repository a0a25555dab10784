"""Messente Number Verification: parameters in, one line of text out, with HTTP status 200.

    /verify/start   OK <id>  VERIFIED                           ERROR n  FAILED 209
    /verify/pin     VERIFIED  INVALID  EXPIRED  THROTTLED       ERROR n  FAILED 209

Names, defaults and bounds are those of the vendor's document, "Number verification API"; its
published clients read an answer only when the status is 200, errors too.
"""
