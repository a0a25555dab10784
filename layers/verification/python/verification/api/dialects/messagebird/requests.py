"""MessageBird's parameters, read as leniently as its own clients need.

Their names in any case (`datacoding`, `dataCoding`); numbers as numbers or digits in a text; words
in any case, with `_` or `-` (the Java client says `NL_NL` and `MALE`). Null and an empty text are
as good as nothing. What is unknown is ignored.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from ....domain.codes import normalise_guess
from ....domain.destination import Destination
from ....domain.messages import MAX_SUBJECT, MAX_VALIDITY
from ....domain.spoken import DEFAULT_LANGUAGE, LANGUAGES
from ....domain.verification import Channel, Details
from ....errors import FieldFault, InvalidFields
from ....operations.start import StartCommand
from ....operations.verify import VerifyCommand
from ...events import Call
from ...fields import MAX_DESTINATION, one_line
from ...senders import check_sender
from ..templates import read_template
from .errors import Missing

TOKEN = "%token"  # noqa: S105 stands in templates where the code will be

CHANNELS = {
    "sms": Channel.SMS,
    "flash": Channel.SMS,
    "tts": Channel.VOICE,
    "email": Channel.EMAIL,
}
_DATACODINGS = ("plain", "unicode", "auto")
_VOICES = ("male", "female")
_NAMES = {
    name.lower(): name
    for name in (
        *("recipient", "originator", "reference", "type", "template", "datacoding", "timeout"),
        *("tokenLength", "maxAttempts", "voice", "language", "subject", "reportUrl"),
    )
}

_TEMPLATE = f"Your code is: {TOKEN}"
_SUBJECT = "Your OTP token"

_DIGITS = re.compile(r"[0-9]{1,15}")
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,128}")
_VISIBLE = re.compile(r"[!-~]{1,2000}")
_NAMED_ADDRESS = re.compile(r"[^<>]*<(?P<address>[^<>]+@[^<>]+)>")


class Parameters:
    """The parameters of a request, and all that is wrong with them.

    Attributes:
        faults: one for each parameter that was refused.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.faults: list[FieldFault] = []
        self._values: dict[str, Any] = {}
        for spelling, value in fields.items():
            name = _NAMES.get(spelling.lower())
            if name is None or value is None or value == "":
                continue
            if str(self._values.setdefault(name, value)) != str(value):
                self.refuse(name, "given twice, with different values")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def refuse(self, name: str, message: str) -> None:
        self.faults.append(FieldFault(name, message))

    def text(self, name: str) -> str | None:
        """A text as it is, a whole number as a text; None when it is absent or refused."""
        value = self._values.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is not None and not isinstance(value, str):
            self.refuse(name, "should be a text or a whole number")
            return None
        return value

    def line(self, name: str) -> str | None:
        """The same, of one line that is no longer than any destination."""
        text = self.text(name)
        try:
            if text and len(one_line(text)) > MAX_DESTINATION:
                raise ValueError(f"should have at most {MAX_DESTINATION} characters")
        except ValueError as error:
            self.refuse(name, str(error))
            return None
        return text

    def number(self, name: str, *, default: int, lowest: int, highest: int) -> int:
        """A whole number within its bounds."""
        text = self.text(name)
        if text is None:
            return default
        if not _DIGITS.fullmatch(text) or not lowest <= int(text) <= highest:
            self.refuse(name, f"should be {lowest} to {highest}")
            return default
        return int(text)

    def word(self, name: str, words: Collection[str]) -> str | None:
        """One of some words; None when it is absent or refused."""
        text = self.text(name)
        word = text and text.lower().replace("_", "-")
        if word and word not in words:
            self.refuse(name, f"should be one of {', '.join(words)}")
            return None
        return word

    def matching(self, name: str, pattern: re.Pattern[str], message: str) -> str | None:
        """A text of one form; None when it is absent or refused."""
        text = self.text(name)
        if text and not pattern.fullmatch(text):
            self.refuse(name, message)
            return None
        return text


def read_start(call: Call, test_code: str | None) -> StartCommand:
    """What POST /verify asks for.

    Args:
        test_code: what verifies it when the call is a test.

    Raises:
        InvalidFields: some parameters are wrong; all of them are named.
    """
    parameters = Parameters(call.fields)
    kind = parameters.word("type", CHANNELS)
    if kind is None and "type" not in parameters:
        kind = "sms"
    channel = CHANNELS[kind] if kind else None
    to = _recipient(parameters, channel)
    sender = _originator(parameters, call, channel)
    reference = parameters.matching(
        "reference", _REFERENCE, "should be 1 to 128 letters and digits"
    )
    template = _template(parameters)
    # Providers choose the encoding that the text needs: nothing is ever replaced in it.
    parameters.word("datacoding", _DATACODINGS)
    timeout = parameters.number("timeout", default=30, lowest=30, highest=MAX_VALIDITY)
    length = parameters.number("tokenLength", default=6, lowest=6, highest=10)
    attempts = parameters.number("maxAttempts", default=1, lowest=1, highest=10)
    voice = parameters.word("voice", _VOICES)
    language = parameters.word("language", LANGUAGES) or DEFAULT_LANGUAGE
    subject = parameters.text("subject") or _SUBJECT
    if len(subject) > MAX_SUBJECT:  # also where it is of no use, as the document says
        parameters.refuse("subject", f"should be 1 to {MAX_SUBJECT} characters")
    _check_report_url(parameters)
    if parameters.faults or to is None or channel is None:
        raise InvalidFields(faults=parameters.faults)
    is_email = channel == Channel.EMAIL
    return StartCommand(
        client=call.client,
        to=to,
        channel=channel,
        code_length=length,
        validity=timeout,
        max_attempts=attempts,
        max_sends=1,
        request=b"",  # told apart under an idempotency key only, and MessageBird has none
        details=Details(
            template=read_template(template, TOKEN),
            subject=read_template(subject, TOKEN) if is_email else None,
        ),
        sender=sender,
        flash=kind == "flash",
        voice=voice if channel == Channel.VOICE else None,
        test_code=test_code if call.test else None,
        locale=language,
        reference=reference,
    )


def _recipient(parameters: Parameters, channel: Channel | None) -> Destination | None:
    # Imported late: number plans are large, and guesses need none.
    from ...destinations import parse_destination

    if "recipient" not in parameters:
        parameters.faults.append(Missing("recipient", "is required"))
        return None
    text = parameters.line("recipient")
    if text is None:
        return None
    text = _bare(text)
    try:
        to = parse_destination(text if "@" in text or text.startswith("+") else f"+{text}")
    except InvalidFields as error:
        parameters.refuse("recipient", error.faults[0].message)
        return None
    if channel and channel not in to.channels:
        wanted = "an e-mail address" if channel == Channel.EMAIL else "a phone number"
        parameters.refuse("recipient", f"should be {wanted} for this type")
    return to


def _originator(parameters: Parameters, call: Call, channel: Channel | None) -> str | None:
    text = parameters.line("originator")
    if not text or channel is None:
        return None
    text = _bare(text)
    sender = f"+{text}" if _DIGITS.fullmatch(text) else text
    try:
        check_sender(sender, channel)
    except InvalidFields as error:
        parameters.refuse("originator", error.faults[0].message)
        return None
    if not call.client.may_send_as(sender):
        parameters.refuse("originator", "is not one of this client's")
    return sender


def _bare(text: str) -> str:
    """Without the name in `Ann Other <ann@example.com>`, as examples for the PHP client have it."""
    named = _NAMED_ADDRESS.fullmatch(text)
    return (named["address"] if named else text).strip()


def _template(parameters: Parameters) -> str:
    template = parameters.text("template") or _TEMPLATE
    if TOKEN not in template:
        parameters.refuse("template", f"should hold {TOKEN}")
    return template


def _check_report_url(parameters: Parameters) -> None:
    """An address that is right, and not used: clients get no reports of ours yet."""
    url = parameters.text("reportUrl")
    if not url:
        return
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # brackets that are no IPv6 address
        fits = False
    if not fits or not _VISIBLE.fullmatch(url):
        parameters.refuse("reportUrl", "should be an http or https URL of at most 2000 characters")


def read_token(call: Call) -> VerifyCommand | None:
    """The guess that GET /verify/{id}?token=… is; None when it cannot be a code."""
    code = normalise_guess(call.fields["token"])
    return VerifyCommand(call.client.id, call.verification_id, code) if code else None
