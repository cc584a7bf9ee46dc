"""Lists of organizations to search in: the real one where it is beside the repository, made-up ones else, and either
repeated with changes up to a million rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path
from random import Random

import msgspec

from cobalt_link.directory.cleaning import cleaned
from cobalt_link.directory.entry import Entry, Listed
from cobalt_link.directory.reading.files import opened
from cobalt_link.directory.reading.tables import table_rows

DATA = Path(__file__).parents[2] / "shared/data/directory"
REAL, QUERIES, ALIASES = DATA / "endpoints.tsv.gz", DATA / "queries.tsv", DATA / "aliases.tsv"

FIRST = ("Aldo", "Birchwood", "Cedar", "Dunmore", "Elmfield", "Fairhaven", "Glenrock", "Harlan", "Ivydale", "Juniper")
SECOND = ("Bay", "Creek", "Falls", "Grove", "Heights", "Lake", "Meadow", "Park", "Ridge", "Springs", "Valley", "View")
KIND = ("Cardiology", "Clinic", "Dental Care", "Family Medicine", "Medical Center", "Orthopedics", "Urology Associates")
CITIES = (("Springfield", "IL"), ("Portland", "OR"), ("Austin", "TX"), ("Albany", "NY"), ("Macon", "GA"))


def listed(most: int = 2_000_000) -> list[Entry]:
    """The real list, or 840 made-up organizations where it is absent."""
    if not REAL.exists():
        return list(_made_up())[:most]
    with opened(REAL) as file:
        found = (cleaned(each) for each in table_rows(file) if isinstance(each, Listed))
        return list(islice((each for each in found if isinstance(each, Entry)), most))


def repeated(entries: Sequence[Entry], rows: int, seed: int = 9) -> Iterator[Entry]:
    """The list again and again until there are so many rows. Later copies have another word in the name, another
    place, and an EHR of their own."""
    random = Random(seed)
    words = sorted({word for each in entries for word in each.name.split() if len(word) > 3})
    for number in range(rows):
        copy, place = divmod(number, len(entries))
        each = entries[place]
        yield _changed(each, copy, random.choice(words), random) if copy else each


def _changed(each: Entry, copy: int, word: str, random: Random) -> Entry:
    words = each.name.split()
    words[random.randrange(len(words))] = f"{word[:-1]}{random.choice('aeiorstln')}" if copy % 3 == 0 else word
    city, state = random.choice(CITIES)
    return msgspec.structs.replace(
        each, name=" ".join(words), city=city, state=state, address=f"{each.address}{copy}/", tenant=each.tenant
    )


def _made_up() -> Iterator[Entry]:
    for number, (first, second, kind) in enumerate(product(FIRST, SECOND, KIND)):
        city, state = CITIES[number % len(CITIES)]
        address = f"https://ehr{number}.example.org/api/FHIR/R4/"
        yield Entry(name=f"{first} {second} {kind}", vendor="Epic", address=address, city=city, state=state)
