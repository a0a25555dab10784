"""A client's policy: shown, and changed part by part."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..api.senders import check_sender
from ..domain.destination import Destination
from ..domain.guard import Mode
from ..domain.limits import LimitGrammarError, LimitName, parse_all_limits
from ..domain.messages import MAX_BRAND, MAX_VALIDITY, Content, TemplateError, check
from ..domain.policy import NUMBER_KINDS, Profile
from ..domain.return_urls import ReturnUrlError, parse_allowed
from ..domain.texts import choose
from ..domain.verification import Channel
from ..errors import InvalidFields
from ..storage import table
from ..storage.directory import write_words
from .shared import (
    CLIENTS,
    Changes,
    CommandError,
    Commands,
    changed_meanwhile,
    country,
    find_client,
    read_record,
    table_name,
    write_changes,
)

_OF_STACK = "stack"
_STACKS_OWN = (LimitName.STACK_MESSAGES, LimitName.STACK_COST)
# A request may bring the brand of a service: the longest there is, in the most bytes.
_WORST_BRAND = "\U0001f600" * MAX_BRAND


def change_profile(arguments: argparse.Namespace) -> dict[str, Any]:
    """Show a client's policy, or change the parts that are named."""
    name = table_name(arguments)
    item = find_client(name, arguments.client)
    changes = _sets(arguments) | _by_country(arguments, item) | _limits(arguments, item)
    changes |= _choices(arguments)
    new = {key: value for key, value in (item | changes).items() if value is not None}
    shown = _show(new)  # before it is written: what cannot be read must not be there
    if changes and not write_changes(name, arguments.client, changes, item):
        raise changed_meanwhile()
    return shown


def _show(item: table.Item) -> dict[str, Any]:
    record = read_record(item)
    profile: Profile = record.client.profile
    countries, refused = profile.countries, profile.refused_kinds
    return {
        "client_id": record.client.id,
        "countries": _OF_STACK if countries is None else sorted(countries) or "all",
        "refused_number_kinds": _OF_STACK if refused is None else sorted(refused) or "none",
        "sender_for": profile.senders,
        "template_for": profile.templates,
        "limits": _read_limits(item),
        "guard": profile.guard or _OF_STACK,
        "counts": "own" if profile.counts_alone else "common",
        "return_urls": profile.return_urls,
    }


# ---------------------------------------------------------------- The parts, from a command line


def _sets(arguments: argparse.Namespace) -> Changes:
    given = {"countries": arguments.countries, "refused_kinds": arguments.refused_kinds}
    return {
        name: None if words == _OF_STACK else write_words(sorted(set(words)))
        for name, words in given.items()
        if words is not None
    }


def _choices(arguments: argparse.Namespace) -> Changes:
    changes: Changes = {}
    if arguments.guard is not None:
        is_own = arguments.guard != _OF_STACK
        changes["guard"] = {"S": arguments.guard} if is_own else None
    if arguments.counts_alone is not None:
        changes["counts_alone"] = {"BOOL": arguments.counts_alone}
    if arguments.return_urls is not None:
        urls = list(dict.fromkeys(arguments.return_urls))
        changes["return_urls"] = write_words(urls) if urls else None
    return changes


def _by_country(arguments: argparse.Namespace, item: table.Item) -> Changes:
    changes: Changes = {}
    for name, option in (("senders", "sender"), ("templates", "template")):
        put, gone = getattr(arguments, f"{option}_for"), getattr(arguments, f"no_{option}_for")
        if put or gone:
            attribute = f"{name}_by_country"
            known = {place: one["S"] for place, one in item.get(attribute, {"M": {}})["M"].items()}
            texts = _merge(known, put, gone, option)
            written = {place: {"S": text} for place, text in texts.items()}
            changes[attribute] = {"M": written} if written else None
    return changes


def _limits(arguments: argparse.Namespace, item: table.Item) -> Changes:
    if not arguments.limit and not arguments.no_limit:
        return {}
    limits = _merge(_read_limits(item), arguments.limit, arguments.no_limit, "limit")
    text = "; ".join(f"{name}={written}" for name, written in limits.items())
    return {"limits": {"S": text} if text else None}


def _read_limits(item: table.Item) -> dict[str, str]:
    """The limits of a client as they were written, by their names."""
    entries = item["limits"]["S"].split(";") if "limits" in item else ()
    pairs = (entry.partition("=") for entry in entries if entry.strip())
    return {name.strip(): written.strip() for name, _, written in pairs}


def _merge(
    known: Mapping[str, str], put: Iterable[tuple[str, str]], gone: Iterable[str], option: str
) -> dict[str, str]:
    """What is known of a client with what is put, without what is gone.

    Raises:
        CommandError: something is named twice, or is gone already.
    """
    named = [*(name for name, _ in put), *gone]
    if twice := [name for name in named if named.count(name) > 1]:
        raise CommandError(f"Of each {option} only one: {twice[0]} is named twice.")
    if missing := [name for name in gone if name not in known]:
        raise CommandError(f"This client has no {option} of its own for {missing[0]}.")
    return {name: text for name, text in {**known, **dict(put)}.items() if name not in gone}


# ----------------------------------------------------------------------- Words of a command line


def _sender_for(text: str) -> tuple[str, str]:
    place, sender = _split(text, "EE=Acme")
    try:
        check_sender(sender, Channel.SMS)
    except InvalidFields as error:
        raise argparse.ArgumentTypeError(error.faults[0].message) from None
    return country(place), sender


def _template_for(text: str) -> tuple[str, str]:
    """As a start checks it, on every channel of a number, but for the worst of all requests."""
    place, template = _split(text, "EE='{code} is your code'")
    texts = choose(None, country(place))
    worst = Content(texts=texts, brand=_WORST_BRAND, validity=MAX_VALIDITY, template=template)
    try:
        for channel in Destination("+").channels:
            check(channel, worst)
    except TemplateError as error:
        longest = " and the longest brand there may be" if "{brand}" in template else ""
        raise argparse.ArgumentTypeError(f"{error}{longest}") from None
    return place, template


def _limit(text: str) -> tuple[str, str]:
    name, written = _split(text, "client_starts=100/1m")
    if name in _STACKS_OWN:
        raise argparse.ArgumentTypeError(f"{name} is a parameter of the stack, not a client's")
    try:
        places = parse_all_limits(text).places
    except LimitGrammarError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    for place in sorted(places):
        country(place)
    if ";" in text:
        raise argparse.ArgumentTypeError("write one limit after each --limit")
    return name, written.strip()


def _return_url(text: str) -> str:
    try:
        return str(parse_allowed(text))
    except ReturnUrlError as error:
        raise argparse.ArgumentTypeError(f"a return URL {error}") from None


def _split(text: str, such_as: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name.strip() or not value.strip():
        raise argparse.ArgumentTypeError(f"write it such as {such_as}")
    return name.strip(), value


def add_commands(commands: Commands) -> None:
    parser = commands.below("clients", CLIENTS).add("profile", change_profile)
    parser.add_argument("client")
    _add_sets(parser)
    _add_by_country(parser, "sender", _sender_for, "of its SMS there, such as EE=Acme")
    _add_by_country(
        parser, "template", _template_for, "of its messages there, such as EE='{code} is your code'"
    )
    parser.add_argument(
        "--limit",
        type=_limit,
        action="append",
        default=[],
        help="such as client_starts=100/1m, in place of the stack's of that name",
    )
    parser.add_argument(
        "--no-limit",
        choices=[name.value for name in LimitName],
        action="append",
        default=[],
        help="of its own: the stack's holds",
    )
    parser.add_argument(
        "--guard", choices=[*(mode.value for mode in Mode), _OF_STACK], help="what the guard does"
    )
    counts = parser.add_mutually_exclusive_group()
    counts.add_argument(
        "--own-counts",
        action="store_const",
        const=True,
        dest="counts_alone",
        help="count its sends and starts by themselves",
    )
    counts.add_argument(
        "--common-counts",
        action="store_const",
        const=False,
        dest="counts_alone",
        help="count them with those of the other clients to the same destinations",
    )
    urls = parser.add_mutually_exclusive_group()
    urls.add_argument(
        "--return-url",
        type=_return_url,
        action="append",
        dest="return_urls",
        help="where its pages may send people: an origin and the beginning of a path, such as "
        "https://shop.example/back; several: one after another",
    )
    urls.add_argument(
        "--no-return-urls",
        action="store_const",
        const=[],
        dest="return_urls",
        help="it has no pages",
    )


def _add_sets(parser: argparse.ArgumentParser) -> None:
    countries, kinds = (parser.add_mutually_exclusive_group() for _ in range(2))
    countries.add_argument(
        "--country",
        type=country,
        action="append",
        dest="countries",
        help="send to numbers of this country only; several: one after another",
    )
    kinds.add_argument(
        "--refuse-kind",
        choices=NUMBER_KINDS,
        action="append",
        dest="refused_kinds",
        help="send to no number of this kind; several: one after another",
    )
    for group, dest, option, about in (
        (countries, "countries", "--all-countries", "send to all countries"),
        (kinds, "refused_kinds", "--refuse-no-kind", "send to all kinds of numbers"),
    ):
        group.add_argument(option, action="store_const", const=[], dest=dest, help=about)
    for group, dest, option in (
        (countries, "countries", "--countries-of-stack"),
        (kinds, "refused_kinds", "--kinds-of-stack"),
    ):
        group.add_argument(
            option, action="store_const", const=_OF_STACK, dest=dest, help="as the stack says"
        )


def _add_by_country(
    parser: argparse.ArgumentParser, what: str, read: Callable[[str], Any], about: str
) -> None:
    parser.add_argument(f"--{what}-for", type=read, action="append", default=[], help=about)
    parser.add_argument(
        f"--no-{what}-for",
        type=country,
        action="append",
        default=[],
        help=f"no {what} of its own for this country",
    )
