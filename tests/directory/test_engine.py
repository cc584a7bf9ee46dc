"""The parts of the search, each against the slow and obvious way to do the same."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobalt_link.directory.engine.build import build, entries_of
from cobalt_link.directory.engine.index import DirectoryIndex
from cobalt_link.directory.engine.organizations import IndexedEntry, organizations
from cobalt_link.directory.engine.sections import IndexBroken, Sections
from cobalt_link.directory.engine.spelling import FAR, distance_to_start, has_strange_letters, mistakes_in, shortened
from cobalt_link.directory.engine.words import acronym, folded, place_words, words_of
from cobalt_link.directory.entry import Entry

FOLDED = {
    "St. Luke's Med Ctr": "saint lukes medical center",
    "SAINT LUKE’S MEDICAL CENTER": "saint lukes medical center",
    "Mt. Sinai Hosp.": "mount sinai hospital",
    "U.S. Department of Veterans Affairs (VA)": "us department of veterans affairs va",
    "A.B.C. Peds": "abc pediatrics",
    "Smith & Jones, M.D., P.A.": "smith and jones md pa",
    "Ünïcode Süd": "unicode sud",
    "Ortho+Spine": "orthopedics and spine",
    "OB-GYN Associates": "ob gynecology associates",
    "  many\tblanks \n here ": "many blanks here",
    "24/7 Care": "24 7 care",
    "under_score": "under score",
    "Ｆｕｌｌ ｗｉｄｔｈ": "full width",
    "": "",
    "—–…": "",
    "東京 病院": "東京 病院",
}
LETTERS = st.text(alphabet="abcdef", min_size=1, max_size=9)


def test_names_that_people_spell_differently_have_one_folded_form() -> None:
    assert {name: folded(name) for name in FOLDED} == FOLDED
    assert len(words_of("word " * 1000)) == 24 and len(words_of("w" * 1000)[0]) == 24
    assert acronym(words_of("Hospital for Special Surgery")) == "hss"
    assert acronym(words_of("Elm Clinic")) is None and acronym(words_of("a b c d e f g h i j k l")) is None
    assert place_words("Ft. Worth", "TX", "76104-1234") == ["fort", "worth", "tx", "texas", "76104"]


@given(st.text(max_size=80))
def test_folding_a_folded_name_changes_nothing(name: str) -> None:
    once = folded(name)
    assert folded(once) == once


def slow_distance(typed: str, word: str) -> int:
    """The fewest mistakes to any beginning of a word (optimal string alignment), by the textbook."""
    rows = [list(range(len(word) + 1))]
    for i in range(1, len(typed) + 1):
        row = [i]
        for j in range(1, len(word) + 1):
            best = min(
                rows[i - 1][j] + 1,
                row[j - 1] + 1,
                rows[i - 1][j - 1] + (typed[i - 1] != word[j - 1]),
            )
            if i > 1 and j > 1 and typed[i - 1] == word[j - 2] and typed[i - 2] == word[j - 1]:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return min(rows[-1])


@given(LETTERS, LETTERS, st.integers(0, 2))
def test_the_quick_distance_is_the_slow_one_and_no_near_word_is_passed_over(typed: str, word: str, most: int) -> None:
    real = slow_distance(typed, word)
    mistakes, length = distance_to_start(typed, word, most)
    assert mistakes == (real if real <= most else FAR)
    if mistakes != FAR:
        assert slow_distance(typed, word[:length]) == real
        assert not has_strange_letters(typed, word, most)
        assert (
            shortened(typed, most) & {form for end in range(len(word) + 1) for form in shortened(word[:end], most)}
            or len(typed) <= most
        )


def test_short_words_and_numbers_are_taken_as_typed() -> None:
    typed = {"abc": 0, "90210": 0, "mayo": 1, "clinic": 1, "hopkins": 2}
    assert {word: mistakes_in(word) for word in typed} == typed


# What an index is made of
# ----------------------------------------------------------------------------------------------

TREES = "ash birch cedar elm fir gum hazel ivy juniper kapok larch maple north oak pine"
WORDS = TREES.split()
Made = Callable[[list[Entry]], DirectoryIndex]


def lines(entries: list[Entry]) -> list[bytes]:
    rows = [
        IndexedEntry(
            key=each.key,
            name=each.name,
            vendor=each.vendor,
            address=each.address,
            city=each.city,
            state=each.state,
            postal_code=each.postal_code,
            level=each.level,
            audience=each.audience,
            pinned=False,
            aliases=each.aliases,
        )
        for each in sorted(entries, key=lambda each: (each.vendor, each.folded))
    ]
    return [msgspec.json.encode(row).replace(b"\\", b"\\\\") for row in rows]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def made(entries: list[Entry]) -> DirectoryIndex:
        with tempfile.NamedTemporaryFile(dir=tmp_path, delete=False) as file:
            path = Path(file.name)
        build(path, {}, entries_of(lines(entries)))
        return DirectoryIndex(path)

    return made


def many(count: int) -> list[Entry]:
    chance = random.Random(4)
    names = [" ".join(chance.sample(WORDS, chance.randint(2, 4))).title() for _ in range(count)]
    return [
        Entry(name=name, vendor=chance.choice(("Epic", "MEDITECH")), address=f"https://ehr{number}.org/{number}x")
        for number, name in enumerate(names)
    ]


def test_common_words_are_found_as_surely_by_bitmaps_as_by_lists(made: Made) -> None:
    """With 3,000 organizations of 15 words, each word is in about 600: all of them have a bitmap."""
    entries = many(3000)
    index = made(entries)
    chance = random.Random(5)
    for _ in range(60):
        typed = chance.sample(WORDS, chance.randint(1, 3))
        vendor = chance.choice(("Epic", "MEDITECH", None))
        holding = [
            each.folded for each in entries if set(typed) <= set(each.folded.split()) and vendor in (None, each.vendor)
        ]
        hits = index.search(" ".join(typed) + " ", 10, vendors={vendor} if vendor else None)
        exact = [folded(each.name) for each in hits.shown if set(typed) <= set(folded(each.name).split())]
        assert len(exact) == min(10, len(holding)) and set(exact) <= set(holding)
        assert all(vendor in (None, each.vendor) for each in hits.shown)


def test_a_name_as_typed_comes_before_all_that_are_longer(made: Made) -> None:
    entries = many(2000)
    index = made(entries)
    for each in random.Random(6).sample(entries, 40):
        assert folded(index.search(each.name, 1).shown[0].name) == each.folded


def test_addresses_of_one_organization_are_one_row_and_those_of_namesakes_are_not() -> None:
    def rows(*given: tuple[str, str, str, str]) -> list[tuple[str, int, str]]:
        entries = [
            Entry(name="Elm Clinic", vendor="Epic", address=address, city=city, state=state, audience=audience)  # type: ignore[arg-type]
            for address, city, state, audience in given
        ]
        found = organizations(entries_of(lines(entries)))
        return sorted((each.address, len(each.other_addresses), each.host) for each in found)

    patients, providers = "https://me.elm.org/r4/t77", "https://ehr.elm.org/r4/t77"
    assert rows((patients, "", "", "patient"), (providers, "", "", "provider")) == [(providers, 1, "")]
    # The same tenant nowhere in the address, but one of each kind at one place.
    other = "https://pat.elm.org/fhir/88"
    assert rows((other, "Ames", "IA", "patient"), (providers, "Ames", "IA", "provider")) == [(providers, 1, "")]
    two = rows((other, "Ames", "IA", "unknown"), (providers, "Ames", "IA", "unknown"))
    assert two == [(providers, 0, "ehr.elm.org"), (other, 0, "pat.elm.org")]
    assert rows((other, "Ames", "IA", "unknown"), (providers, "Rome", "GA", "unknown")) == [
        (providers, 0, ""),
        (other, 0, ""),
    ]
    assert rows(("https://e.org/R4", "", "", "unknown"), ("https://e.org/DSTU2", "", "", "unknown"))[0][1] in (0, 1)


def test_an_empty_directory_and_one_entry_are_indexes_too(made: Made) -> None:
    assert made([]).search("elm", 5).shown == []
    one = made([Entry(name="Elm Clinic", vendor="Epic", address="https://elm.org")])
    assert [each.name for each in one.search("e", 5).shown] == ["Elm Clinic"]
    assert one.search("elm", 0).shown == []


@pytest.mark.parametrize("data", [b"", b"x" * 200, b"cobalt directory index 1\n" + b"\xff" * 100])
def test_a_file_that_is_no_index_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises((IndexBroken, msgspec.DecodeError, ValueError)):
        Sections(tmp_path / "file")


@given(st.text(max_size=60), st.integers(1, 10))
def test_any_text_can_be_searched_for(query: str, limit: int) -> None:
    assert len(any_index().search(query, limit).shown) <= limit


def any_index() -> DirectoryIndex:
    if not KEPT:
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder) / "index", {}, entries_of(lines(many(200))))
            KEPT.append(DirectoryIndex(Path(folder) / "index"))
    return KEPT[0]


KEPT: list[DirectoryIndex] = []
