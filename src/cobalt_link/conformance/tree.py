"""A connector's folder as syntax trees: its functions, and which of them run again after each answer."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import msgspec

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Part(msgspec.Struct, frozen=True):
    """A function and its module."""

    module: Module
    node: Function


class Module:
    """One file. `aliases` are the names that its imports bind, in full: {"datetime": "datetime.datetime"}."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.tree = ast.parse(text, str(path))

    def where(self, node: ast.AST) -> str:
        return f"{self.path.name}:{getattr(node, 'lineno', 1)}"

    @cached_property
    def aliases(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    found[name.asname or name.name.partition(".")[0]] = (
                        name.asname and name.name
                    ) or name.name.partition(".")[0]
            elif isinstance(node, ast.ImportFrom):
                found |= {
                    name.asname or name.name: f"{'.' * node.level}{node.module or ''}.{name.name}"
                    for name in node.names
                }
        return found

    def spelled(self, node: ast.AST) -> str:
        """A name or chain of attributes with its import in full. "" for anything else."""
        first, _, rest = chain(node).partition(".")
        return ".".join(filter(None, (self.aliases.get(first, first), rest)))


BESIDE = ("reads", "writes")
"""Subfolders for code that a grant is needed for. It is no part of a sign-in."""


class Folder:
    """All modules of a connector. Only those directly in the folder count for the sign-in's version."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self.modules = [Module(path, path.read_text("utf-8")) for path in sorted(folder.glob("*.py"))]

    @property
    def beside(self) -> list[Module]:
        """The modules in the subfolders for reads and writes."""
        found = [path for name in BESIDE for path in sorted((self.path / name).rglob("*.py"))]
        return [Module(path, path.read_text("utf-8")) for path in found]

    @cached_property
    def functions(self) -> list[Part]:
        return [
            Part(module, node)
            for module in self.modules
            for node in ast.walk(module.tree)
            if isinstance(node, Function)
        ]

    @cached_property
    def replayed(self) -> list[Part]:
        """The functions that run again after each answer: those that use `ask`, and what they call outside of steps."""
        found = [part for part in self.functions if any(map(is_ask, own(part.node))) or takes_ask(part.node)]
        for part in found:  # the list grows during the loop
            names = {name for node in own(part.node) if isinstance(node, ast.Call) if (name := self._callee(node))}
            found += [each for each in self.functions if each.node.name in names and each not in found]
        return [part for part in found if part.node.name != "__init__"]

    def _callee(self, call: ast.Call) -> str | None:
        """The name of the function of this folder that is called: `f()`, `self.f()`, or `module.f()`."""
        stems = {module.path.stem for module in self.modules} | {"self", "cls"}
        match call.func:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in stems:
                return name
        return None

    def calls(self) -> Iterator[tuple[Module, ast.Call]]:
        for module in self.modules:
            yield from ((module, node) for node in ast.walk(module.tree) if isinstance(node, ast.Call))

    def literals(self) -> set[str]:
        """Every string in the code."""
        nodes = (node for module in self.modules for node in ast.walk(module.tree))
        return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without the functions inside it, which are steps."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, _NESTED):
            yield from own(child)


def chain(node: ast.AST) -> str:
    """`self.portal.http` as a text. "" if it contains a call or an index."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := chain(node.value)):
        return f"{before}.{node.attr}"
    return ""


def is_ask(node: ast.AST) -> bool:
    """Whether this is the `Ask` object, under any owner: `ask`, `self.ask`, `flow._ask`."""
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.lstrip("_") == "ask"


def takes_ask(function: Function) -> bool:
    return any(each.arg.lstrip("_") == "ask" for each in (*function.args.args, *function.args.kwonlyargs))
