"""Serverless Verify: does this person hold this phone number or e-mail address?"""

import gc
import os
import warnings

# What a function makes at INIT stays: to look through it for garbage again and again is in vain.
# `Stack.prove()`, with which each ends its INIT, enables it.
if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()

# The layer has no charset_normalizer: what vendors answer is read as bytes (providers/http.py).
warnings.filterwarnings("ignore", "Unable to find acceptable character detection dependency")
