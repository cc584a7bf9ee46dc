"""What the syntax tree of a story must not hold. Each rule takes a folder and gives its findings.

A story is told from the top after each answer: what would run again by itself, or run at a suspend, is found here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import Folder, Function, Module, chain, is_ask, own

Rule = Callable[[Folder], Iterator[Finding]]

OUTSIDE = ("time", "random", "secrets", "uuid", "os", "asyncio", "socket", "subprocess", "threading", "shutil")
CLOCKS = ("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today")
BUILTIN = ("open", "input", "print")
CAUGHT = {"BaseException", "Suspend", "JournalFailed", "LostClaim"}


def catches_everything(folder: Folder) -> Iterator[Finding]:
    """A telling ends by an exception that must pass: the next telling goes on where it stopped."""
    for module in folder.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or CAUGHT & _names(node.type)):
                yield _at(module, node, "This catches what suspends a story. Catch `Exception` or a refusal instead.")


def cleans_up_around_an_ask(folder: Folder) -> Iterator[Finding]:
    """`finally`, `with` and a TaskGroup would run at every suspend: a log-out there would log out at every pane."""
    text = "This would run each time the story waits for the person. Put the clean-up into a step of its own."
    for part in folder.functions:
        for node in own(part.node):
            if any(is_ask(each) for wrapped in _cleaned_up(node) for each in ast.walk(wrapped)):
                yield _at(part.module, node, text)


def reaches_outside(folder: Folder) -> Iterator[Finding]:
    """Clock, chance, files and the EHR itself, in the story's own body: each telling would ask them anew."""
    for part in folder.told:
        for node in own(part.node):
            if isinstance(node, ast.Call) and (name := _outside(part.module, node)):
                yield _at(part.module, node, f"`{name}` runs again at every telling. Do it inside `ask.once`.")


def asks_inside_a_deed(folder: Folder) -> Iterator[Finding]:
    """A step is done once and from one end to the other: nobody can be asked within it."""
    for part in folder.told:
        for inner in own(part.node):
            if isinstance(inner, ast.Lambda | Function) and any(
                isinstance(node, ast.Call) and _asks(node) for node in ast.walk(inner)
            ):
                yield _at(
                    part.module, inner, "This asks inside a step. Ask in the story, and give the answer to the step."
                )


def keeps_state(folder: Folder) -> Iterator[Finding]:
    """A connector is shared by all accounts of a process, and the next telling may be in another one."""
    for part in folder.functions:
        for node in own(part.node):
            if isinstance(node, ast.Nonlocal | ast.Global):
                yield _at(part.module, node, "What this keeps is lost at the next telling. Return it from the step.")
            for target in _assigned(node):
                if part.node.name not in ("__init__", "__init_subclass__") and _of_self(target):
                    text = f"`{chain(target)}` is set outside `__init__`. A connector keeps nothing between two calls."
                    yield _at(part.module, node, text)


def hides_code(folder: Folder) -> Iterator[Finding]:
    """What stands in a folder below is not part of the story's version, so a changed sign-in would not start over."""
    for path in sorted(folder.path.rglob("*.py")):
        if path.parent != folder.path:
            where = path.relative_to(folder.path).as_posix()
            yield Finding("story", where, "Code stands directly in the connector's folder. Move this file up.")


STORY_RULES: tuple[Rule, ...] = (
    catches_everything,
    cleans_up_around_an_ask,
    reaches_outside,
    asks_inside_a_deed,
    keeps_state,
    hides_code,
)


def _at(module: Module, node: ast.AST, text: str) -> Finding:
    return Finding("story", module.where(node), text)


def _names(tree: ast.AST) -> set[str]:
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }


def _cleaned_up(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.Try | ast.TryStar):
        return [*node.body, *node.handlers, *node.orelse] if node.finalbody else []
    return [*node.items, *node.body] if isinstance(node, ast.With | ast.AsyncWith) else []


def _outside(module: Module, call: ast.Call) -> str | None:
    """What a call reaches that is not in the journal."""
    plain, spelled = chain(call.func), module.spelled(call.func)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "reveal":
        return "reveal()"
    if "http" in plain.split(".")[:-1] or (spelled.partition(".")[0] in OUTSIDE and "." in spelled):
        return plain
    return plain if spelled in CLOCKS or spelled in BUILTIN else None


def _asks(call: ast.Call) -> bool:
    return is_ask(call.func) or (isinstance(call.func, ast.Attribute) and is_ask(call.func.value))


def _assigned(node: ast.AST) -> list[ast.AST]:
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return list(targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
    return []


def _of_self(target: ast.AST) -> bool:
    if isinstance(target, ast.Tuple):
        return any(map(_of_self, target.elts))
    if isinstance(target, ast.Subscript):
        target = target.value
    return isinstance(target, ast.Attribute) and chain(target).split(".")[0] in ("self", "cls")
