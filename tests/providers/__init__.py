"""Each provider against a real HTTP server, or against AWS's own models of its services."""
