"""The licences of what is deployed: docs/licences.md is written from the packages themselves."""

import importlib.metadata
import re

from tests.local import ROOT, LocalError

PAGE = ROOT / "docs/licences.md"

# All let anybody use, change and sell what is under them. MPL-2.0: changes to its files stay open;
# we change none.
ACCEPTED = {
    "Apache-2.0",
    "BSD-3-Clause",
    "CC-BY-4.0",
    "CC0-1.0",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "Unlicense",
}

# What these say of themselves is wrong or vague; read in the licence that is in the package.
READ = {
    "aws-lambda-powertools": "MIT-0",
    "python-dateutil": "Apache-2.0 AND BSD-3-Clause",  # newer parts, older parts
    "segno": "BSD-3-Clause",
}

_HEAD = """\
# Licences

What is in the layers and therefore deployed with the service, by SPDX's names of licences. `make
licences` writes this page, from the packages themselves; tests compare it with them. The text of
each licence is in the layer, beside its package.

| Package | Version | Licence |
|---|---|---|
"""

_TAIL = """
The database of countries is made of data of the regional internet registries, published by the
Number Resource Organization (nro.net) under CC-BY-4.0, and of the networks' own statements.
"""


def page() -> str:
    """docs/licences.md as it has to be."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows()) + _TAIL


def rows() -> list[tuple[str, str, str]]:
    """Name, version and licence of all that is deployed and not ours.

    Raises:
        LocalError: a licence is not known.
    """
    lock = (ROOT / "layers/dependencies/requirements.txt").read_text()
    packages = re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE)
    countries = (ROOT / "layers/countries/Makefile").read_text()
    database = dict(re.findall(r"^(NAME|VERSION) := (\S+)$", countries, re.MULTILINE))
    return [
        *((name, version, licence(name)) for name, version in packages),
        (database["NAME"], database["VERSION"], "CC-BY-4.0 AND CC0-1.0"),  # data, package
    ]


def licence(name: str) -> str:
    """The licence of a package, in SPDX's words; it is installed here at the layer's version.

    Raises:
        LocalError: it says none that we know.
    """
    metadata = importlib.metadata.metadata(name)
    said = READ.get(name) or metadata.get("License-Expression") or metadata.get("License") or ""
    if not accepted(said):
        raise LocalError(
            f"{name} says that its licence is {said!r}. Read the licence in the package; if it may "
            "be deployed, write it down in tests/audit/licences.py."
        )
    return said


def accepted(expression: str) -> bool:
    """Whether all parts of an expression of SPDX are accepted."""
    return set(re.split(r" (?:AND|OR) ", expression)) <= ACCEPTED


def audit() -> list[str]:
    """Write docs/licences.md; nothing can be wrong with it then."""
    PAGE.write_text(page())
    return []
