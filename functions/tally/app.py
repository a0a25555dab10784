"""Tally what became of verifications, from the table's stream: credits, the guard, budgets."""

from verification.wiring import Stack

stack = Stack()

handler = stack.stream_handler()
stack.prove()
