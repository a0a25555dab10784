"""From what a caller writes to the one spelling of a destination that we know it by."""

import re

import phonenumbers

from ..domain.destination import Destination
from ..domain.reserved import is_reserved
from ..errors import FieldFault, InvalidFields

MAX_E164 = 16  # characters: a + and 15 digits

# What people put between digits. Letters and extensions are not a number a code can go to.
_PHONE = re.compile(r"\+?[0-9(][0-9 ().\-/\u00a0]{3,38}")


def parse_destination(to: str, country: str | None = None) -> Destination:
    """Normalise a phone number (E.164, ITU-T) or an e-mail address (RFC 5322).

    A number must be possible, by its country's lengths, not known to be in use: number plans
    change sooner than our copy of them, and the person who holds it should not wait for us.

    Args:
        to: a number with `+` and country code, or in a country's own spelling, or an address.
        country: ISO 3166-1 alpha-2, for numbers without `+`.

    Raises:
        InvalidFields: neither, or a number without its country.
    """
    text = to.strip()
    return _email(text) if "@" in text else _phone(text, country)


def _phone(text: str, country: str | None) -> Destination:
    if not _PHONE.fullmatch(text):
        raise _fault("is neither a phone number nor an e-mail address")
    if not text.startswith("+") and country is None:
        raise _fault("needs a + and the country code, or the field country")
    if country and country not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidFields(faults=[FieldFault("country", "is not a country with phone numbers")])
    try:
        number = phonenumbers.parse(text, country)
        value = _e164(number)
        again = _e164(phonenumbers.parse(value))
    except phonenumbers.NumberParseException:
        raise _fault("is not a phone number") from None
    # What we answer is what callers send next: read again, it must be the same number. (The
    # library drops a trunk zero, and of several one each time.)
    if again != value:
        raise _fault("is not a phone number")
    possible = phonenumbers.is_possible_number_with_reason(number)
    # Local-only ones are possible, but not to be reached from elsewhere.
    if possible != phonenumbers.ValidationResult.IS_POSSIBLE and not is_reserved(value):
        raise _fault("is not a possible phone number: wrong length or country code")
    if len(value) > MAX_E164:  # plans of countries allow more than ITU-T E.164 §6.2.1
        raise _fault("is not a phone number: too long")
    return Destination(value, _country(number))


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _country(number: phonenumbers.PhoneNumber) -> str | None:
    # A number we do not know the place of still has the main country of its code.
    country = phonenumbers.region_code_for_number(number)
    if country is None and number.country_code is not None:
        country = phonenumbers.region_code_for_country_code(number.country_code)
    return country if country in phonenumbers.SUPPORTED_REGIONS else None


def kind_of(number: str) -> str:
    """What kind of number one in E.164 is; see domain.policy.NUMBER_KINDS."""
    kind = phonenumbers.number_type(phonenumbers.parse(number))
    return phonenumbers.PhoneNumberType.to_string(kind).lower()


def _email(text: str) -> Destination:
    # Imported late: phone numbers are most of what comes.
    from email_validator import EmailNotValidError, validate_email

    try:
        valid = validate_email(
            text,
            check_deliverability=False,
            allow_smtputf8=False,
            strict=True,  # a local part of at most 64 characters (RFC 5321 §4.5.3.1.1)
            test_environment=True,  # .test may be a test destination
        )
    except EmailNotValidError:
        raise _fault("is not an e-mail address that can be reached") from None
    # One mailbox, one spelling: no provider of note tells capitals apart (RFC 5321 §2.4 lets it).
    return Destination(f"{valid.local_part}@{valid.ascii_domain}".lower())


def _fault(message: str) -> InvalidFields:
    return InvalidFields(faults=[FieldFault("to", message)])
