"""Destinations that can belong to nobody: the only ones a test destination may be.

Numbers are of ranges that a regulator publishes for fiction, addresses of domains reserved by
RFC 2606 and RFC 6761. Whatever is not listed is not reserved: a test destination skips the
message, so a real number among them would be proved without its owner.

Left out because two sources did not agree, or none was found: Northern Ireland (Ofcom has
published 028 9018 0xxx and 028 9649 6xxx at different times), toll-free 555-01xx in North
America, Norway (68 05 xx xx), Ireland (020 91x xxxx) and all other countries.
"""

import re

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")

# NANPA, "555 Line Numbers": 555-0100 to 555-0199 are for entertainment and advertising. Area codes
# are [2-9][0-8]X and never X11; toll-free ones (8, then a digit twice) are not of that range.
_NORTH_AMERICA = re.compile(
    r"\+1(?!8(?:00|22|33|44|55|66|77|88)|[2-9]11)[2-9][0-8][0-9]55501[0-9]{2}"
)

# First and last number of each range, both included.
_RANGES = (
    # Ofcom, "Telephone numbers for use in TV and radio drama programmes"
    ("+441134960000", "+441134960999"),  # Leeds
    ("+441144960000", "+441144960999"),  # Sheffield
    ("+441154960000", "+441154960999"),  # Nottingham
    ("+441164960000", "+441164960999"),  # Leicester
    ("+441174960000", "+441174960999"),  # Bristol
    ("+441184960000", "+441184960999"),  # Reading
    ("+441214960000", "+441214960999"),  # Birmingham
    ("+441314960000", "+441314960999"),  # Edinburgh
    ("+441414960000", "+441414960999"),  # Glasgow
    ("+441514960000", "+441514960999"),  # Liverpool
    ("+441614960000", "+441614960999"),  # Manchester
    ("+442079460000", "+442079460999"),  # London
    ("+441914980000", "+441914980999"),  # Tyneside, Durham, Sunderland
    ("+442920180000", "+442920180999"),  # Cardiff
    ("+441632960000", "+441632960999"),  # no area
    ("+447700900000", "+447700900999"),  # mobile
    ("+448081570000", "+448081570999"),  # freephone
    ("+449098790000", "+449098790999"),  # premium rate
    ("+443069990000", "+443069990999"),  # UK-wide
    # ACMA, "Phone numbers for use in TV shows, films and creative works": geographic
    ("+61255500000", "+61255509999"),  # New South Wales, ACT
    ("+61270100000", "+61270109999"),
    ("+61355500000", "+61355509999"),  # Victoria, Tasmania
    ("+61370100000", "+61370109999"),
    ("+61755500000", "+61755509999"),  # Queensland
    ("+61770100000", "+61770109999"),
    ("+61855500000", "+61855509999"),  # South and Western Australia, Northern Territory
    ("+61870100000", "+61870109999"),
    # Arcep, decision 2018-0881, plan national de numérotation: œuvres audiovisuelles
    ("+33199000000", "+33199009999"),
    ("+33261910000", "+33261919999"),
    ("+33353010000", "+33353019999"),
    ("+33465710000", "+33465719999"),
    ("+33536490000", "+33536499999"),
    ("+33639980000", "+33639989999"),  # mobile
    # PTS, "Telefonnummer till böcker och filmer"
    ("+46313900600", "+46313900699"),  # Göteborg
    ("+46406280400", "+46406280499"),  # Malmö
    ("+46846500400", "+46846500499"),  # Stockholm
    ("+46980319200", "+46980319299"),  # Kiruna
    ("+46701740605", "+46701740699"),  # mobile
    # Bundesnetzagentur, Mitteilung 148/2021 (Amtsblatt 7/2021): Rufnummern für Medienproduktionen
    ("+493023125000", "+493023125999"),  # Berlin
    ("+496990009000", "+496990009999"),  # Frankfurt am Main
    ("+494066969000", "+494066969999"),  # Hamburg
    ("+492214710000", "+492214710999"),  # Köln
    ("+498999998000", "+498999998999"),  # München
    ("+491713920000", "+491713920099"),  # mobile, as are the rest
    ("+4917604069000", "+4917604069099"),
)

_SINGLE_NUMBERS = frozenset(
    (
        # Bundesnetzagentur, Mitteilung 148/2021: the numbers that mobile operators gave one by one
        *("+4915228817386", "+4915228895456", "+4915254599371"),
        *("+491729925904", "+491729968532", "+491729973185", "+491729973186", "+491729980752"),
        *("+491749091317", "+491749464308"),
        # ACMA, as above: mobile
        *("+61491570006", "+61491570110", "+61491570156", "+61491570157", "+61491570158"),
        *("+61491570159", "+61491570313", "+61491570737", "+61491571266", "+61491571491"),
        *("+61491571804", "+61491572549", "+61491572665", "+61491572983", "+61491573087"),
        *("+61491573770", "+61491574118", "+61491574632", "+61491575254", "+61491575789"),
        *("+61491576398", "+61491576801", "+61491577426", "+61491577644", "+61491578148"),
        *("+61491578888", "+61491578957", "+61491579212", "+61491579455", "+61491579760"),
        # ACMA, as above: freephone and local rate
        *("+611800160401", "+611800975707", "+611800975708", "+611800975709", "+611800975710"),
        *("+611800975711", "+611300975707", "+611300975708", "+611300975709", "+611300975710"),
        "+611300975711",
    )
)

# RFC 2606 §2 and §3, RFC 6761 §6.2 and §6.5. Not .invalid: it is for names that must look wrong.
_DOMAINS = (".test", ".example", ".example.com", ".example.net", ".example.org")


def is_reserved(destination: str) -> bool:
    """Whether nobody can hold this destination.

    Args:
        destination: an E.164 number with its plus sign, or an e-mail address.
    """
    local, at, domain = destination.rpartition("@")
    if at:
        return bool(local) and "@" not in local and f".{domain.lower()}".endswith(_DOMAINS)
    return bool(_E164.fullmatch(destination)) and _is_reserved_number(destination)


def _is_reserved_number(number: str) -> bool:
    return (
        number in _SINGLE_NUMBERS
        or bool(_NORTH_AMERICA.fullmatch(number))
        # Of two numbers of one length the greater is also the greater string.
        or any(len(first) == len(number) and first <= number <= last for first, last in _RANGES)
    )
