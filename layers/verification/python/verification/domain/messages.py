"""Messages: a template and a code in, what the provider sends out.

A template is text with `{code}` (once or more), `{brand}` and `{validity_minutes}`; a literal
brace is written twice. It is caller's input, so it is read here and never by `str.format`, which
would follow attributes.

The last line of an SMS can say whom the code is for:

- WebOTP: `@domain #code`. The last line must begin with it; what follows on it is ignored
  (WICG, *Origin-bound one-time codes delivered via SMS*, §3).
- Android: the 11 characters that Google's SMS Retriever knows an app by. The message must hold
  them (older versions: end with them) and be at most 140 bytes. Whether bytes of UTF-8 or of the
  SMS are meant is not said, so we keep to both: 140 bytes of UTF-8, and one segment.
- Both, then, on one line: `@domain #code hash`. Each reader finds what it asks for.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from ..valueclass import valueclass
from .codes import MAX_CODE_LENGTH, MIN_CODE_LENGTH
from .gsm7 import segments
from .texts import RIGHT_TO_LEFT, Texts

MAX_SEGMENTS = 3  # SMS that one message may cost
MAX_CHARACTERS = 2000  # of a template, and of a text made of it
MAX_SUBJECT = 150  # characters; RFC 5322 §2.1.1 asks for lines of 78 and allows 998
MAX_BRAND = 20  # characters; with more, some default texts no longer fit one segment
MAX_VALIDITY = 172_801  # seconds; MessageBird's bound, the longest of all (DESIGN.md, *Numbers*)
MAX_HOST = 253  # characters; RFC 1035 §2.3.4 less the root
ANDROID_BYTES = 140  # Google, "Perform SMS Verification on a Server"

_TOKEN = re.compile(r"\{(?P<field>code|brand|validity_minutes)\}|\{\{|\}\}|[^{}]+")
# Control characters, line separators, lone surrogates, and the two overrides of writing direction,
# which would show a code's digits in another order.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff]")
_ESCAPES = str.maketrans(
    # As html.escape; importing that module costs every cold start 2 ms for its table of entities.
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Letters, digits, hyphens (RFC 1123 §2.1); the last label has a letter, so no IPv4 address fits.
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?=[0-9-]*[A-Za-z]){_LABEL}")
_ANDROID_HASH = re.compile(r"[A-Za-z0-9+/]{11}")
_CODE = re.compile(rf"[0-9]{{{MIN_CODE_LENGTH},{MAX_CODE_LENGTH}}}")
_BODY_STYLE = "margin:24px;font:16px/1.5 sans-serif;color:#1a1a1a;background:#ffffff"
_CODE_STYLE = "font:700 32px/1.5 monospace;letter-spacing:2px;white-space:nowrap"
_SENTENCE_ENDS = (".", "!", "?", "。", "।", "؟")


class TemplateError(ValueError):
    """Something in a message was refused.

    Args:
        field: template, subject, brand, webotp_domain or android_hash.
        message: one sentence that names the bound.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@valueclass
class Message:
    """What a provider sends. `subject` and `html` are for e-mail alone."""

    text: str
    subject: str | None = None
    html: str | None = None


@valueclass(kw_only=True)
class Content:
    """All that goes into a message but the code.

    Args:
        texts: the default texts, of which `template` and `subject` replace one each.
        brand: 1 to 20 characters.
        validity: seconds, 1 to 172,801.
        template: at most 2,000 characters.
        subject: may hold the same fields as a template; need not hold `{code}`.
        webotp_domain: the host name of the site that asks for the code; SMS only.
        android_hash: the app's 11 characters; SMS only.
        max_segments: how many SMS one message may cost.
        placeholder: stands where the code would, for a provider that puts its own there.
    """

    texts: Texts
    brand: str
    validity: int
    template: str | None = None
    subject: str | None = None
    webotp_domain: str | None = None
    android_hash: str | None = None
    max_segments: int = MAX_SEGMENTS
    placeholder: str | None = None


@valueclass
class Template:
    """A template that was read.

    Args:
        parts: pairs of a literal and the field that follows it, "" after the last.
    """

    parts: tuple[tuple[str, str], ...]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(field for _, field in self.parts if field)

    def fill(
        self, values: Mapping[str, str], literal: Callable[[str], str] = lambda text: text
    ) -> str:
        """Put the values in, and the literal text through `literal`."""
        filled = {"": "", **values}
        return "".join(literal(text) + filled[field] for text, field in self.parts)


def parse_template(text: str, field: str = "template") -> Template:
    """Read a template.

    Args:
        field: what a TemplateError says was refused.

    Raises:
        TemplateError: it is too long, has a control character or a brace that opens no field.
    """
    if len(text) > MAX_CHARACTERS:
        raise TemplateError(field, f"a {field} may be at most {MAX_CHARACTERS} characters long")
    _refuse_control_characters(text, field)
    parts, literal, at = [], "", 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if not token:
            raise TemplateError(
                field,
                f"a {field} may hold {{code}}, {{brand}} and {{validity_minutes}} only, and "
                f"any other brace twice; character {at + 1} begins something else",
            )
        if token["field"]:
            parts.append((literal, token["field"]))
            literal = ""
        else:
            literal += token[0][0] if token[0] in ("{{", "}}") else token[0]
        at = token.end()
    return Template((*parts, (literal, "")))


def check(channel: str, content: Content, code_length: int = MAX_CODE_LENGTH) -> None:
    """Refuse now what could not be rendered later, with any code and any validity.

    Args:
        channel: sms, voice, email, whatsapp, viber or totp.
        code_length: the longest code there will be.

    Raises:
        TemplateError: as the channel's render function.
    """
    render(channel, "0" * code_length, replace(content, validity=MAX_VALIDITY))


def render(channel: str, code: str, content: Content) -> Message:
    """Render for a channel: sms, voice, email, whatsapp, viber or totp.

    Raises:
        TemplateError: as the channel's render function.
        ValueError: the code or the validity is out of bounds.
    """
    return _RENDERERS[channel](code, content)


def render_sms(code: str, content: Content) -> Message:
    """Render an SMS, with its last line for WebOTP or Android where one is asked for.

    Raises:
        TemplateError: the template, brand, domain or hash is refused, or the message is longer
            than `max_segments`, or with an Android hash than 140 bytes.
        ValueError: the code or the validity is out of bounds.
    """
    text = "\n".join([_text(content.texts.text, code, content), *_last_line(code, content)])
    # A placeholder is as long as it is; what arrives has a code there.
    arriving = text.replace(content.placeholder, code) if content.placeholder else text
    count = segments(arriving)
    if count > content.max_segments:
        raise TemplateError(
            "template",
            f"an SMS may be at most {content.max_segments} segments long; "
            f"with a code of {len(code)} digits this one is {count}",
        )
    size = len(arriving.encode())
    if content.android_hash and (size > ANDROID_BYTES or count > 1):
        raise TemplateError(
            "android_hash",
            f"with an Android hash an SMS may be at most {ANDROID_BYTES} bytes and one segment "
            f"long; this one is {size} bytes and {count}",
        )
    return Message(text)


def render_chat(code: str, content: Content) -> Message:
    """Render for WhatsApp or Viber: as an SMS, without its last line and its segments.

    Raises:
        TemplateError: the template or brand is refused.
        ValueError: the code or the validity is out of bounds.
    """
    return Message(_text(content.texts.text, code, content))


def render_voice(code: str, content: Content) -> Message:
    """Render what is said on the phone: the digits one by one, the sentence twice.

    Raises:
        TemplateError: the template or brand is refused.
        ValueError: the code or the validity is out of bounds.
    """
    spelled = content.placeholder or ", ".join(code)
    sentence = _text(content.texts.spoken, code, content, spelled).strip()
    between = " " if sentence.endswith(_SENTENCE_ENDS) else ". "
    return Message(f"{sentence}{between}{sentence}")


def render_email(code: str, content: Content) -> Message:
    """Render subject, text and HTML.

    Raises:
        TemplateError: the template, subject or brand is refused.
        ValueError: the code or the validity is out of bounds.
    """
    text = _text(content.texts.body, code, content)
    subject = _subject(code, content)
    return Message(text, subject, _document(subject, code, content))


_RENDERERS: Final[Mapping[str, Callable[[str, Content], Message]]] = {
    "sms": render_sms,
    "voice": render_voice,
    "email": render_email,
    "whatsapp": render_chat,
    "viber": render_chat,
    "totp": render_chat,  # an app makes the code; where there is none its vendor sends a message
}


def _text(default: str, code: str, content: Content, spelled: str | None = None) -> str:
    template = _template(default, content)
    values = _values(code, content)
    text = template.fill(values | {"code": spelled or values["code"]})
    if len(text) > MAX_CHARACTERS:
        raise TemplateError(
            "template",
            f"a message may be at most {MAX_CHARACTERS} characters long; this one is {len(text)}",
        )
    return text


def _template(default: str, content: Content) -> Template:
    template = parse_template(default if content.template is None else content.template)
    if "code" not in template.fields:
        raise TemplateError("template", "a template must hold {code} at least once")
    return template


def _subject(code: str, content: Content) -> str:
    subject = content.texts.subject if content.subject is None else content.subject
    text = parse_template(subject, "subject").fill(_values(code, content)).strip()
    if not 1 <= len(text) <= MAX_SUBJECT:
        raise TemplateError(
            "subject", f"a subject has 1 to {MAX_SUBJECT} characters; this one has {len(text)}"
        )
    return text


def _values(code: str, content: Content) -> dict[str, str]:
    if not _CODE.fullmatch(code):
        raise ValueError(f"a code has {MIN_CODE_LENGTH} to {MAX_CODE_LENGTH} digits")
    if not 1 <= content.validity <= MAX_VALIDITY:
        raise ValueError(f"a validity is 1 to {MAX_VALIDITY} seconds")
    if not content.brand.strip() or len(content.brand) > MAX_BRAND:
        raise TemplateError("brand", f"a brand has 1 to {MAX_BRAND} characters, not all spaces")
    _refuse_control_characters(content.brand, "brand")
    minutes = -(-content.validity // 60)  # rounded up: "0 min." would be wrong for 30 s
    return {
        "code": content.placeholder or code,
        "brand": content.brand,
        "validity_minutes": str(minutes),
    }


def _refuse_control_characters(text: str, field: str) -> None:
    one_line = field != "template"  # in a subject, a newline would begin another header
    found = _CONTROL.search(text if one_line else text.replace("\n", " "))
    if found:
        rule = "is one line without" if one_line else "may hold newlines but no other"
        raise TemplateError(
            field,
            f"a {field} {rule} control characters; "
            f"character {found.start() + 1} is U+{ord(found[0]):04X}",
        )


def is_host(text: str) -> bool:
    """Whether an SMS can be bound to a host of this name."""
    return len(text) <= MAX_HOST and bool(_HOST.fullmatch(text))


def _last_line(code: str, content: Content) -> list[str]:
    domain, android_hash = content.webotp_domain, content.android_hash
    words = []
    if domain is not None:
        if not is_host(domain):
            raise TemplateError(
                "webotp_domain",
                "a WebOTP domain is a host name such as example.com: letters, digits and hyphens, "
                f"two labels or more, at most {MAX_HOST} characters, no scheme and no port",
            )
        words += [f"@{domain}", f"#{content.placeholder or code}"]
    if android_hash is not None:
        if not _ANDROID_HASH.fullmatch(android_hash):
            raise TemplateError(
                "android_hash", "an Android hash is 11 characters of A-Z a-z 0-9 + /"
            )
        words.append(android_hash)
    return [" ".join(words)] if words else []


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _document(subject: str, code: str, content: Content) -> str:
    """The HTML of an e-mail: one document that loads nothing and says its language."""
    # <bdi>: the brand may run in the other direction than the text around it.
    values = _values(code, content) | {
        "code": f'<strong dir="ltr" style="{_CODE_STYLE}">{content.placeholder or code}</strong>',
        "brand": f"<bdi>{_escape(content.brand)}</bdi>",
    }
    body = _template(content.texts.body, content).fill(values, _escape).strip()
    paragraphs = "".join(
        f"<p>{paragraph.replace('\n', '<br>\n')}</p>\n" for paragraph in re.split(r"\n{2,}", body)
    )
    language = content.texts.language
    direction = "rtl" if language in RIGHT_TO_LEFT else "ltr"
    return (
        "<!DOCTYPE html>\n"
        f'<html lang="{language}" dir="{direction}">\n'
        '<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escape(subject)}</title>\n</head>\n"
        f'<body style="{_BODY_STYLE}">\n<main>\n{paragraphs}</main>\n</body>\n</html>\n'
    )
