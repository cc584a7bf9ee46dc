"""One word, one thing: no old word comes back, and no class name stands for two things."""

import ast
from collections import Counter

from tests.house import words
from tests.house.measure import names
from tests.house.tree import SOURCE, parsed, python_files, within

COBALT = SOURCE / "cobalt_link"
FILES = python_files(COBALT)


def test_old_words_are_seen() -> None:
    old = ["Attempt", "of_attempt", "_tell", "deeds", "KNOCK", "Verdict", "is_own", "Place", "Visits", "story_rules"]
    assert words.old_names(old) == sorted(old)


def test_other_words_are_let_through() -> None:
    assert not words.old_names(["LinkSession", "delivery_attempts", "visit_types", "VisitType", "place", "intellect"])
    assert not words.old_names(["stages_of", "owner"])


def test_names_of_a_schema_are_seen_and_its_comments_are_not() -> None:
    schema = "CREATE TABLE deeds (\n    told boolean -- since the first attempt\n);"
    assert words.old_names(words.names_in_sql(schema)) == ["deeds", "told"]


def test_no_name_in_the_code_is_an_old_word() -> None:
    old = {within(path): words.old_names(names(parsed(path))) for path in FILES}
    assert not {path: sorted(found) for path, found in old.items() if found}


def test_no_module_is_named_by_an_old_word() -> None:
    modules = {part for path in FILES for part in path.relative_to(COBALT).with_suffix("").parts}
    assert not words.old_names(modules)


def test_no_table_or_column_is_named_by_an_old_word() -> None:
    schemas = sorted(COBALT.rglob("*.sql"))
    assert schemas, "no schema was found: the lint looks at nothing"
    found = {within(path): words.old_names(words.names_in_sql(path.read_text())) for path in schemas}
    assert not {path: old for path, old in found.items() if old}


def test_a_class_is_seen_at_any_depth() -> None:
    found = words.classes(ast.parse("class A:\n    class B: ...\ndef f():\n    class A: ..."))
    assert sorted(found) == ["A", "A", "B"]


def test_a_class_name_stands_for_one_thing() -> None:
    own = [path for path in FILES if COBALT / "connectors" not in path.parents]
    count = Counter(name for path in own for name in words.classes(parsed(path)))
    assert not {
        name: [within(path) for path in own if name in words.classes(parsed(path))] for name in count if count[name] > 1
    }
