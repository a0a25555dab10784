"""The page on which a person types the code: GET and POST /v1/pages/{token}."""

from verification.wiring import Stack

stack = Stack()

handler = stack.page_handler()
stack.prove()
