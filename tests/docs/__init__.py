"""The documents say what the code does: each is compared with what it speaks of."""
