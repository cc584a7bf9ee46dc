from tests.house import mutants
from tests.house.mutant_types import caused

CODES: dict[str, int | None] = {
    "cobalt_link.a.b.xǁTableǁread__mutmut_1": 1,
    "cobalt_link.a.b.xǁTableǁread__mutmut_2": 0,
    "cobalt_link.a.b.x_find__mutmut_1": 37,
    "cobalt_link.a.b.x_find__mutmut_2": 33,
    "cobalt_link.a.b.x_find__mutmut_3": 24,
    "cobalt_link.a.b.x_find__mutmut_4": None,
}


def test_what_no_test_notices_is_counted_and_shown() -> None:
    assert mutants.counted(CODES) == {"mutants": 6, "tests": 2, "types": 1, "alive": 2, "open": 1}
    assert mutants.noticed(CODES) == "60.0 %"
    page = mutants.page({"a": CODES}, lambda name, mutant: f"- {name} {mutant[-1]}")
    assert "| a | 6 | 2 | 1 | 2 | 1 | 60.0 % |" in page
    assert "`a.b.Table.read`, 2:\n\n```diff\n- a 2\n```" in page and "`a.b.find`, 2:" in page
    assert page.count("```diff") == 2


def test_an_error_of_the_type_checker_counts_only_if_the_mutant_has_it_and_the_original_not() -> None:
    source = "def x_f__mutmut_orig():\n    a\ndef x_f__mutmut_1():\n    a\n    b\ndef other():\n    c\n"
    errors = [{"line": 2, "concise_description": "a"}, {"line": 4, "concise_description": "a"},
              {"line": 5, "concise_description": "b"}, {"line": 7, "concise_description": "c"}]  # fmt: skip
    assert caused(source, errors) == [errors[2]]


def test_every_group_has_its_files_and_tests() -> None:
    for name, group in mutants.GROUPS.items():
        assert all(list((mutants.ROOT / "src/cobalt_link").glob(pattern)) for pattern in group.files), name
        assert all((mutants.ROOT / "tests" / path).exists() for path in group.tests), name
    left_out = {path.name for path in (mutants.ROOT / "tests").rglob("test_*.py")}
    assert set(mutants.LEFT_OUT) <= left_out
