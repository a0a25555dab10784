"""What commands print: tables for people, one JSON document for programs, progress on stderr."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ..valueclass import valueclass

# Where nobody looks, nothing is folded to fit: a pipe gets each line whole.
_WIDE = 1000

type View = Callable[[Any], RenderableType]


@valueclass
class Outcome:
    """What a command prints, where that alone does not say how it went.

    Args:
        answer: what is printed.
        status: what the program ends with.
    """

    answer: Any
    status: int


def console() -> Console:
    """The terminal, or what stands in its place; colour as it can and as NO_COLOR says."""
    width = None if sys.stdout.isatty() else _WIDE
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_answer(answer: Any, *, as_json: bool, view: View | None) -> None:
    """Print what a command answered.

    Args:
        answer: something that JSON can hold, or an iterator of such: each is printed as it comes.
        view: how people see it; None: as any other.
    """
    if isinstance(answer, Iterator):
        with suppress(KeyboardInterrupt):  # that is how what has no end is ended
            _print_each(answer, as_json=as_json, view=view)
    elif as_json:
        print(json.dumps(answer, indent=2))
    else:
        console().print((view or show)(answer))


def _print_each(answer: Iterator[Any], *, as_json: bool, view: View | None) -> None:
    terminal = console()
    for one in answer:
        if as_json:
            print(json.dumps(one), flush=True)
        else:
            terminal.print((view or show)(one))
            terminal.file.flush()


# ----------------------------------------------------------------------------------------- Tables


def show(answer: Any) -> RenderableType:
    """Any answer as people read it."""
    if isinstance(answer, Mapping):
        return _show_fields(answer)
    if _is_list(answer):
        return _show_list(answer)
    return plain(answer)


def rows(columns: Sequence[str], lines: Iterable[Sequence[Any]], title: str = "") -> Table:
    """A table; what is a `RenderableType` of rich stays so."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for line in lines:
        table.add_row(*(one if hasattr(one, "__rich_console__") else plain(one) for one in line))
    return table


def plain(value: Any) -> Text:
    """A value as text; what could move a cursor is shown as a question mark."""
    if value is None or value == "":
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, Mapping):
        return Text(", ").join(Text(f"{name} ") + plain(one) for name, one in value.items())
    if _is_list(value):
        return Text(", ").join(map(plain, value)) if value else plain(None)
    return Text("".join(c if c.isprintable() or c == "\n" else "?" for c in str(value)))


def _show_fields(fields: Mapping[str, Any]) -> RenderableType:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    below: list[RenderableType] = []
    for name, value in fields.items():
        title = name.replace("_", " ")
        if _is_list(value) and value and all(isinstance(one, Mapping) for one in value):
            below += [Text(f"\n{title}", style="bold"), _show_list(value)]
        elif isinstance(value, Mapping) and value:
            below += [Text(f"\n{title}", style="bold"), _show_fields(value)]
        else:
            table.add_row(title, plain(value))
    return Group(*([table] if table.row_count else []), *below)


def _show_list(values: Sequence[Any]) -> RenderableType:
    if not values:
        return Text("none", style="dim")
    if not all(isinstance(one, Mapping) for one in values):
        return Group(*map(plain, values))
    columns = list(dict.fromkeys(name for one in values for name in one))
    return rows(columns, ([one.get(name) for name in columns] for one in values))


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | set | frozenset) and not isinstance(value, str | bytes)


# --------------------------------------------------------------------------------------- Progress


@contextmanager
def progress(doing: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """Show how far something has come, on stderr, and on a terminal alone.

    Args:
        total: how far it goes; None where nobody knows.

    Yields:
        What takes how far it has come.
    """
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as shown:
        task = shown.add_task(doing, total=total)
        yield lambda done: shown.update(task, completed=done)
