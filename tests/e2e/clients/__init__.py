"""The vendors' own clients, unchanged, and what they need here: they speak to our drop-in APIs."""
