"""The counts of repeated proofs: one place, a reason for each, and no count that stands in a test."""

import ast
import subprocess
import sys

import pytest

from tests.house.tree import ROOT, TESTS, parsed, python_files, within
from tests.support import proof
from tests.support.proof import Proof

PROOFS = {name: each for name, each in vars(proof).items() if isinstance(each, Proof)}
MANY = 1_000  # the same thing done so often or more is a proof, and its count belongs to proof.py
USED = {node.id for path in python_files(TESTS) for node in ast.walk(parsed(path)) if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", PROOFS)
def test_each_proof_says_why_its_landing_count_is_enough_and_is_used(name: str) -> None:
    each = PROOFS[name]
    assert 0 < each.landing <= each.nightly
    assert len(each.enough) > 20 and each.enough.endswith(".")
    assert name in USED, f"Nobody repeats anything {name} times."


@pytest.mark.parametrize(("size", "said"), [("", "1000000"), ("landing", "1000000"), ("nightly", "10000000")])
def test_one_variable_chooses_the_size(size: str, said: str) -> None:
    assert _asked(size) == (0, said)


def test_a_size_that_there_is_not_stops_the_run() -> None:
    code, said = _asked("often")
    assert code == 1 and "Use one of: landing, nightly." in said


def _asked(size: str) -> tuple[int, str]:
    command = [sys.executable, "-c", "from tests.support import proof; print(proof.RANDOM_STRINGS.times)"]
    env = {"COBALT_PROOF": size, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout or done.stderr).strip()


def literal_counts(tree: ast.AST) -> list[int]:
    """Lines with a count of repetitions that does not come from proof.py."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension) and ast.unparse(node.target) == "_":
            found += [each.lineno for each in getattr(node.iter, "args", []) if _number(each) >= MANY]
        elif isinstance(node, ast.keyword) and node.arg == "max_examples":
            found += [node.value.lineno] if _number(node.value) else []
    return found


def _number(node: ast.AST) -> int:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else 0


@pytest.mark.parametrize(
    "code", ["for _ in range(10_000): pass", "[f() for _ in range(1_000)]", "settings(max_examples=200)"]
)
def test_a_count_in_a_test_is_seen(code: str) -> None:
    assert literal_counts(ast.parse(code)) == [1]
    assert literal_counts(ast.parse("settings(max_examples=PROPERTY_EXAMPLES.times); list(range(9999))")) == []
    assert literal_counts(ast.parse("for _ in range(999): pass\nfor n in range(9999): pass")) == []


def test_no_test_has_a_count_of_its_own() -> None:
    files = [path for path in python_files(TESTS) if path.name != "test_proof.py"]
    found = [f"{within(path)}:{line}" for path in files for line in literal_counts(parsed(path))]
    assert not found, "Take the count from tests/support/proof.py."
