"""Speak MessageBird's Verify: /verify[/{id}], and the messages that its objects lead to."""

from verification.api.dialects.messagebird.routes import MessageBird
from verification.wiring import Stack, clock

stack = Stack()
api = stack.messagebird_api()

messagebird = MessageBird(api, stack.start(), stack.verify(), stack.lookup(), stack.delete(), clock)

handler = stack.handler("messagebird", messagebird.routes, api=api)
stack.prove()
