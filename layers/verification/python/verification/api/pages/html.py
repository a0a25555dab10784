"""The HTML of a page: one document that loads nothing. All that others wrote is escaped."""

from html import escape

from ...domain.page_texts import PAGE_TEXTS, PageTexts
from ...domain.texts import RIGHT_TO_LEFT, choose
from ...domain.verification import Status
from ...operations.page import View
from ...telemetry import mask
from .assets import SCRIPT, STYLE

# What a page may say of the form before, by the short word in its address; nobody's words but ours.
NOTICES = ("wrong", "digits", "resent", "calling", "fault")
_BAD = ("wrong", "digits", "fault")


def draw(view: View, notice: str, form: str, accepted: str | None) -> str:
    """The page of a verification.

    Args:
        notice: one of NOTICES; all else says nothing.
        form: what tells its forms from every other.
        accepted: a language that the browser asks for, where we know of none.
    """
    texts = _texts_for(view, accepted)
    brand = _apart(view.verification.brand)
    head = f'<p class="soft">{brand}</p>\n'
    if view.status == Status.PENDING:
        body = head + _forms(view, texts, notice, form)
        title = texts.title
    else:
        title = {
            Status.VERIFIED: texts.verified,
            Status.FAILED: texts.failed,
            Status.EXPIRED: texts.expired,
            Status.CANCELED: texts.canceled,
        }[view.status]
        body = head + _end(view, texts, title)
    return _document(texts, f"{title} – {view.verification.brand}", body)


def draw_nothing(accepted: str | None) -> str:
    """The page that is not there, the same for all."""
    texts = PAGE_TEXTS[choose(accepted, None).language]
    return _document(texts, texts.missing, f"<h1>{texts.missing}</h1>\n")


def draw_fault(accepted: str | None) -> str:
    """The page while something of ours is out of reach."""
    texts = PAGE_TEXTS[choose(accepted, None).language]
    return _document(texts, texts.fault, f'<h1 class="bad">{texts.fault}</h1>\n')


def _texts_for(view: View, accepted: str | None) -> PageTexts:
    verification = view.verification
    knows = verification.locale or verification.country
    locale = verification.locale if knows else accepted
    return PAGE_TEXTS[choose(locale, verification.country).language]


def _forms(view: View, texts: PageTexts, notice: str, form: str) -> str:
    seen = view.verification
    said = _notice(view, texts, notice)
    is_bad = bool(said) and notice in _BAD[:2]
    to = _apart(mask(seen.to or ""), "ltr")
    described = ' aria-describedby="said left"' if said else ' aria-describedby="left"'
    return (
        f"<h1>{texts.title}</h1>\n"
        f"<p>{texts.sent.replace('{to}', to)}</p>\n"
        f"{said}"
        '<form method="post" id="guess">\n'
        f"{_hidden('action', 'verify')}{_hidden('form', form)}"
        f'<label for="code">{texts.label}</label>\n'
        '<input id="code" name="code" type="text" dir="ltr" inputmode="numeric"'
        f' autocomplete="one-time-code" autocapitalize="off" spellcheck="false" maxlength="64"'
        f' data-length="{seen.code_length}" required autofocus'
        f"{described}{' aria-invalid="true"' if is_bad else ''}>\n"
        f'<button class="main">{texts.confirm}</button>\n</form>\n'
        f'<p class="soft" id="left">{texts.left.replace("{n}", str(seen.attempts_left))}<br>\n'
        f"{_countdown(texts.valid, view.seconds_left, 'until')}</p>\n"
        f"{_again(view, texts)}"
        '<p class="soft" id="live" role="status"></p>\n'
        f"{_link(view, texts.back)}"
    )


def _notice(view: View, texts: PageTexts, notice: str) -> str:
    """What became of the form before; never what the item does not say, too."""
    seen = view.verification
    true = {"wrong": seen.attempts > 0, "resent": seen.sends > 1, "calling": seen.sends > 1}
    if notice not in NOTICES or not true.get(notice, True):
        return ""
    kind, role = ("bad", "alert") if notice in _BAD else ("good", "status")
    return f'<p class="{kind}" role="{role}" id="said">{getattr(texts, notice)}</p>\n'


def _again(view: View, texts: PageTexts) -> str:
    if view.resend_in is None:
        return ""
    wait = ""
    if view.resend_in:
        countdown = _countdown(texts.wait, view.resend_in)
        wait = f'<p class="soft" id="wait">{countdown}</p>\n'
    ways = [("resend", texts.again)] + ([("call", texts.call)] if view.call_too else [])
    forms = (
        f'<form method="post">\n{_hidden("action", action)}'
        f'<button class="again">{text}</button>\n</form>\n'
        for action, text in ways
    )
    return wait + "".join(forms)


def _end(view: View, texts: PageTexts, title: str) -> str:
    if view.status == Status.VERIFIED:
        return f'<h1 class="good">{title}</h1>\n{_link(view, texts.go_on)}'
    return f'<h1 class="bad">{title}</h1>\n<p>{texts.restart}</p>\n{_link(view, texts.back)}'


def _link(view: View, text: str) -> str:
    return f'<p><a href="{escape(view.return_url)}">{text}</a></p>\n' if view.return_url else ""


def _countdown(text: str, seconds: int, name: str = "") -> str:
    shown = f"{seconds // 60}:{seconds % 60:02d}"
    marked = f' id="{name}"' if name else ""
    # A timer is not read out each second (WAI-ARIA 1.2, role timer).
    span = f'<span{marked} role="timer" dir="ltr" data-seconds="{seconds}">{shown}</span>'
    return text.replace("{time}", span)


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{value}">\n'


def _apart(text: str, direction: str = "auto") -> str:
    """A text that may run in another direction than what stands around it."""
    return f'<bdi dir="{direction}">{escape(text)}</bdi>'


def _document(texts: PageTexts, title: str, body: str) -> str:
    direction = "rtl" if texts.language in RIGHT_TO_LEFT else "ltr"
    return (
        f'<!DOCTYPE html>\n<html lang="{texts.language}" dir="{direction}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        '<link rel="icon" href="data:,">\n'  # else browsers ask for one
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
