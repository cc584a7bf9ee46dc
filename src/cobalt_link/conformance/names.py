"""The names that a sign-in gives to its steps, waits, and choices, as far as the syntax tree shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import msgspec

from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import Folder, Module, Part, is_ask, own

DEPTH = 3


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Each name with its file and line. `options` are the labels of known options.

    `unclear` are findings for names that the tree does not show.
    """

    steps: dict[str, str]
    choices: dict[str, str]
    options: dict[str, str]
    unclear: tuple[Finding, ...] = ()


def names_in(folder: Folder) -> Names:
    """Every name that the sign-in may use."""
    steps: dict[str, str] = {}
    unclear: list[Finding] = []
    for part in folder.replayed:
        for call in _verbs(part):
            found = _texts(folder, part, _argument(call, 0, "name"))
            steps |= dict.fromkeys(found - steps.keys(), part.module.where(call))
            if not found:
                unclear.append(_unclear(part.module, call, "step"))
        for call in _asked(part, "password", "code"):
            steps |= dict.fromkeys(_steps_of(folder, part, call) - steps.keys(), part.module.where(call))
    choices, more = _constructed(folder, "Choice", "name")
    for part in folder.replayed:
        for call in _asked(part, "one_of"):
            found = _texts(folder, part, _argument(call, 0, "name"))
            choices |= dict.fromkeys(found - choices.keys(), part.module.where(call))
            if not found:
                more.append(_unclear(part.module, call, "choice"))
    options = {
        str(label.value): module.where(call)
        for module, call in folder.calls()
        if _called(call) == "Option" and _says_yes(_argument(call, None, "known"))
        if isinstance(label := _argument(call, None, "label"), ast.Constant)
    }
    return Names(
        steps=steps,
        choices=choices,
        options=options,
        unclear=(*unclear, *more),
    )


def said(folder: Folder, kind: str, keyword: str) -> Iterator[tuple[str, str]]:
    """(where, text) of each `kind(keyword="…")`: the rights of a NoRights, the `what` of an Unsupported."""
    for module, call in folder.calls():
        value = _argument(call, None, keyword)
        if _called(call) != kind:
            continue
        # Rights may also stand one by one: `NoRights("patients", "schedule")`.
        for each in (value, *(call.args if kind == "NoRights" else ())):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield module.where(call), each.value


def _verbs(part: Part) -> Iterator[ast.Call]:
    for node in own(part.node):
        match node:
            case ast.Call(func=ast.Attribute(attr="once" | "until", value=asker)) if is_ask(asker):
                yield node


def _asked(part: Part, *verbs: str) -> Iterator[ast.Call]:
    for node in own(part.node):
        match node:
            case ast.Call(func=ast.Attribute(attr=verb, value=asker)) if verb in verbs and is_ask(asker):
                yield node


def _steps_of(folder: Folder, part: Part, call: ast.Call) -> set[str]:
    """The steps of `ask.password` and `ask.code`, by the names that they have unless the call gives others."""
    verb = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    named = _texts(folder, part, _argument(call, None, "name"))
    steps = named or {"log_in" if verb == "password" else "check_code"}
    if verb == "code" and _argument(call, None, "resend") is not None:
        steps |= _texts(folder, part, _argument(call, None, "resend_name")) or {"send_code"}
    return steps


def _constructed(folder: Folder, kind: str, keyword: str) -> tuple[dict[str, str], list[Finding]]:
    found: dict[str, str] = {}
    unclear: list[Finding] = []
    for part in folder.functions:
        for node in own(part.node):
            if isinstance(node, ast.Call) and _called(node) == kind:
                texts = _texts(folder, part, _argument(node, None, keyword))
                found |= dict.fromkeys(texts - found.keys(), part.module.where(node))
                if not texts:
                    unclear.append(_unclear(part.module, node, "choice"))
    return found, unclear


def _unclear(module: Module, call: ast.Call, what: str) -> Finding:
    text = f"The check cannot read the name of this {what} from the code. Write the name as a plain string."
    return Finding("sign_in", module.where(call), text)


def _texts(folder: Folder, part: Part, value: ast.AST | None, depth: int = DEPTH) -> set[str]:
    """The texts that an expression can be: a text, one of two, or a parameter as its callers give it."""
    match value:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=one, orelse=other):
            return _texts(folder, part, one, depth) | _texts(folder, part, other, depth)
        case ast.Name(id=name) if depth:
            return _given(folder, part, name, depth - 1)
    return set()


def _given(folder: Folder, part: Part, name: str, depth: int) -> set[str]:
    arguments = part.node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    if name not in names and name not in [each.arg for each in arguments.kwonlyargs]:
        return set()
    instance = names.index(name) - (names[:1] == ["self"]) if name in names else None
    found: set[str] = set()
    for caller in folder.functions:
        for node in own(caller.node):
            if isinstance(node, ast.Call) and _called(node) == part.node.name:
                found |= _texts(folder, caller, _argument(node, instance, name), depth)
    return found


def _argument(call: ast.Call, instance: int | None, keyword: str) -> ast.AST | None:
    named = next((each.value for each in call.keywords if each.arg == keyword), None)
    if named is None and instance is not None and instance < len(call.args):
        return call.args[instance]
    return named


def _called(call: ast.Call) -> str:
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def _says_yes(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True
