"""Files and functions stay small, and what is built is tested. The figures are those of architecture §2."""

import ast
import statistics
from collections.abc import Callable
from pathlib import Path

from tests.house import rooms
from tests.house.tree import SOURCE, TESTS, functions, length, parsed, python_files, within

FILE_MEDIAN, FILE_MOST = 120, 400
TEST_FILE_MOST = 500
FUNCTION_MEDIAN, FUNCTION_MOST = 9, 60
CONSTRUCTOR_MOST = 6
APP_IMPORTS_MOST = 27
TESTS_LEAST, TESTS_MOST = 1.0, 1.6
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "base", "manager", "managers", "service", "services"}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def written(path: Path) -> int:
    """Lines that say something."""
    return sum(1 for line in path.read_text().splitlines() if line.strip())


def test_half_of_all_files_are_short_and_none_is_long() -> None:
    sizes = {within(path): lines(path) for path in python_files(SOURCE) if lines(path) > 1}
    assert statistics.median(sizes.values()) <= FILE_MEDIAN
    assert not {name: size for name, size in sizes.items() if size > FILE_MOST}


def test_no_test_file_is_long() -> None:
    assert not {within(path): lines(path) for path in python_files(TESTS) if lines(path) > TEST_FILE_MOST}


def test_half_of_all_functions_are_tiny_and_none_is_long() -> None:
    found = [
        (within(path), node.name, length(node)) for path in python_files(SOURCE) for node in functions(parsed(path))
    ]
    assert statistics.median(size for *_, size in found) <= FUNCTION_MEDIAN
    assert not [each for each in found if each[2] > FUNCTION_MOST]


def test_no_constructor_takes_more_than_six_arguments() -> None:
    found = [
        (within(path), name, count)
        for path in python_files(SOURCE)
        for name, _, count in rooms.constructors(parsed(path))
        if count > CONSTRUCTOR_MOST
    ]
    assert not found


def test_no_module_is_in_an_import_circle() -> None:
    assert [group for group in rooms.circles(rooms.imports()) if len(group) > 1] == []


def test_the_app_joins_rooms_and_knows_little_of_them() -> None:
    assert len(rooms.import_lines(parsed(rooms.modules()["cobalt_link.app"]))) <= APP_IMPORTS_MOST


def test_no_file_has_a_name_that_says_nothing() -> None:
    everything = [*python_files(SOURCE), *python_files(TESTS)]
    assert not [within(path) for path in everything if FORBIDDEN & {path.stem, path.parent.name}]


def test_every_file_says_what_it_promises() -> None:
    silent = [path for path in python_files(SOURCE) if parsed(path).body and not ast.get_docstring(parsed(path))]
    assert not [within(path) for path in silent]


def test_what_is_built_is_tested(record_property: Callable[[str, object], None]) -> None:
    code = sum(map(written, python_files(SOURCE)))
    tests = sum(map(written, python_files(TESTS)))
    ratio = tests / code
    record_property("tests to code", f"{ratio:.2f}")
    print(f"{tests} lines of tests to {code} of code: {ratio:.2f}, wanted {TESTS_LEAST} to {TESTS_MOST}")
    assert TESTS_LEAST <= ratio <= TESTS_MOST
