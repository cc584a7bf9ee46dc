"""Finds every SQL statement of the code, wherever it is written, so that no new one is forgotten.

A statement is a string in a module of `cobalt_link` that begins with a verb of SQL. One that is composed must consist
of constants of its module, so that it can be put together here as the code does.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import cobalt_link

ROOT = Path(cobalt_link.__file__).parent
VERB = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s")


class Statement(NamedTuple):
    """`place` is the file and the line. `fragment` says that another statement contains it, `private` that it is also
    named as one, with an underscore: then nothing runs it alone."""

    place: str
    text: str
    fragment: bool
    private: bool


class NotConstant(Exception):
    """A statement is composed of something that only exists while the code runs."""


def statements(folder: Path = ROOT) -> list[Statement]:
    """All of them, each text once."""
    found: dict[str, str] = {}
    parts: dict[str, bool] = {}
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text()
        if not re.search(r"SELECT|INSERT|UPDATE|DELETE", source):
            continue
        name = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
        module = importlib.import_module(name.removesuffix(".__init__"))
        for line, text, inner in _in_module(ast.parse(source), module, path):
            parts |= inner
            if VERB.match(text):
                found.setdefault(text, f"{path.relative_to(folder)}:{line}")
    return [Statement(place, text, text in parts, parts.get(text, False)) for text, place in found.items()]


def _in_module(tree: ast.Module, module: ModuleType, path: Path) -> Iterator[tuple[int, str, dict[str, bool]]]:
    """The line, the text, and the texts that it is composed of, each with whether its name is private."""
    pieces = {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for each in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield from _composed(node, module, path)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            yield node.lineno, node.value, {}


def _composed(node: ast.JoinedStr, module: ModuleType, path: Path) -> Iterator[tuple[int, str, dict[str, bool]]]:
    inner = [each.value for each in node.values if isinstance(each, ast.FormattedValue)]
    try:
        text = _value(node, module)
        parts = {str(_value(each, module)): ast.unparse(each).startswith("_") for each in inner}
    except Exception as error:
        # A message, an address, and the like. A statement would have begun with its verb.
        first = node.values[0]
        if isinstance(first, ast.Constant) and VERB.match(str(first.value)):
            raise NotConstant(f"{path}:{node.lineno}: {error}") from None
        return
    yield node.lineno, text, parts


def _value(node: ast.expr, module: ModuleType) -> str:
    return eval(compile(ast.Expression(node), "<statement>", "eval"), dict(vars(module)))


def numbered(text: str) -> str:
    """With PostgreSQL's own placeholders."""
    names: dict[str, int] = {}
    count = iter(range(1, 1000))

    def number(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        name = match[1] or f" {next(count)}"
        return f"${names.setdefault(name, len(names) + 1)}"

    return re.sub(r"%%|%(?:\((\w+)\))?s", number, text)
