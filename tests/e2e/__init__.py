"""The deployed stack, used as its callers use it."""
