"""Cleans what a published list says, or refuses it with a reason. Lists are written by many hands, and by attackers."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from cobalt_link.developers.addresses import AddressProblem, ehr_address
from cobalt_link.directory import vendors
from cobalt_link.directory.engine.words import STATES
from cobalt_link.directory.entry import Audience, Entry, Level, Listed
from cobalt_link.net import addresses
from cobalt_link.net.errors import AddressRefused

MOST_NAME, MOST_ADDRESS, MOST_OTHER, MOST_ALIASES = 200, 500, 100, 20

Reason: TypeAlias = Literal[
    "no_name",
    "name_too_long",
    "markup",
    "generic_name",
    "test_name",
    "inactive_name",
    "no_address",
    "bad_address",
    "not_https",
    "numeric_address",
    "internal_address",
    "test_address",
    "unreadable",
    "not_fhir",
    "inactive",
]

_MARKUP = re.compile(
    r"<\s*[/!?]|<\s*(a|b|i|p|s|u|br|div|em|form|iframe|img|input|link|meta|object|script|span|strong|style|svg)\b"
    r"|<[^>]*=|javascript:|&#",
    re.IGNORECASE,
)
# "Dream Sleep Testing" is a practice, "Hope Testing" is none.
_TEST = re.compile(
    r"(?<!sleep )(?<!stress )(?<!ear )(?<!hearing )(?<!allergy )(?<!drug )(?<!lab )(?<!genetic )(?<!covid )(?<!and )"
    r"(?<!psychological )(?<!& )\btest(s|er|ing|bed|m|client|facility|clinic|data|lab)?\d*\b(?! centers?\b)"
    r"|\bsand ?box\b|\bdemo\d*\b|\buat\d*\b|\bqa\d*\b|\bpre[- ]?prod\b|\bdummy\b|[-–] ?(dev|development)\b"
    r"|\bdev( server| env|$)"
    r"|\bdev ?\d|\bsample client\b|\bexample (practice|clinic)\b|^test(epic|cerner)",
    re.IGNORECASE,
)
_TEST_JOINED = re.compile(r"[a-z](Test|TEST)(\d|\b)|[a-z]test\d")
_INACTIVE = re.compile(
    r"^z{2,}|\bdo not (use|book)\b|\bdnu\b|\bdon'?t use\b|\binactive\b|^closed\b|\bdelete\b|^default\b", re.IGNORECASE
)
_TEST_HOST = re.compile(
    r"(^|[.-])(test|tst|sandbox|sbx|dev|qa|uat|stage|staging|demo|preview|nonprod)\d*(?=[.-]|$)"
    r"|(^|[.-])(test|sandbox|demo)|(fhir|api|ehr|emr|portal)(test|dev|qa)\d*(?=[.-]|$)|(test|demo|sandbox)\d*\."
)
_TEST_PATH = re.compile(r"(?i:(^|[/_-])(test|sandbox|demo|dev|qa|uat)\d*(?=$|[/_-]))|[a-zA-Z](TEST|Test)(?=$|/)")
_GENERIC_TEXT = (
    "admin|administration|administrative|administrative office|clinic|default|er|facility|home|home visit|home visits"
    "|hospital|house call|house calls|inpatient|location|main|main location|main office|medical|medical office|n/a|none"
    "|nurse visit|nursing home|office|office visit|old office|other|patient home|phone visit|practice|primary"
    "|primary office|provider|surgery|telehealth|telehealth visit|telemedicine|test|unknown|virtual|virtual clinic"
    "|virtual visit"
)
_GENERIC = frozenset(_GENERIC_TEXT.split("|"))
_SUFFIXES = PublicSuffixList(accept_unknown=False)
_STATE_NAMES = {name.lower(): letters.upper() for letters, name in STATES.items()}


def cleaned(listed: Listed, *, vendor: str | None = None, audience: Audience | None = None) -> Entry | Reason:
    """The entry, or why it is refused. `vendor` and `audience` count for entries that do not say their own."""
    name = plain_text(listed.name, MOST_NAME + 1)
    if reason := _name_problem(name):
        return reason
    address = clean_address(listed.address)
    if address in get_args(Reason):
        return address  # type: ignore[return-value]
    return _entry(listed, name, address, vendor, audience)


def trusted(listed: Listed) -> Entry | Reason:
    """The entry of an operator who allows private networks: any web address, and any name that can be shown."""
    name = plain_text(listed.name, MOST_NAME + 1)
    if (reason := _name_problem(name)) and reason not in ("test_name", "generic_name", "inactive_name"):
        return reason
    try:
        address = ehr_address(str(listed.address))
    except AddressProblem:
        return "bad_address"
    return _entry(listed, name, address, None, None)


def _entry(listed: Listed, name: str, address: str, vendor: str | None, audience: Audience | None) -> Entry:
    own = _without_markup(listed.vendor)
    said = vendors.vendor_named(own) or own or vendor or vendors.vendor_at(address) or vendors.OTHER
    kind: Audience = (
        "provider" if listed.audience == "provider" else "patient" if listed.audience == "patient" else "unknown"
    )
    level: Level = "location" if listed.level == "location" else "brand" if listed.level == "brand" else "org"
    return Entry(
        name=name,
        vendor=said,
        address=address,
        tenant=plain_text(listed.tenant, MOST_OTHER),
        product=_without_markup(listed.product),
        city=_without_markup(listed.city),
        state=_state(_without_markup(listed.state)),
        postal_code=_without_markup(listed.postal_code)[:20],
        level=level,
        audience=kind if kind != "unknown" else audience or vendors.audience_at(address),
        aliases=_aliases(listed.aliases, name),
    )


def plain_text(value: object, most: int) -> str:
    """At most so many characters of one line, without control characters and without marks that turn the direction of
    text around. What is no text or number is ""."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    text = value[: most * 8]
    if "&" in text:
        text = html.unescape(text)
    if not text.isprintable() or not text.isascii():
        kept = (each if unicodedata.category(each)[0] != "C" else _blank(each) for each in text)
        text = unicodedata.normalize("NFC", "".join(kept))
    return " ".join(text.split()).strip('"').strip()[:most]


def clean_address(value: object) -> str:
    """A FHIR base URL with https and a public host name, in one spelling; or the reason why it is none."""
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        return "no_address"
    if len(text) > MOST_ADDRESS or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return "bad_address"
    try:
        target = addresses.parse(text)
        parts = urlsplit(text)
    except (AddressRefused, ValueError):
        return "bad_address"
    if target.scheme != "https":
        return "not_https"
    if parts.query or parts.fragment or "<" in text or '"' in text or "'" in text:
        return "bad_address"
    if target.host.replace(".", "").isdigit() or ":" in target.host:
        return "numeric_address"
    if not _SUFFIXES.privatesuffix(target.host):
        return "internal_address"
    address = f"{target.where}{parts.path}"
    if vendors.is_test_address(address) or _TEST_HOST.search(target.host) or _TEST_PATH.search(parts.path):
        return "test_address"
    return address


def _name_problem(name: str) -> Reason | None:
    if len(name) > MOST_NAME:
        return "name_too_long"
    if not any(each.isalpha() for each in name):
        return "no_name"
    if _MARKUP.search(name):
        return "markup"
    if name.lower().strip(" .") in _GENERIC or len(name) < 2:
        return "generic_name"
    if _INACTIVE.search(name):
        return "inactive_name"
    return "test_name" if _TEST.search(name.replace("_", " ")) or _TEST_JOINED.search(name) else None


def _aliases(values: tuple[object, ...], name: str) -> tuple[str, ...]:
    found = dict.fromkeys(plain_text(each, MOST_NAME) for each in values[:MOST_ALIASES])
    return tuple(each for each in found if each and each != name and not _MARKUP.search(each))


def _without_markup(value: object) -> str:
    text = plain_text(value, MOST_OTHER)
    return "" if _MARKUP.search(text) else text


def _state(text: str) -> str:
    short = text.upper() if len(text) == 2 else _STATE_NAMES.get(text.lower(), text)
    return short[:40]


def _blank(character: str) -> str:
    """A control character parts words. A mark of direction or width does not."""
    return " " if unicodedata.category(character) == "Cc" else ""
