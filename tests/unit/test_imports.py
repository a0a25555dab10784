"""The rooms of the house: imports run one way, and importing does nothing else."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from verification import errors

from tests.unit.errors import SERVICE_ERRORS

PACKAGE = Path(errors.__file__).parent
FUNCTIONS = Path(__file__).parents[2] / "functions"
MODULES = {
    ".".join(("verification", *path.relative_to(PACKAGE).with_suffix("").parts)): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
AWS = {"boto3", "botocore", "aws_lambda_powertools"}

EVERYBODYS = {"valueclass"}

# What each room may import of our own, and which third-party packages.
ROOMS: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "valueclass": (set(), set()),
    "domain": ({"domain"}, set()),
    "settings": ({"domain", "errors"}, {"phonenumbers"}),
    "operations": ({"domain", "errors", "operations"}, set()),
    "aws": ({"errors"}, {"botocore"}),
    "trust": (set(), {"certifi", "urllib3"}),
    "aws_json": ({"aws", "trust"}, {"botocore", "urllib3"}),
    "telemetry": ({"domain", "errors"}, AWS),
    "storage": ({"domain", "errors", "aws", "operations.ports", "storage"}, AWS),
    "providers": (
        {"domain", "errors", "aws", "operations.ports", "storage.table", "providers", "trust"},
        AWS | {"pydantic", "pyotp", "requests", "urllib3"},
    ),
    "catalogue": (
        {"aws", "domain", "errors", "operations", "providers", "settings", "storage"},
        {"botocore", "pydantic"},
    ),
    "api": (
        {"domain", "errors", "operations", "telemetry", "api"},
        {"pydantic", "phonenumbers", "email_validator", "pyotp", "segno"},
    ),
    "countries": ({"errors"}, {"maxminddb"}),
    "cli": (
        {
            "api",
            "aws",
            "catalogue",
            "cli",
            "domain",
            "errors",
            "operations.ports",
            "operations.services",
            "providers.outbound",
            "providers.verigator",
            "settings",
            "storage",
            "telemetry",
            "wiring",
        },
        AWS | {"phonenumbers", "rich"},
    ),
    "wiring": (
        {
            "api",
            "aws_json",
            "catalogue",
            "countries",
            "domain",
            "errors",
            "operations",
            "providers",
            "settings",
            "storage",
            "telemetry",
        },
        set(),
    ),
}


def imports(path: Path, module: str) -> Iterator[str]:
    """Every module that a file imports anywhere in it, by its whole name."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{whole}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else whole for name in names)


def is_within(name: str, rooms: set[str]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("module", [m for m in MODULES if not m.endswith("__init__")])
def test_imports_run_one_way(module: str) -> None:
    room = module.split(".")[1]
    own, third_party = ROOMS[room]
    for name in imports(MODULES[module], module):
        top = name.split(".")[0]
        if top == "verification":
            assert is_within(name.removeprefix("verification."), own | EVERYBODYS), (
                f"{module}: {name}"
            )
        else:
            assert top in sys.stdlib_module_names or top in third_party, f"{module}: {name}"


def test_every_room_is_known() -> None:
    assert {name.split(".")[1] for name in MODULES} - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*/app.py")), ids=lambda p: p.parent.name)
def test_functions_import_the_api_the_wiring_and_the_scopes_alone(path: Path) -> None:
    ours = {name for name in imports(path, "app") if name.startswith("verification")}
    assert ours and all(
        is_within(name, {"verification.api", "verification.wiring", "verification.domain.policy"})
        for name in ours
    )


# What a snapshot of the process (SnapStart) must not hold. SystemRandom holds nothing: each draw
# asks the system.
FORBIDDEN = re.compile(
    r"(?!random\.SystemRandom$)(time|random|secrets|uuid|datetime)\..*|os\.(urandom|getrandom)"
    r"|(\w+\.)*(now|today|utcnow|urandom|uuid4|time_ns)"
)


def calls_at_import(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls outside of functions: those that importing makes (defaults and decorators too)."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for outside in (*node.decorator_list, *node.args.defaults, *node.args.kw_defaults):
                if outside:
                    yield from (n for n in ast.walk(outside) if isinstance(n, ast.Call))
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.Call):
                yield node
            yield from calls_at_import(node)


@pytest.mark.parametrize("path", [*MODULES.values(), *sorted(FUNCTIONS.glob("*/app.py"))], ids=str)
def test_importing_reads_no_clock_and_draws_no_randomness(path: Path) -> None:
    called = [ast.unparse(call.func) for call in calls_at_import(ast.parse(path.read_text()))]
    assert [name for name in called if FORBIDDEN.fullmatch(name)] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = os.urandom(16)", True),
        ("def f(now=time.time()): ...", True),
        ("class A:\n    at = datetime.now()", True),
        ("if True:\n    x = [uuid.uuid4()]", True),
        ("x = random.Random()", True),
        ("x = random.SystemRandom()", False),
        ("x = random.SystemRandom().random()", True),
        ("def f():\n    return time.time()", False),
        ("f = lambda: time.time()", False),
        ("x = clock", False),
    ],
)
def test_the_search_finds_what_it_looks_for(source: str, found: bool) -> None:
    called = [ast.unparse(call.func) for call in calls_at_import(ast.parse(source))]
    assert any(FORBIDDEN.fullmatch(name) for name in called) is found


def tree_of_classes(parent: type[Exception], depth: int = 1) -> Iterator[tuple[int, str]]:
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            yield depth, child.__name__
            yield from tree_of_classes(child, depth + 1)


def test_the_tree_in_the_docstring_is_that_of_the_classes() -> None:
    drawn = re.finditer(r"^    ((?:[│ ] {3})*[├└]── )(\w+)", errors.__doc__ or "", re.M)
    assert [(len(m[1]) // 4, m[2]) for m in drawn] == list(tree_of_classes(Exception))


def test_the_statuses_in_the_docstring_are_those_of_the_classes() -> None:
    drawn = dict(re.findall(r"── (\w+) +(\d{3})$", errors.__doc__ or "", re.M))
    assert drawn == {error.__name__: str(error.status) for error in SERVICE_ERRORS}


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [error.code for error in SERVICE_ERRORS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)


@pytest.mark.parametrize("app", sorted(FUNCTIONS.glob("*/app.py")), ids=lambda app: app.parent.name)
def test_each_function_ends_its_init_by_a_proof(app: Path) -> None:
    """Without it nothing is proven, and no garbage is ever collected."""
    assert "stack.prove()" in app.read_text().splitlines()
