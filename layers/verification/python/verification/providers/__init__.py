"""One file for each upstream, behind the Protocol in `operations/ports.py`."""
