"""In-memory stand-ins for what `operations/ports.py` asks of the outside.."""
