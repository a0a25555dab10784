"""MessageBird's Verify API, and the messages that its objects speak of."""
