"""Texts, templates, and what is made of them for each channel."""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verification.domain.gsm7 import encoding_of, segments
from verification.domain.messages import (
    MAX_BRAND,
    MAX_VALIDITY,
    Content,
    Message,
    TemplateError,
    check,
    parse_template,
    render,
)
from verification.domain.texts import LANGUAGE_OF_COUNTRY, RIGHT_TO_LEFT, TEXTS, Texts, choose

CHANNELS = ("sms", "voice", "email", "whatsapp", "viber")
EN = Content(texts=TEXTS["en"], brand="Acme", validity=300)
HASH = "FA+9qCX9VSu"
FIELDS = re.compile(r"\{([^}]*)\}")

each_language = pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS)


# Default texts

SCRIPTS = {
    "CYRILLIC": "bg ru uk",
    "GREEK": "el",
    "ARABIC": "ar fa",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "HIRAGANA KATAKANA CJK": "ja",
    "HANGUL": "ko",
    "THAI": "th",
    "CJK": "zh zh-Hant",
}
SCRIPTS_OF = {
    language: set(scripts.split())
    for scripts, languages in SCRIPTS.items()
    for language in languages.split()
}
GSM7 = set("da de en es et fi fr hr id it lt ms nb nl pl ro sl sv".split())


def written(texts: Texts) -> tuple[str, str, str, str]:
    return (texts.text, texts.subject, texts.body, texts.spoken)


def test_there_are_the_languages_we_promise() -> None:
    promised = (
        "en de fr es it nl pt pl cs sv da nb fi et lv lt tr ru uk el ro hu ar he hi ja ko zh id vi"
    )
    assert set(promised.split()) <= set(TEXTS)
    assert all(language == texts.language for language, texts in TEXTS.items())
    assert set(TEXTS) >= RIGHT_TO_LEFT == {"ar", "fa", "he"}


@each_language
def test_each_text_has_its_fields_once_and_no_other(texts: Texts) -> None:
    assert sorted(FIELDS.findall(texts.text)) == ["brand", "code", "validity_minutes"]
    assert sorted(FIELDS.findall(texts.body)) == ["brand", "code", "validity_minutes"]
    assert sorted(FIELDS.findall(texts.spoken)) == ["brand", "code"]
    assert FIELDS.findall(texts.subject) == ["brand"]


@each_language
def test_the_code_comes_first(texts: Texts) -> None:
    assert texts.text.startswith("{code}")
    assert texts.body.startswith("{code}")
    assert not texts.text[len("{code}")].isalnum()


@each_language
def test_an_sms_is_one_segment(texts: Texts) -> None:
    content = replace(EN, texts=texts, brand="B" * MAX_BRAND, validity=MAX_VALIDITY)
    text = render("sms", "123456", content).text
    assert encoding_of(text) == ("gsm7" if texts.language in GSM7 else "ucs2")
    assert segments(text) == 1


@each_language
def test_a_body_is_the_code_and_then_the_warning(texts: Texts) -> None:
    first, warning = texts.body.split("\n\n")
    assert "{" in first and "{" not in warning
    assert len(warning) > 25  # never to give the code away takes that long even in Chinese


@each_language
def test_a_text_is_of_one_script_and_tidy(texts: Texts) -> None:
    scripts = SCRIPTS_OF.get(texts.language, {"LATIN"})
    for text in written(texts):
        letters = [c for c in FIELDS.sub("", text) if c.isalpha() and c != "ー"]
        assert {unicodedata.name(c).split()[0] for c in letters} <= scripts
        assert text == text.strip() == unicodedata.normalize("NFC", text)
        assert "  " not in text


def test_no_two_languages_say_the_same() -> None:
    # Languages may share a subject; a whole record twice is a slip of the clipboard.
    assert len({written(texts) for texts in TEXTS.values()}) == len(TEXTS)
    assert len({texts.body for texts in TEXTS.values()}) == len(TEXTS)


@each_language
@pytest.mark.parametrize("channel", CHANNELS)
def test_each_text_renders_on_each_channel(texts: Texts, channel: str) -> None:
    message = render(channel, "123456", replace(EN, texts=texts))
    shown = "1, 2, 3, 4, 5, 6" if channel == "voice" else "123456"
    assert message.text.count(shown) == (2 if channel == "voice" else 1)
    assert "Acme" in message.text
    for part in (message.text, message.subject or "", message.html or ""):
        assert not re.search(r"[{}]", part)


@pytest.mark.parametrize(
    ("locale", "country", "language"),
    [
        (None, None, "en"),
        ("", "", "en"),
        ("de", None, "de"),
        ("DE-ch", "FR", "de"),
        ("pt-BR", None, "pt"),
        ("pt_PT", None, "pt"),
        ("nb-no", "DE", "nb"),
        ("no", None, "nb"),
        ("nn-NO", None, "nb"),
        ("iw", None, "he"),
        ("in-ID", None, "id"),
        ("mo", None, "ro"),
        ("zh", None, "zh"),
        ("zh-CN", "TW", "zh"),
        ("zh_HK", None, "zh-Hant"),
        ("zh-TW", None, "zh-Hant"),
        ("zh-Hant-MO", None, "zh-Hant"),
        ("zh-Hans-HK", None, "zh"),
        ("zh-hant", None, "zh-Hant"),
        (None, "ES", "es"),
        (None, "es", "es"),
        (None, "TW", "zh-Hant"),
        (None, "BR", "pt"),
        (None, "CH", "en"),
        (None, "IN", "en"),
        (None, "ZZ", "en"),
        ("tlh", "DE", "de"),
        ("x-private", None, "en"),
        ("{code}\x00", "NL", "nl"),
    ],
)
def test_choose(locale: str | None, country: str | None, language: str) -> None:
    assert choose(locale, country) is TEXTS[language]


def test_countries() -> None:
    assert all(re.fullmatch("[A-Z]{2}", country) for country in LANGUAGE_OF_COUNTRY)
    assert set(LANGUAGE_OF_COUNTRY.values()) == set(TEXTS) - {"hi"}  # India has many languages
    assert len(LANGUAGE_OF_COUNTRY) == 112  # a country named twice would make them fewer
    assert not {"BE", "CA", "CH", "IN", "ZA", "SG"} & set(LANGUAGE_OF_COUNTRY)


# What each channel gets


def test_sms() -> None:
    assert render("sms", "042195", EN) == Message(
        "042195 is your Acme verification code. Valid for 5 min."
    )


@pytest.mark.parametrize("channel", ["whatsapp", "viber"])
def test_chat_has_no_last_line_and_no_segments(channel: str) -> None:
    content = replace(EN, webotp_domain="example.com", android_hash=HASH, max_segments=1)
    long = replace(content, template="{code}" + "x" * 1000)
    assert render(channel, "042195", content) == render("sms", "042195", EN)
    assert render(channel, "042195", long).text == "042195" + "x" * 1000


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (None, "Your Acme verification code is 0, 4, 2, 1. " * 2),
        ("Code {code}", "Code 0, 4, 2, 1. " * 2),
        ("{code} it is!\n", "0, 4, 2, 1 it is! " * 2),
    ],
)
def test_voice_says_digits_and_says_them_twice(template: str | None, said: str) -> None:
    message = render("voice", "0421", replace(EN, template=template))
    assert message.text.removesuffix(".") == said.removesuffix(" ").removesuffix(".")
    assert (message.subject, message.html) == (None, None)


class Reader(HTMLParser):
    """Reads a document as a browser would, and remembers what stands in it."""

    VOID = ("meta", "br")

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.said: dict[str, str] = {}
        self.declared = ""
        self.feed(document)
        self.close()
        assert not self.open

    def handle_decl(self, decl: str) -> None:
        self.declared = decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes[tag] = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.said[tag] = self.said.get(tag, "") + data


def read(message: Message) -> Reader:
    assert message.html is not None
    return Reader(message.html)


@each_language
def test_html_is_one_accessible_document(texts: Texts) -> None:
    message = render("email", "042195", replace(EN, texts=texts))
    page = read(message)
    assert page.declared == "DOCTYPE html"
    assert page.attributes["html"] == {
        "lang": texts.language,
        "dir": "rtl" if texts.language in ("ar", "fa", "he") else "ltr",
    }
    assert page.said["title"] == message.subject == texts.subject.replace("{brand}", "Acme")
    assert page.said["strong"] == "042195"
    style = page.attributes["strong"]["style"] or ""
    assert "monospace" in style and "32px" in style
    # The page says what the plain text says, and nothing it says is loaded from elsewhere.
    assert page.said["main"].split() == message.text.split()
    assert set(page.attributes) <= set("html head meta title body main p strong bdi".split())
    assert not re.search(r"url\(|@import|src=|href=|https?:", message.html or "")


def test_email_in_full() -> None:
    content = replace(
        EN, brand="A&B <i>", template="Hi,\n{code} & '{brand}'\n\n\n<b>bye</b>", subject="{code}?"
    )
    message = render("email", "042195", content)
    assert message.subject == "042195?"
    assert message.text == "Hi,\n042195 & 'A&B <i>'\n\n\n<b>bye</b>"
    assert message.html is not None
    main = message.html[message.html.index("<main>") :]
    assert re.sub(r" style=\"[^\"]*\"", "", main) == (
        '<main>\n<p>Hi,<br>\n<strong dir="ltr">042195</strong> &amp; '
        "&#x27;<bdi>A&amp;B &lt;i&gt;</bdi>&#x27;</p>\n"
        "<p>&lt;b&gt;bye&lt;/b&gt;</p>\n</main>\n</body>\n</html>\n"
    )


@given(st.text(max_size=MAX_BRAND))
def test_html_escapes_as_the_standard_library(text: str) -> None:
    try:
        message = render("email", "042195", replace(EN, brand=text))
    except TemplateError:
        return
    assert f"<bdi>{html.escape(text)}</bdi>" in (message.html or "")


@pytest.mark.parametrize(
    ("validity", "minutes"),
    [(1, 1), (59, 1), (60, 1), (61, 2), (300, 5), (172_800, 2880), (172_801, 2881)],
)
def test_validity_is_rounded_up_to_minutes(validity: int, minutes: int) -> None:
    content = replace(EN, validity=validity, template="{code} {validity_minutes}")
    assert render("sms", "0421", content).text == f"0421 {minutes}"


# A placeholder where a provider puts a code of its own

PLACEHOLDERS = ("%token", "{{PIN}}", "<PIN>", "[code]")


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
@pytest.mark.parametrize(
    ("channel", "text"),
    [
        ("sms", "{} is your Acme verification code. Valid for 5 min.\n@example.com #{}"),
        ("voice", "Your Acme verification code is {}. Your Acme verification code is {}."),
        ("whatsapp", "{} is your Acme verification code. Valid for 5 min."),
        ("viber", "{} is your Acme verification code. Valid for 5 min."),
        ("totp", "{} is your Acme verification code. Valid for 5 min."),
    ],
)
def test_a_placeholder_stands_wherever_the_code_would(
    channel: str, text: str, placeholder: str
) -> None:
    content = replace(EN, webotp_domain="example.com", placeholder=placeholder)
    message = render(channel, "042195", content)
    assert message == Message(text.replace("{}", placeholder))


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_an_email_with_a_placeholder_is_that_with_a_code_but_for_it(placeholder: str) -> None:
    content = replace(EN, template="{code}, {{code}} & {brand}: {code}", subject="Use {code}")
    message = render("email", "042195", replace(content, placeholder=placeholder))
    model = render("email", "042195", content)
    assert message.text == f"{placeholder}, {{code}} & Acme: {placeholder}"
    assert message.subject == f"Use {placeholder}"
    assert message.html and model.html and message.html.count(f">{placeholder}</strong>") == 2
    assert "042195" not in str(message)


@each_language
@pytest.mark.parametrize("channel", CHANNELS)
def test_no_language_shows_a_code_beside_the_placeholder(texts: Texts, channel: str) -> None:
    content = replace(EN, texts=texts, webotp_domain="example.com", placeholder="%token")
    message = render(channel, "042195", content)
    for text in (message.text, message.html or message.text):
        assert "042195" not in text and "0, 4, 2" not in text and "%token" in text


# The last line


def parse_origin_bound(message: str) -> tuple[str, str] | None:
    """WICG, *Origin-bound one-time codes delivered via SMS*, §3.2, without embedded origins."""
    line = message.split("\n")[-1]
    host, _, rest = line.partition(" ")
    code = re.split(r"[\t\n\f\r ]", rest)[0]
    if not host.startswith("@") or len(host) < 2 or not code.startswith("#") or len(code) < 2:
        return None
    return host[1:], code[1:]


@pytest.mark.parametrize(
    ("domain", "android_hash", "last"),
    [
        ("example.com", None, "@example.com #042195"),
        (None, HASH, HASH),
        ("example.com", HASH, f"@example.com #042195 {HASH}"),
    ],
)
def test_last_line(domain: str | None, android_hash: str | None, last: str) -> None:
    content = replace(EN, webotp_domain=domain, android_hash=android_hash)
    text = render("sms", "042195", content).text
    assert text == f"042195 is your Acme verification code. Valid for 5 min.\n{last}"
    assert parse_origin_bound(text) == ((domain, "042195") if domain else None)
    assert android_hash is None or (text.endswith(android_hash) and len(text.encode()) <= 140)


@each_language
def test_a_short_brand_leaves_room_for_an_android_hash(texts: Texts) -> None:
    check("sms", replace(EN, texts=texts, brand="B" * 8, android_hash=HASH), code_length=6)


@pytest.mark.parametrize(
    "domain",
    [
        "example.com",
        "EXAMPLE.com",
        "a.b-c.co",
        "xn--bcher-kva.example",
        "1.example",
        "4u.com",
        "a.4u",
        f"{'a' * 63}.com",
        ".".join(["a" * 61] * 4) + ".com",  # 251
        ".".join(["a" * 61] * 4) + ".comma",  # 253
    ],
)
def test_webotp_domains(domain: str) -> None:
    content = replace(EN, webotp_domain=domain)
    assert parse_origin_bound(render("sms", "0421", content).text) == (domain, "0421")


@pytest.mark.parametrize(
    "domain",
    [
        "",
        "localhost",
        "https://example.com",
        "example.com:443",
        "example.com/",
        "example.com.",
        ".example.com",
        "exam ple.com",
        "example.com ",
        "example.com\n",
        "-a.com",
        "a-.com",
        "a..com",
        "a_b.com",
        "bücher.example",
        "10.0.0.1",
        "[::1]",
        "{code}.com",
        f"{'a' * 64}.com",
        ".".join(["a" * 61] * 4) + ".commas",  # 254
    ],
)
def test_other_domains_are_refused(domain: str) -> None:
    with pytest.raises(TemplateError, match="at most 253 characters") as refused:
        render("sms", "0421", replace(EN, webotp_domain=domain))
    assert refused.value.field == "webotp_domain"


@pytest.mark.parametrize(
    "android_hash", ["", HASH[:-1], HASH + "A", "FA-9qCX9VSu", "FA+9qCX9VS=", HASH + "\n"]
)
def test_other_hashes_are_refused(android_hash: str) -> None:
    with pytest.raises(TemplateError, match="11 characters") as refused:
        render("sms", "0421", replace(EN, android_hash=android_hash))
    assert refused.value.field == "android_hash"


@pytest.mark.parametrize(
    ("template", "fits"),
    [
        ("{code}" + "x" * 124, True),  # 4 + 124 + 1 + 11 bytes
        ("{code}" + "x" * 125, False),
        ("{code}" + "é" * 62, True),  # GSM-7, two bytes each in UTF-8
        ("{code}" + "é" * 63, False),
        ("{code}" + "ç" + "x" * 53, True),  # UCS-2: 70 units
        ("{code}" + "ç" + "x" * 54, False),
        ("{code}" + "験" * 41, True),  # three bytes each
        ("{code}" + "験" * 42, False),
    ],
)
def test_an_android_message_has_140_bytes(template: str, fits: bool) -> None:
    content = replace(EN, template=template, android_hash=HASH)
    if fits:
        render("sms", "0421", content)
    else:
        with pytest.raises(TemplateError, match="140 bytes and one segment") as refused:
            render("sms", "0421", content)
        assert refused.value.field == "android_hash"


# What is refused


def rejects(field: str, match: str, act: Callable[[], object]) -> None:
    with pytest.raises(TemplateError, match=match) as refused:
        act()
    assert refused.value.field == field


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("template", "match"),
    [
        ("", "must hold {code}"),
        ("hello {brand}", "must hold {code}"),
        ("{{code}}", "must hold {code}"),
        ("{code} {name}", "character 8 begins"),
        ("{code} {}", "character 8 begins"),
        ("{code} {0}", "character 8 begins"),
        ("{code!r}", "character 1 begins"),
        ("{code:>9}", "character 1 begins"),
        ("{code:}", "character 1 begins"),
        ("{code.__class__}", "character 1 begins"),
        ("{code[0]}", "character 1 begins"),
        ("{ code }", "character 1 begins"),
        ("{CODE}", "character 1 begins"),
        ("{code", "character 1 begins"),
        ("code}", "character 5 begins"),
        ("{code}}", "character 7 begins"),
        ("{code}\x00", r"character 7 is U\+0000"),
        ("{code}\t", r"U\+0009"),
        ("{code}\r\n", r"U\+000D"),
        ("\n{code}\x1b", r"character 8 is U\+001B"),
        ("{code}\x85", r"U\+0085"),
        ("{code}\u2028", r"U\+2028"),
        ("{code}\u202e", r"U\+202E"),
        ("{code}\ud83d", r"U\+D83D"),
        ("{code}" + "x" * 1995, "at most 2000 characters"),
        ("{code}" * 333, "at most 2000 characters long; this one is"),
    ],
)
def test_templates_that_are_refused(channel: str, template: str, match: str) -> None:
    code = "0" * 16
    rejects("template", match, lambda: render(channel, code, replace(EN, template=template)))


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{{code}}}", "{0421}"),
        ("{{{code}", "{0421"),
        ("{{code}} {code}", "{code} 0421"),
        ("{code}{code}", "04210421"),
        ("{brand}{validity_minutes}\n{code}", "Acme5\n0421"),
        ("{{}}{code}", "{}0421"),
    ],
)
def test_templates_that_are_odd_but_right(template: str, text: str) -> None:
    assert render("sms", "0421", replace(EN, template=template)).text == text


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("brand", "match"),
    [
        ("", "1 to 20 characters"),
        ("   ", "1 to 20 characters"),
        ("x" * 21, "1 to 20 characters"),
        ("Ac\nme", r"one line .* U\+000A"),
        ("Ac\x07me", r"U\+0007"),
        ("\u202eemcA", r"U\+202E"),
    ],
)
def test_brands_that_are_refused(channel: str, brand: str, match: str) -> None:
    rejects("brand", match, lambda: render(channel, "0421", replace(EN, brand=brand)))


def test_the_longest_of_everything_is_taken() -> None:
    template = replace(EN, template="{code}" + "x" * 1994)  # 2000 with its braces
    assert render("viber", "0421", template).text == "0421" + "x" * 1994
    filled = replace(EN, template="{code}{code}" + "x" * 1968)  # 2000 with two codes of 16
    assert len(render("viber", "1" * 16, filled).text) == 2000
    brand = replace(EN, brand="B" * 20, template="{code} {brand}")
    assert render("viber", "0421", brand).text == "0421 " + "B" * 20
    for subject in ("x", "x" * 150):
        assert render("email", "0421", replace(EN, subject=subject)).subject == subject


def test_a_brand_is_never_read_as_a_template() -> None:
    text = render("sms", "0421", replace(EN, brand="{code}", template="{brand} {code}")).text
    assert text == "{code} 0421"


@pytest.mark.parametrize(
    ("subject", "match"),
    [
        ("", "1 to 150 characters"),
        ("  ", "1 to 150 characters"),
        ("x" * 151, "1 to 150 characters"),
        ("{brand}" * 40, "has 160"),
        ("Hi\nBcc: all@example.com", r"one line .* U\+000A"),
        ("Hi\r\nBcc: all@example.com", r"U\+000D"),
        ("{name}", "a subject may hold {code}"),
    ],
)
def test_subjects_that_are_refused(subject: str, match: str) -> None:
    rejects("subject", match, lambda: render("email", "0421", replace(EN, subject=subject)))


@pytest.mark.parametrize(
    ("padding", "most", "fits"),
    [
        ("x" * 156, 1, True),
        ("x" * 157, 1, False),
        ("x" * 455, 3, True),
        ("x" * 456, 3, False),
        ("€" * 78, 1, True),
        ("€" * 79, 1, False),
        ("я" * 66, 1, True),
        ("я" * 67, 1, False),
        ("я" * 197, 3, True),
        ("я" * 198, 3, False),
    ],
)
def test_segments_are_bounded(padding: str, most: int, fits: bool) -> None:
    content = replace(EN, template="{code}" + padding, max_segments=most)
    if fits:
        assert segments(render("sms", "0421", content).text) == most
    else:
        too_long = f"at most {most} segments long; with a code of 4 digits this one is {most + 1}"
        rejects("template", too_long, lambda: render("sms", "0421", content))


def test_three_segments_unless_said_otherwise() -> None:
    render("sms", "0421", replace(EN, template="{code}" + "x" * 455))
    too_long = replace(EN, template="{code}" + "x" * 456)
    rejects("template", "at most 3 segments", lambda: render("sms", "0421", too_long))


def test_check_looks_at_the_worst_case() -> None:
    # One segment with a short code and minute, two with the longest.
    code = replace(EN, template="{code}" + "x" * 145, max_segments=1)
    render("sms", "0" * 15, code)
    check("sms", code, code_length=15)
    rejects("template", "code of 16 digits", lambda: check("sms", code))
    minutes = replace(EN, template="{code}{validity_minutes}" + "x" * 153, max_segments=1)
    render("sms", "0421", minutes)
    rejects("template", "this one is 2", lambda: check("sms", minutes, code_length=4))


@pytest.mark.parametrize("code", ["", "123", "1" * 17, "12a4", "１２３４", "1234\n", "12 34"])
def test_a_code_is_4_to_16_digits(code: str) -> None:
    with pytest.raises(ValueError, match="4 to 16 digits"):
        render("sms", code, EN)


@pytest.mark.parametrize("validity", [0, -60, 172_802])
def test_validity_is_bounded(validity: int) -> None:
    with pytest.raises(ValueError, match="1 to 172801 seconds"):
        render("sms", "0421", replace(EN, validity=validity))


# Any text at all

braces = st.lists(
    st.sampled_from(
        "{ } {{ }} {code} {brand} {validity_minutes} {code!r} {brand:x} {0} code \n \x00 é".split(
            " "
        )
    ),
    max_size=12,
).map("".join)
any_text = st.one_of(braces, st.text(max_size=60))
with_code = st.one_of(any_text, any_text.map(lambda text: text + "{code}"))
printable = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="{}"))
likely = st.one_of(any_text, printable.map(lambda text: text[:MAX_BRAND] or "Acme"))


@given(any_text)
def test_a_template_is_read_as_str_format_would_or_refused(text: str) -> None:
    values = {"code": "042195", "brand": "Acme", "validity_minutes": "5"}
    try:
        filled = parse_template(text).fill(values)
    except TemplateError:
        return
    assert filled == text.format(**values)
    assert "{code}" not in filled or "{{code}}" in text


MEANINGS = {"{code}": "042195", "{brand}": "Acme", "{validity_minutes}": "5", "{{": "{", "}}": "}"}
tokens = st.one_of(st.sampled_from(list(MEANINGS)), st.sampled_from(["code", "\n", "é", "🔑", ":"]))


@given(st.lists(tokens, max_size=30))
def test_a_template_of_right_tokens_is_never_refused(written: list[str]) -> None:
    filled = parse_template("".join(written)).fill(
        {"code": "042195", "brand": "Acme", "validity_minutes": "5"}
    )
    assert filled == "".join(MEANINGS.get(token, token) for token in written)


@given(
    st.sampled_from(CHANNELS),
    with_code,
    likely,
    st.one_of(st.none(), likely),
    st.one_of(st.none(), st.just("example.com"), any_text),
    st.one_of(st.none(), st.just(HASH), any_text),
    st.from_regex(r"[0-9]{4,16}", fullmatch=True, alphabet=st.characters(codec="ascii")),
)
def test_any_content_is_rendered_with_its_code_or_refused(
    channel: str,
    template: str,
    brand: str,
    subject: str | None,
    domain: str | None,
    android_hash: str | None,
    code: str,
) -> None:
    content = replace(
        EN,
        template=template,
        brand=brand,
        subject=subject,
        webotp_domain=domain,
        android_hash=android_hash,
    )
    try:
        message = render(channel, code, content)
    except TemplateError as refused:
        assert refused.field in ("template", "brand", "subject", "webotp_domain", "android_hash")
        return
    assert (", ".join(code) if channel == "voice" else code) in message.text
    assert "\n" not in (message.subject or "")
    if message.html is not None:
        assert code in read(message).said["strong"]


@given(with_code, st.integers(4, 16), st.integers(1, MAX_VALIDITY), st.integers(1, 3))
def test_what_was_checked_always_renders(
    template: str, code_length: int, validity: int, most: int
) -> None:
    content = replace(EN, template=template * 8, validity=validity, max_segments=most)
    for channel in CHANNELS:
        try:
            check(channel, content, code_length)
        except TemplateError:
            continue
        for length in range(4, code_length + 1):
            assert render(channel, "7" * length, content).text
