"""Which module imports which, read from the sources without running them, for any checkout."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.house.tree import SOURCE

PACKAGE = "cobalt_link"


@cache
def modules(source: Path = SOURCE, package: str = PACKAGE) -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(source: Path = SOURCE, package: str = PACKAGE) -> dict[str, frozenset[str]]:
    """The modules of the package that each of them imports, inside functions and for types too."""
    known = modules(source, package)
    return {name: frozenset(_imported(name, path, known) - {name}) for name, path in known.items()}


def room_of(module: str) -> str:
    """`accounts` of `cobalt_link.accounts.access`; a module right in the package is a room of its own."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@cache
def arrows(source: Path = SOURCE, package: str = PACKAGE) -> frozenset[tuple[str, str]]:
    """Pairs of rooms of which the first imports the second."""
    pairs = {
        (room_of(name), room_of(each)) for name, found in imports(source, package).items() for each in found if each
    }
    return frozenset((one, other) for one, other in pairs if one != other and one and other)


def importers(room: str) -> set[str]:
    """The rooms that import this one."""
    return {above for above, below in arrows() if below == room}


def circles(graph: dict[str, frozenset[str]]) -> list[set[str]]:
    """The groups of modules that reach each other, largest first; a group of one is no circle."""
    reach = {name: _reachable(name, graph) for name in graph}
    groups = {frozenset({name, *(other for other in reach[name] if name in reach[other])}) for name in graph}
    return sorted((set(group) for group in groups), key=len, reverse=True)


def _reachable(start: str, graph: dict[str, frozenset[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), frozenset()) - seen
        seen |= new
        waiting += new
    return seen


def _imported(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _base(name, path, node)
            found |= {each if (each := f"{base}.{alias.name}") in known else base for alias in node.names}
    return found & known.keys()


def _base(name: str, path: Path, node: ast.ImportFrom) -> str:
    """The module that `from … import` names, with its leading dots put in."""
    if not node.level:
        return node.module or ""
    parts = name.split(".")
    parts = parts[: len(parts) - node.level + (path.name == "__init__.py")]
    return ".".join([*parts, node.module] if node.module else parts)


def import_lines(tree: ast.AST, package: str = PACKAGE) -> list[int]:
    """The lines that import something of the package."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.ImportFrom) and (node.level or f"{node.module}.".startswith(f"{package}.")))
        or (isinstance(node, ast.Import) and any(f"{each.name}.".startswith(f"{package}.") for each in node.names))
    ]


def by_room(source: Path = SOURCE, package: str = PACKAGE) -> dict[str, list[Path]]:
    """The files of each room."""
    found: dict[str, list[Path]] = defaultdict(list)
    for name, path in modules(source, package).items():
        found[room_of(name)].append(path)
    return dict(found)


def constructors(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Each class with a constructor of its own: its name, line, and how many arguments the constructor takes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                    given = each.args
                    yield node.name, each.lineno, len(given.posonlyargs + given.args + given.kwonlyargs) - 1
