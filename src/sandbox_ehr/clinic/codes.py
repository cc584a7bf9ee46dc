"""The form of the codes that a chart takes. Only their form: this EHR has no list of them."""

from typing import Annotated

import msgspec

# Letter, digit, letter or digit, then up to four more after a dot: ICD-10-CM Official Guidelines, section I.A.
Icd10 = Annotated[str, msgspec.Meta(pattern=r"^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$")]
# Five digits, or four and F, T or U (CPT categories II, III and PLA), or a letter and four digits (HCPCS level II).
Cpt = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{4}[0-9FTU]|[A-V][0-9]{4})$")]


def is_npi(text: str) -> bool:
    """Ten digits whose last one checks the others: Luhn over 80840 and the NPI (45 CFR 162.406, ISO/IEC 7812)."""
    if len(text) != 10 or not text.isascii() or not text.isdigit():
        return False
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(f"80840{text}"))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
