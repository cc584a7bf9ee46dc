"""Words that the code no longer uses, and what it says instead. docs/develop/glossary.md has the words of today."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.house.measure import words

# Old word: what to say. As a whole word of a name, in any case.
INSTEAD = {
    "attempt": "link session",
    "attempts": "link sessions",
    "deed": "step",
    "deeds": "steps",
    "door": "page access",
    "doors": "page access",
    "drawing": "layout",
    "guardian": "supervisor",
    "judge": "check",
    "knock": "confirm before contact",
    "knocks": "confirm before contact",
    "reaching": "database address",
    "rehearsal": "scenarios",
    "remembered": "short cache",
    "runas": "run-as user",
    "scene": "page context",
    "signs": "characters",
    "stage": "context loading",
    "stories": "sign-ins",
    "story": "sign-in",
    "tell": "run",
    "telling": "run",
    "tellings": "runs",
    "tells": "runs",
    "told": "run, or reported",
    "verdict": "report",
    "visits": "session answers",
}
# Whole names that are old although each of their words is not.
NAMES = {"Book": "AccountTable", "Place": "EhrInstance", "Places": "InstanceHealth", "is_own": "browser_owns"}
# Names of the contract, in which such a word means something else.
CONTRACT = {"delivery_attempts", "last_delivery_attempt", "webhook_attempt", "total_visits"}
SQL_NAME = re.compile(r"--[^\n]*|\b([A-Za-z_]+)\b")


def old_names(found: Iterable[str]) -> list[str]:
    """The names that hold an old word, each once."""
    return sorted({name for name in found if name in NAMES or (name not in CONTRACT and INSTEAD.keys() & words(name))})


def names_in_sql(text: str) -> Iterator[str]:
    """Tables, columns, and kinds in a schema, without its comments."""
    return (found[1] for found in SQL_NAME.finditer(text) if found[1])


def classes(tree: ast.AST) -> list[str]:
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
