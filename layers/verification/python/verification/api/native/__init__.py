"""Our own API: its requests and answers, the same over HTTPS and for direct invokes."""
