"""The whole service on one machine: AWS emulator, DynamoDB Local, and the stack deployed into it.

`python -m tests.local build|up|down|demo` (or make) runs it for a person; tests/conftest.py runs it
for the tests.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"


class LocalError(Exception):
    """What went wrong on this machine, in words for the person at the keyboard."""
