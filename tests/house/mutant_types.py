"""For `make mutants`: which mutants the type checker refuses, so that no test is tried with them.

All mutants of a function are in one file, and `self.x = None` in one of `__init__` makes a type checker doubt `x`
everywhere. So an error counts only if the function as it was written does not have it. mutmut runs this in its folder.
"""

import ast
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

CHECK = ("pyrefly", "check", "--output-format=json", "--use-ignore-files=false", "--python-interpreter-path")
ORIGINAL = "_mutmut_orig"


def caused(source: str, errors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a file's errors that one mutant alone has, because of what was changed in it."""
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    named: list[tuple[str, str, dict[str, Any]]] = []
    known: dict[str, set[str]] = defaultdict(set)
    for error in errors:
        line = error["line"]
        around = [
            each.name for each in functions if each.lineno <= line <= (each.end_lineno or 0) and "mutmut" in each.name
        ]
        if not around:
            continue
        function, _, variant = around[0].rpartition("_mutmut_")
        function = function.rstrip("_")
        if around[0].endswith(ORIGINAL):
            known[function].add(error["concise_description"])
        else:
            named.append((function, variant, error))
    return [error for function, _, error in named if error["concise_description"] not in known[function]]


def main() -> None:
    done = subprocess.run([*CHECK, sys.executable, *sys.argv[2:]], capture_output=True, text=True)
    by_path: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for error in json.loads(done.stdout)["errors"]:
        by_path[error["path"]].append(error)
    found = [error for path, errors in by_path.items() for error in caused(Path(path).read_text(), errors)]
    print(json.dumps({"errors": found}))


if __name__ == "__main__":
    main()
