"""Text as people type it, in one spelling.

Phones put full-width letters, invisible characters, and typographic quotes into fields. A copied text brings blanks
and letters in two parts. None of that changes what a person means.
"""

import unicodedata
from urllib.parse import urlsplit

ONE_KIND = dict.fromkeys(map(ord, "‘’‚‛ʹʻʼʽˈˊˋ`´′‵＇ꞌ"), "'") | dict.fromkeys(map(ord, "‐‑‒–—−﹘﹣－"), "-")


def trimmed(text: str) -> str:
    """Without invisible characters (Unicode Cf), and without blanks around it."""
    return "".join(each for each in text if unicodedata.category(each) != "Cf").strip()


def as_typed(text: str) -> str:
    """A username or an address: also with compatible characters in one form (NFKC)."""
    return unicodedata.normalize("NFKC", trimmed(text)).strip()


def as_code(text: str) -> str:
    """A code: also with the decimal digits of any script as 0 to 9."""
    return "".join(str(unicodedata.decimal(each, each)) for each in as_typed(text))


def as_searched(text: str) -> str:
    """A name or a phone that a chart is searched by: also with one kind of apostrophe, hyphen, and blank."""
    # Before and after: NFKC makes a blank and an accent of a lone accent, and a hyphen of some other characters.
    return " ".join(as_typed(text.translate(ONE_KIND)).translate(ONE_KIND).split())


def is_web_url(text: str) -> bool:
    """Whether a URL, such as one from an EHR, is safe as a link: it is http or https, and shows where it leads."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    # Browsers read a backslash as a slash, and the part before an @ is not the host. Both can hide where a link leads.
    is_plain = "\\" not in text and "@" not in parts.netloc and text.isprintable()
    return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname)
