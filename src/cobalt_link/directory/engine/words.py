"""The words of a name, a place, or a query, in the one spelling in which the index compares them.

Accents, case, and punctuation do not count. Common abbreviations of the field stand for their long forms, so that
`St. Luke's Med Ctr` and `saint lukes medical center` are the same words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MOST_WORDS = 24
LONGEST = 24

LONG_FORMS = {
    "assoc": "associates",
    "assocs": "associates",
    "assn": "association",
    "behav": "behavioral",
    "behavioural": "behavioral",
    "cardio": "cardiology",
    "centre": "center",
    "clin": "clinic",
    "cntr": "center",
    "comm": "community",
    "ctr": "center",
    "cty": "county",
    "dept": "department",
    "derm": "dermatology",
    "dr": "doctor",
    "drs": "doctors",
    "endo": "endocrinology",
    "fam": "family",
    "ft": "fort",
    "gastro": "gastroenterology",
    "gen": "general",
    "grp": "group",
    "gyn": "gynecology",
    "gynaecology": "gynecology",
    "hlth": "health",
    "hosp": "hospital",
    "inst": "institute",
    "intl": "international",
    "med": "medical",
    "mem": "memorial",
    "mgmt": "management",
    "mt": "mount",
    "mtn": "mountain",
    "natl": "national",
    "ne": "northeast",
    "neuro": "neurology",
    "nw": "northwest",
    "ophth": "ophthalmology",
    "ortho": "orthopedics",
    "orthopaedic": "orthopedic",
    "orthopaedics": "orthopedics",
    "paediatric": "pediatric",
    "paediatrics": "pediatrics",
    "ped": "pediatric",
    "peds": "pediatrics",
    "phys": "physicians",
    "psych": "psychiatry",
    "reg": "regional",
    "rehab": "rehabilitation",
    "se": "southeast",
    "spec": "specialists",
    "st": "saint",
    "ste": "sainte",
    "surg": "surgery",
    "svc": "services",
    "svcs": "services",
    "sw": "southwest",
    "univ": "university",
}
# Words that every second name has. A name is told by its other words.
_LIGHT = "a an and at by dba dds do dpm for in inc llc llp lp ltd md mph of on pa pc pllc plc pllp the"
LIGHT = frozenset(_LIGHT.split())
STATES = {
    line[:2].lower(): line[3:].lower()
    for line in """AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware
DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|KY Kentucky
LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana
NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|ND North Dakota|OH Ohio
OK Oklahoma|OR Oregon|PA Pennsylvania|PR Puerto Rico|RI Rhode Island|SC South Carolina|SD South Dakota|TN Tennessee
TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|WV West Virginia|WI Wisconsin|WY Wyoming|GU Guam
VI Virgin Islands|AS American Samoa|MP Northern Mariana Islands""".replace("\n", "|").split("|")
}

_APOSTROPHES = re.compile("['‘’‚‛ʹʻʼʽˈˊˋ`´′‵＇ꞌ]")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")
_WORD = re.compile(r"[^\W_]+")
_AND = re.compile(r"[&+]")


def words_of(text: str) -> list[str]:
    """At most 24 words of at most 24 characters: `Children's Hosp. of St. Louis` → childrens hosp of st louis."""
    plain = text.lower()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", plain)).lower()
        plain = "".join(each for each in plain if not unicodedata.combining(each))
    plain = _INITIALS.sub(lambda found: found[0].replace(".", ""), plain.replace("'", ""))
    return [each[:LONGEST] for each in _WORD.findall(_AND.sub(" and ", plain))[:MOST_WORDS]]


def long_forms(words: Sequence[str]) -> list[str]:
    """The words with abbreviations in their long form."""
    return [LONG_FORMS.get(word, word) for word in words]


def folded(text: str) -> str:
    """The one spelling of a name. Two names that are folded to the same text are the same name."""
    return " ".join(long_forms(words_of(text)))


def acronym(words: Sequence[str]) -> str | None:
    """The initials of a name of three to seven words that are not light: hospital for special surgery → hss."""
    heavy = [word for word in words if word not in LIGHT]
    return "".join(word[0] for word in heavy) if 3 <= len(heavy) <= 7 else None


def place_words(city: str, state: str, postal_code: str) -> list[str]:
    """City, state by letters and by name, and ZIP code."""
    found = [*long_forms(words_of(city)), *words_of(state), *words_of(STATES.get(state.lower(), ""))]
    return found + words_of(postal_code)[:1]
