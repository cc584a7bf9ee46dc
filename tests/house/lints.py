"""Rules of the house that no bought tool knows. Each takes a syntax tree and gives the lines that break it."""

import ast
import re
from collections.abc import Callable, Iterator

Lint = Callable[[ast.AST], list[int]]

LOGGERS = {"log", "logger", "_log", "_logger"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "fatal", "msg"}
SQL = re.compile(r"^\s*(?:WITH\s+\w+|SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w|DELETE\s+FROM\s|MERGE\s+INTO\s)")
READ = re.compile(r"\b(?:(?<!DISTINCT )FROM|JOIN|USING)\s+(?:ONLY\s+)?([a-z_]+)\b(?!\s*\()")  # a call is no table
WRITTEN = re.compile(r"\b(?:INSERT\s+INTO|(?<!FOR )(?<!DO )(?<!NO KEY )UPDATE|DELETE\s+FROM)\s+([a-z_]+)\b")
COMMON_TABLE = re.compile(
    r"(?:\bWITH(?:\s+RECURSIVE)?|,)\s+([a-z_]+)\s*(?:\([^)]*\)\s*)?AS\s+(?:NOT\s+)?(?:MATERIALIZED\s*)?\("
)
ANY_ORIGIN = re.compile(r"""postMessage\s*\([^;]*?,\s*["'`]\*["'`]""", re.DOTALL)


def catches_everything(tree: ast.AST) -> list[int]:
    """`except BaseException`, a bare `except`, or one that swallows `Suspend`: the journal needs it to pass."""
    kept = {"BaseException", "Suspend"}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and (node.type is None or kept & _names(node.type))
    ]


def cleans_up_around_an_ask(tree: ast.AST) -> list[int]:
    """`finally`, `with` or a `TaskGroup` around an `ask`: it would run at every suspend, not at the end."""
    return [
        getattr(node, "lineno", 0)
        for node in ast.walk(tree)
        if any("ask" in _names(part) for part in _cleaned_up(node))
    ]


def formats_a_log_entry(tree: ast.AST) -> list[int]:
    """An f-string, `%` or `format` in a log call: a value belongs in a field of its own, where redaction sees it."""
    return [
        call.lineno
        for call in _log_calls(tree)
        for part in [*call.args, *(keyword.value for keyword in call.keywords)]
        if any(_is_formatted(node) for node in ast.walk(part))
    ]


def reaches_deep(tree: ast.AST) -> list[int]:
    """`house.room.thing.part.method`: a test that knows what a room keeps inside the things that it offers."""
    return [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _steps_from_house(node) > 3]


def _steps_from_house(node: ast.expr) -> int:
    """How many attributes lead from the name `house` to this one, or 0 if they start elsewhere."""
    steps = 0
    while isinstance(node, ast.Attribute):
        node, steps = node.value, steps + 1
    return steps if isinstance(node, ast.Name) and node.id == "house" else 0


def imports_of(*packages: str) -> Lint:
    """Lines that import one of the packages, or something of it."""

    def lint(tree: ast.AST) -> list[int]:
        return [line for line, name in _imported(tree) if any(f"{name}.".startswith(f"{each}.") for each in packages)]

    return lint


def statements(tree: ast.AST) -> Iterator[str]:
    """The SQL in a file: texts that begin as a statement does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
            yield node.value


def tables(sql: str) -> set[str]:
    """The tables that a statement reads or writes, without those that it makes up for itself."""
    read = {name for name in READ.findall(sql) if not name.startswith("pg_")}
    return (read | set(WRITTEN.findall(sql))) - set(COMMON_TABLE.findall(sql))


def tables_written(sql: str) -> set[str]:
    return set(WRITTEN.findall(sql)) - set(COMMON_TABLE.findall(sql))


def posts_to_any_origin(text: str) -> list[int]:
    """Lines of a script where `postMessage` goes to `"*"`: anybody's frame would read it."""
    return [text.count("\n", 0, found.start()) + 1 for found in ANY_ORIGIN.finditer(text)]


def _cleaned_up(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.Try | ast.TryStar):
        return [*node.body, *node.handlers, *node.orelse] if node.finalbody else []
    if isinstance(node, ast.With | ast.AsyncWith):
        return [*node.items, *node.body]
    return []


def _log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            target = node.func.value
            name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
            if name in LOGGERS:
                yield node


def _is_formatted(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        return any(isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (node.left, node.right))
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"


def _imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _names(tree: ast.AST) -> set[str]:
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
