"""What the syntax tree of a sign-in must not contain. Each rule takes a folder and gives its findings.

A sign-in runs from the top after each answer. The rules find code that would run again by itself, or at a suspend.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import BESIDE, Folder, Function, Module, chain, is_ask, own

Rule = Callable[[Folder], Iterator[Finding]]

OUTSIDE = ("time", "random", "secrets", "uuid", "os", "asyncio", "socket", "subprocess", "threading", "shutil")
CLOCKS = ("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today")
BUILTIN = ("open", "input", "print")
CAUGHT = {"BaseException", "Suspend", "JournalFailed", "LostClaim"}


def catches_everything(folder: Folder) -> Iterator[Finding]:
    """A run is suspended by an exception that nobody may catch. The next run continues where it stopped."""
    for module in folder.modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ExceptHandler) and (node.type is None or CAUGHT & _names(node.type)):
                yield _at(
                    module,
                    node,
                    "This catches the exception that suspends a sign-in. Catch `Exception` or a refusal instead.",
                )


def cleans_up_around_an_ask(folder: Folder) -> Iterator[Finding]:
    """`finally`, `with`, and a TaskGroup run at every suspend. A log-out there would log out at every pane."""
    text = "This would run each time the sign-in waits for the user. Put the clean-up into a step of its own."
    for part in folder.functions:
        for node in own(part.node):
            if any(is_ask(each) for wrapped in _cleaned_up(node) for each in ast.walk(wrapped)):
                yield _at(part.module, node, text)


def reaches_outside(folder: Folder) -> Iterator[Finding]:
    """Clock, random numbers, files, and the EHR in the sign-in's own body: each run would ask them again."""
    for part in folder.replayed:
        for node in own(part.node):
            if isinstance(node, ast.Call) and (name := _outside(part.module, node)):
                yield _at(
                    part.module,
                    node,
                    f"`{name}` would run again after each answer. Call it in a step, with `ask.once`.",
                )


def asks_inside_a_step(folder: Folder) -> Iterator[Finding]:
    """A step runs once, from start to end. Nobody can be asked in the middle of it."""
    for part in folder.replayed:
        for inner in own(part.node):
            if isinstance(inner, ast.Lambda | Function) and any(
                isinstance(node, ast.Call) and _asks(node) for node in ast.walk(inner)
            ):
                yield _at(
                    part.module, inner, "This asks inside a step. Ask before the step, and pass the answer to it."
                )


def keeps_state(folder: Folder) -> Iterator[Finding]:
    """All accounts of a process share a connector object, and the next run may be in another process."""
    for part in folder.functions:
        for node in own(part.node):
            if isinstance(node, ast.Nonlocal | ast.Global):
                yield _at(part.module, node, "The next run does not see what this keeps. Return it from the step.")
            for target in _assigned(node):
                if part.node.name not in ("__init__", "__init_subclass__") and _of_self(target):
                    text = f"`{chain(target)}` is set outside of `__init__`. A connector must not keep state."
                    yield _at(part.module, node, text)


def hides_code(folder: Folder) -> Iterator[Finding]:
    """Code in a subfolder is not part of the sign-in's version, so a sign-in in progress would not start over.

    Reads and writes may be there, and only `__init__.py` may import them.
    """
    for path in sorted(folder.path.rglob("*.py")):
        inside = path.relative_to(folder.path)
        if len(inside.parts) > 1 and inside.parts[0] not in BESIDE:
            text = "Code must be directly in the connector's folder, or in reads or writes. Move this file up."
            yield Finding("sign_in", inside.as_posix(), text)
    for module in folder.modules:
        for name in module.aliases.values() if module.path.name != "__init__.py" else ():
            if set(name.split(".")) & {*BESIDE} and folder.path.name in name.split("."):
                text = f"`{name}` is code for reads or writes. Move what the sign-in needs out of that folder."
                yield Finding("sign_in", f"{module.path.name}:1", text)


SIGN_IN_RULES: tuple[Rule, ...] = (
    catches_everything,
    cleans_up_around_an_ask,
    reaches_outside,
    asks_inside_a_step,
    keeps_state,
    hides_code,
)


def _at(module: Module, node: ast.AST, text: str) -> Finding:
    return Finding("sign_in", module.where(node), text)


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
    """The name of a call whose result is not in the journal."""
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
