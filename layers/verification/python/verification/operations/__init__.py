"""One file for each use case; `ports.py` says what they need from outside."""
