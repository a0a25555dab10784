"""Tally what became of verifications, from the table's stream: credits, the guard, budgets."""

from verification.wiring import Stack

handler = Stack().stream_handler()
