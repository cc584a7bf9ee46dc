"""Prints the measures of the house as a table: `python -m tests.house.measure [--root DIR]... [--commits REV...]`.

Each `--root` is a checkout and becomes a column, so that two states can be compared; without one it is this checkout.
`--commits` counts the files that a commit touches, without what a program writes. TO_ADD names the things whose cost is
measured so: make each in a throw-away commit, then call `--commits "a pane kind=REV" "a setting=REV" …`.
"""

import ast
import io
import re
import statistics
import subprocess
import sys
import tokenize
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tests.house import rooms
from tests.house.tree import ROOT, functions, length, parsed, python_files

Row = tuple[str, str]

# What a throw-away commit adds, and what has to work in it.
TO_ADD = {
    "a pane kind": "a connector can ask it, the page shows it in every language, the text browser answers it",
    "a refusal": "a connector can raise it, the page and the API say it, the reference lists it",
    "a setting": "a flag or variable sets it, `cobalt config` shows it, one module reads it",
    "an org setting": "API and command line set it, one page or route uses it",
    "a link-token field": "`POST /link/token/create` takes it, the link session keeps it, one page reads it",
    "a locale": "every page text in one more language",
    "an endpoint": "one more route with its reference",
    "a read resource": "one more `GET /v1/…` with its model, and one EHR that has it",
}
WRITTEN_BY_A_PROGRAM = re.compile(
    r"^docs/reference/(?:api|cli|errors|link-sessions|settings)\.md$|^docs/develop/promises\.md$"
    r"|/static/[^/]+\.(?:js|br)$|^tests/(?:.+/)?aria/"
)
# The words of the house before it took those of the field, as parts of names.
OLD_WORDS = frozenset({
    "attempt", "attempts", "book", "deed", "deeds", "door", "drawing", "finding", "findings", "guardian", "judge",
    "knock", "own", "place", "places", "reaching", "rehearsal", "remembered", "runas", "scene", "signs", "stage",
    "stand", "story", "tell", "telling", "tellings", "tells", "told", "verdict", "visit", "visits",
})  # fmt: skip
NOT_A_REASON = re.compile(r"#\s*(?:noqa|type:|fmt:|pragma|pyrefly)")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def table(root: Path) -> list[Row]:
    """Every measure of one checkout."""
    return [row for measure in MEASURES for row in measure(root)]


def _rooms(root: Path) -> Iterator[Row]:
    source = root / "src"
    files = rooms.by_room(source)
    yield "rooms", str(sum(len(each) > 1 for each in files.values()))
    yield "largest room, files", _largest({room: len(each) for room, each in files.items()})
    yield "arrows between rooms", str(len(rooms.arrows(source)))
    yield "largest import circle, modules", str(len(rooms.circles(rooms.imports(source))[0]))


def _imports(root: Path) -> Iterator[Row]:
    found = rooms.modules(root / "src")
    counts = {name: len(rooms.import_lines(parsed(path))) for name, path in found.items()}
    yield "project imports of a module", _spread(counts.values())
    yield "most project imports", _largest(counts)


def _files(root: Path) -> Iterator[Row]:
    paths = _sources(root)
    sizes = {path.relative_to(root / "src").as_posix(): len(path.read_text().splitlines()) for path in paths}
    yield "files", str(len(sizes))
    yield "lines of a file", _spread([size for size in sizes.values() if size > 1])
    yield "longest file", _largest(sizes)


def _functions(root: Path) -> Iterator[Row]:
    found = [node for tree in _trees(root) for node in functions(tree)]
    yield "functions", str(len(found))
    yield "lines of a function", _spread([length(node) for node in found])


def _constructors(root: Path) -> Iterator[Row]:
    found = [each for tree in _trees(root) for each in rooms.constructors(tree)]
    yield "arguments of a constructor", _spread([count for *_, count in found])
    yield "constructors with more than 6", str(sum(count > 6 for *_, count in found))


def _class_names(root: Path) -> Iterator[Row]:
    files: Counter[str] = Counter()
    for path in _sources(root):
        if "connectors" not in path.parts:
            tree = parsed(path)
            files.update({node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)})
    yield "class names in two files", str(sum(count > 1 for count in files.values()))


def _comments(root: Path) -> Iterator[Row]:
    comments = code = 0
    for path in _sources(root):
        more_comments, more_code = comments_and_code(path.read_text())
        comments, code = comments + more_comments, code + more_code
    yield "comments per 100 lines of code", f"{100 * comments / code:.1f}"


def _words(root: Path) -> Iterator[Row]:
    glossary = root / "docs" / "develop" / "glossary.md"
    yield "terms in the glossary", str(terms(glossary.read_text())) if glossary.exists() else "no glossary"
    used = Counter(word for tree in _trees(root) for name in names(tree) for word in words(name))
    old = {word: used[word] for word in OLD_WORDS if used[word]}
    yield "names with an old private word", f"{sum(old.values())} ({len(old)} of {len(OLD_WORDS)} words)"


def _tests(root: Path) -> Iterator[Row]:
    found = [node for path in python_files(root / "tests") for node in functions(parsed(path))]
    tests = [node for node in found if node.name.startswith("test_")]
    yield "test functions", str(len(tests))
    yield "test functions without types", str(sum(not is_typed(node) for node in tests))
    code, testing = (sum(map(_written, python_files(root / folder))) for folder in ("src", "tests"))
    yield "lines of tests to lines of code", f"{testing / code:.2f}"


MEASURES: list[Callable[[Path], Iterator[Row]]] = [
    _rooms, _imports, _files, _functions, _constructors, _class_names, _comments, _words, _tests,
]  # fmt: skip


def comments_and_code(source: str) -> tuple[int, int]:
    """How many comments give a reader something, and how many lines hold code; docstrings are neither."""
    comments, lines, statement_begins = 0, set[int](), True
    quiet = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER, tokenize.ENCODING}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comments += not NOT_A_REASON.match(token.string)
        elif token.type == tokenize.NEWLINE:
            statement_begins = True
        elif token.type not in quiet:
            if not (statement_begins and token.type == tokenize.STRING):
                lines.update(range(token.start[0], token.end[0] + 1))
            statement_begins = False
    return comments, len(lines)


def terms(glossary: str) -> int:
    """The rows of the glossary's tables, without their heads."""
    rows = [line for line in glossary.splitlines() if line.startswith("|")]
    return len(rows) - 2 * sum(re.fullmatch(r"[|:\s-]+", row) is not None for row in rows)


def words(name: str) -> list[str]:
    """`link`, `session`, `table` of `LinkSessionTable` or of `link_session_table`."""
    return [part.lower() for part in WORD.findall(name)]


def names(tree: ast.AST) -> Iterator[str]:
    """Every name that a file gives: of functions, classes, arguments and variables."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr


def is_typed(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return node.returns is not None and all(each.annotation or each.arg in ("self", "cls") for each in every)


def touched(revision: str, root: Path = ROOT) -> list[str]:
    """The files that a commit changes, without those that a program writes and without tests' recorded pages."""
    command = ["git", "show", "--format=", "--name-only", "--no-renames", revision]
    named = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\n")
    return [name for name in named if name and not WRITTEN_BY_A_PROGRAM.search(name)]


def cost(labeled: str, root: Path = ROOT) -> list[str]:
    """Lines that say what a commit touches; `labeled` is `REV` or `what it adds=REV`."""
    label, _, revision = labeled.rpartition("=")
    named = touched(revision, root)
    code = [name for name in named if name.startswith("src/")]
    head = f"{label or revision}: {len(named)} files, {len(code)} of them in src"
    return [head, *(f"    {name}" for name in named)]


def columns(heads: Sequence[str], tables: Sequence[Sequence[Row]]) -> str:
    """The tables side by side as Markdown; a measure is a line."""
    by_name = [dict(each) for each in tables]
    lines = [f"| measure | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(each[name] for each in by_name)} |" for name in by_name[0])])


def main(given: list[str]) -> None:
    parser = ArgumentParser(prog="python -m tests.house.measure", description="Measure the house.")
    parser.add_argument("--root", action="append", type=Path, help="a checkout to measure; may be given twice")
    parser.add_argument("--commits", nargs="+", metavar="[WHAT=]REV", help=f"WHAT is one of: {', '.join(TO_ADD)}")
    chosen = parser.parse_args(given)
    if chosen.commits:
        print("\n".join(line for each in chosen.commits for line in cost(each)))
        return
    roots = [root.resolve() for root in chosen.root or [ROOT]]
    print(columns([_revision(root) for root in roots], [table(root) for root in roots]))


def _sources(root: Path) -> tuple[Path, ...]:
    return python_files(root / "src" / rooms.PACKAGE)


def _trees(root: Path) -> Iterator[ast.Module]:
    return (parsed(path) for path in _sources(root))


def _written(path: Path) -> int:
    return sum(1 for line in path.read_text().splitlines() if line.strip())


def _spread(numbers: Iterable[int]) -> str:
    found = sorted(numbers)
    return f"median {statistics.median(found):g}, p90 {found[len(found) * 9 // 10]}, most {found[-1]}"


def _largest(counts: dict[str, int]) -> str:
    name = max(counts, key=lambda each: counts[each])
    return f"{counts[name]} ({name})"


def _revision(root: Path) -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or root.name


if __name__ == "__main__":
    main(sys.argv[1:])
