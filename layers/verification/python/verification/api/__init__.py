"""Events in, answers out."""
