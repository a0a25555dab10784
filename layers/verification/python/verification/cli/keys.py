"""The code keys: shown without the keys, and rotated so that no code under way is lost.

Where a rotation stands is read from the secret itself, its present version and the one before:
nothing is noted elsewhere, so it can stop anywhere and go on later, by somebody else too. Each
step is one write that holds only if nobody has changed the secret since it was read.
"""

import argparse
import json
import secrets
import string
import time as clocks
import uuid
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from ..api.native.views import time
from ..domain.messages import MAX_VALIDITY
from ..storage.secrets import MAX_AGE_SECONDS, parse_code_keys
from ..valueclass import valueclass
from .output import progress
from .shared import CommandError, Commands, now, output, seconds, secrets_manager

_KIDS = string.ascii_lowercase + string.digits
_NEWEST = "newest"
_KEY_BYTES = 32
_GRACE = 10_000  # milliseconds, for clocks that differ
_CURRENT, _PREVIOUS, _PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
_GONE = "ResourceNotFoundException"


class Step(StrEnum):
    """What comes next in a rotation."""

    ADD = "add"  # a new key, for checking only
    PROMOTE = "promote"  # codes are made with it from now on
    DROP = "drop"  # the older ones


@valueclass
class Keys:
    """What the secret holds.

    Args:
        version: of the secret, as it was read.
        changed: since when nothing else was put there: when the newer of this version and the
            one before was made; epoch milliseconds.
        before: the key ids of the version before, and its newest; None where it is gone.
        values: the secret's object. It never shows in a repr.
        put_back: the version before is the newer one: somebody took the last change back.
    """

    version: str
    changed: int
    before: tuple[frozenset[str], str] | None
    values: Mapping[str, str] = field(repr=False)
    put_back: bool = False

    @property
    def newest(self) -> str:
        return self.values[_NEWEST]

    @property
    def kids(self) -> frozenset[str]:
        return frozenset(self.values) - {_NEWEST}

    @property
    def added(self) -> str | None:
        """The key that the last change added for checking only."""
        if self.before is None or self.before[1] != self.newest:
            return None
        new = self.kids - self.before[0]
        return min(new) if len(new) == 1 else None

    @property
    def next_step(self) -> Step | None:
        """What comes next; None where the last change was no step of a rotation."""
        if self.put_back:  # codes under way may be of any key of both versions
            return None
        if len(self.kids) == 1:
            return Step.ADD
        if self.added:
            return Step.PROMOTE
        promoted = self.before is not None and self.before[1] != self.newest
        return Step.DROP if promoted else None

    @property
    def to_do(self) -> str:
        """What to do where nobody but the operator knows what comes next."""
        others = ", ".join(sorted(self.kids - {self.newest}))
        stands = f"{_NEWEST} is {self.newest}, beside it {others or 'none'}"
        if not self.put_back:
            return (
                f"The last change of the code keys was no step of a rotation: {stands}. "
                "Say what to do: --step promote or --step drop."
            )
        said = f"An older version of the code keys was put back: {stands}. Say what to do: "
        lost = sorted(self.before[0] - self.kids) if self.before else []
        if lost:
            said += f"--step gives {', '.join(lost)} up, which the newer version has; "
        if not others:
            return f"{said}--step add begins a new rotation."
        return (
            f"{said}--step promote makes codes with {others} from now on, --step drop ends all "
            f"codes that are not made with {self.newest}: wait until they are over."
        )

    def after(self, step: Step) -> dict[str, str]:
        """What the secret holds once a step is done.

        Raises:
            CommandError: it cannot be done now.
        """
        others = sorted(self.kids - {self.newest})
        if step is Step.ADD:
            return {**self.values, self._unused(): _make_key()}
        if not others:
            raise CommandError(f"There is no other key to {step}: `--step add` first.")
        if step is Step.DROP:
            return {_NEWEST: self.newest, self.newest: self.values[self.newest]}
        if self.added is None and len(others) > 1:
            raise CommandError(f"Which of {', '.join(others)} is new? Drop the old ones first.")
        return {**self.values, _NEWEST: self.added or others[0]}

    def replaced(self) -> dict[str, str]:
        """A new key alone: what was made with the others is worth nothing any more."""
        kid = self._unused()
        return {_NEWEST: kid, kid: _make_key()}

    def _unused(self) -> str:
        """The id after the newest one's: it comes round after 36 rotations."""
        begin = _KIDS.index(self.newest) + 1
        known = self.kids | (self.before[0] if self.before else frozenset())
        return next(kid for kid in _KIDS[begin:] + _KIDS[:begin] if kid not in known)


class KeysSecret:
    """The secret of a stack's code keys.

    Args:
        secret_id: its ARN.
    """

    def __init__(self, secret_id: str) -> None:
        self._client = secrets_manager()
        self._id = secret_id

    def read(self) -> Keys:
        """What it holds now.

        Raises:
            ConfigurationError: it has not the form it should have.
        """
        current = self._client.get_secret_value(SecretId=self._id)
        values = _read_object(current)
        parse_code_keys(self._id, values)
        made, version = _made(current), current["VersionId"]
        previous = self._previous()
        if previous is None:
            return Keys(version, made, None, values)
        older = _read_object(previous)
        before = frozenset(older) - {_NEWEST}, str(older.get(_NEWEST))
        # A version that is put back keeps its date: the one it took the place of was there after.
        changed = max(made, _made(previous))
        return Keys(version, changed, before, values, put_back=made < changed)

    def _previous(self) -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = self._client.get_secret_value(
                SecretId=self._id, VersionStage=_PREVIOUS
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _GONE:
                raise
            return None
        return found

    def write(self, seen: Keys, values: Mapping[str, str]) -> None:
        """Put other values in place of those that were seen.

        Raises:
            CommandError: somebody else has changed them since; nothing is changed.
        """
        parse_code_keys(self._id, dict(values))
        version = str(uuid.uuid4())
        self._client.put_secret_value(
            SecretId=self._id,
            SecretString=json.dumps(values),
            ClientRequestToken=version,  # repeated after a lost reply, it is the same version
            VersionStages=[_PENDING],
        )
        try:  # the one write that counts: it names what it takes the place of
            self._client.update_secret_version_stage(
                SecretId=self._id,
                VersionStage=_CURRENT,
                MoveToVersionId=version,
                RemoveFromVersionId=seen.version,
            )
        except ClientError:
            # Said no: to us, or to a repeat of ours whose first reply was lost.
            holder = self._client.get_secret_value(SecretId=self._id)["VersionId"]
            if holder == seen.version:
                raise
            if holder != version:
                raise CommandError(
                    "Somebody else changed the code keys just now; nothing was changed by you. "
                    "`verifyctl keys show` says where they stand."
                ) from None


@valueclass
class Waits:
    """Milliseconds before a step is safe.

    Args:
        caches: until every process knows what the secret says.
        codes: the longest that a code is valid.
    """

    caches: int
    codes: int

    def due(self, keys: Keys) -> int:
        """When the next step is; epoch milliseconds."""
        waits = {Step.PROMOTE: self.caches, Step.DROP: self.caches + self.codes}
        return keys.changed + (waits.get(keys.next_step, 0) if keys.next_step else 0)


def show_keys(arguments: argparse.Namespace) -> dict[str, Any]:
    """Show the ids of the code keys, and which step of a rotation comes next; never a key."""
    return _show(_secret(arguments).read(), _waits(arguments))


def rotate_keys(arguments: argparse.Namespace) -> dict[str, Any]:
    """Rotate the code keys, waits included: add, promote, drop. Run again, it goes on."""
    secret, waits = _secret(arguments), _waits(arguments)
    if arguments.leaked:
        seen = secret.read()
        secret.write(seen, seen.replaced())
        return _show(secret.read(), waits)
    if arguments.step:
        seen = secret.read()
        secret.write(seen, seen.after(Step(arguments.step)))
        return _show(secret.read(), waits)
    done: list[str] = []
    while Step.DROP.value not in done:
        seen = secret.read()
        step = _due_step(seen)
        due = waits.due(seen)
        if due > now():
            if arguments.no_wait:
                break
            _wait(step, due)
            continue  # the secret may be another by now
        secret.write(seen, seen.after(step))
        done.append(step.value)
    return {"done": done, **_show(secret.read(), waits)}


def _due_step(keys: Keys) -> Step:
    if keys.next_step is None:
        raise CommandError(keys.to_do)
    return keys.next_step


def _wait(step: Step, due: int) -> None:
    began = now()
    about = f"Until {time(due)}, then {step}; Ctrl-C loses nothing"
    with progress(about, due - began) as done:
        while (moment := now()) < due:
            done(moment - began)
            clocks.sleep(min(1, (due - moment) / 1000))


def _show(keys: Keys, waits: Waits) -> dict[str, Any]:
    step = keys.next_step
    shown = {
        "newest": keys.newest,
        "others": sorted(keys.kids - {keys.newest}),
        "changed": time(keys.changed),
        "next_step": step,
        "next_step_safe_from": time(waits.due(keys)) if step in (Step.PROMOTE, Step.DROP) else None,
    }
    return shown if step else shown | {"to_do": keys.to_do}


def _made(version: Mapping[str, Any]) -> int:
    """When a version was made; epoch milliseconds."""
    moment: datetime = version["CreatedDate"]
    return round(moment.timestamp() * 1000)


def _read_object(found: Mapping[str, Any]) -> dict[str, Any]:
    try:
        values = json.loads(found.get("SecretString") or "")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise CommandError("The secret of the code keys is no JSON object.")
    return values


def _make_key() -> str:
    return secrets.token_hex(_KEY_BYTES)


def _secret(arguments: argparse.Namespace) -> KeysSecret:
    return KeysSecret(output(arguments, "CodeKeysSecretArn"))


def _waits(arguments: argparse.Namespace) -> Waits:
    return Waits(arguments.caches * 1000 + _GRACE, arguments.validity * 1000)


def add_commands(commands: Commands) -> None:
    keys = commands.below("keys", "The keys that codes are made with.")
    showing = keys.add("show", show_keys, has_table=False)
    rotating = keys.add("rotate", rotate_keys, has_table=False)
    for parser in (showing, rotating):
        parser.add_argument(
            "--validity",
            type=seconds,
            default=MAX_VALIDITY,
            help="the longest that codes of your clients are valid: 2 days, the most there is",
        )
        parser.add_argument(
            "--caches",
            type=seconds,
            default=MAX_AGE_SECONDS,
            help="how long functions go on with what they read: 5m, unless you changed the code",
        )
    how = rotating.add_mutually_exclusive_group()
    how.add_argument(
        "--no-wait", action="store_true", help="do what is due now, and say when the rest is"
    )
    how.add_argument(
        "--step", choices=[step.value for step in Step], help="this one now, due or not"
    )
    how.add_argument(
        "--leaked",
        action="store_true",
        help="a new key at once in place of all others: codes under way die",
    )
