"""python -m tests.audit template|packages|licences ..."""

import importlib
import logging
import sys

from tests.local import LocalError


def main(*names: str) -> int:
    """Run audits, all of them; what is wrong is said on stderr, a line each."""
    logging.disable(logging.WARNING)  # of SAM, about features of its own
    wrong: list[str] = []
    for name in names:
        try:
            wrong += importlib.import_module(f"tests.audit.{name}").audit()
        except LocalError as error:
            wrong.append(str(error))
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
