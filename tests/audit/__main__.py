"""python -m tests.audit template|packages|licences"""

import sys
from collections.abc import Callable

from tests.audit import licences, packages, template
from tests.local import LocalError

COMMANDS: dict[str, Callable[[], list[str] | None]] = {
    "template": template.audit,
    "packages": packages.audit,
    "licences": licences.write,
}


def main(command: str) -> int:
    """Run a command; what is wrong is said on stderr, a line each."""
    try:
        wrong = COMMANDS[command]() or []
    except LocalError as error:
        wrong = [str(error)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
