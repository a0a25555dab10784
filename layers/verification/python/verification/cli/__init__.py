"""The operator's commands; no function imports them."""
