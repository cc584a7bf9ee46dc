"""What a connector may import: the author's desk and plain libraries; no network, no secrets of ours, no other EHR."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import Folder, Module

# The runner's own side of the desk: a connector that reaches for it goes round the journal or the guard.
OURS = ("cobalt_link.signin", "cobalt_link.conformance", "cobalt_link.net.transport")
DESK = ("cobalt_link.connector", "cobalt_link.net", "cobalt_link.kit")
HIDDEN = ("cobalt_link.web", "cobalt_link.vault", "cobalt_link.settings")
NETWORK = (
    "aiohttp", "ftplib", "http", "httpcore", "httpcore2", "httpx", "httpx2", "imaplib", "niquests", "playwright",
    "poplib", "requests", "selenium", "smtplib", "socket", "socketserver", "ssl", "telnetlib", "urllib.request",
    "urllib3", "websockets",
)  # fmt: skip
ELSEWHERE = ("cryptography", "ctypes", "importlib", "multiprocessing", "psycopg", "starlette", "subprocess")
HIDING = ("__import__", "compile", "eval", "exec")


def forbidden_imports(folder: Folder, package: str) -> Iterator[Finding]:
    """`package` is the connector's own dotted name."""
    for module in folder.modules:
        for node, name in _imported(module):
            if why := _why_not(name, package):
                yield Finding("imports", module.where(node), f"`{name}`: {why}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in HIDING:
                text = f"`{node.func.id}` hides what it runs from this judge. Write it as plain code."
                yield Finding("imports", module.where(node), text)


def _why_not(name: str, package: str) -> str | None:
    if _within(name, (package,)):
        return None
    if name.startswith("."):
        return "this leads out of the connector's folder. Name the package in full."
    if _within(name, NETWORK):
        return "a connector calls out through `self.http` only: that is where addresses are checked."
    if _within(name, OURS):
        return "this is the runner's side of the journal. A story has `ask`, panes, refusals and `self.http`."
    if _within(name, HIDDEN) or _within(name, ELSEWHERE):
        return "not for connectors: keys, routes, processes and the database belong to the house."
    if _within(name, ("cobalt_link.connectors",)):
        return "no connector knows another. What two of them need belongs into `cobalt_link.connector`."
    if _within(name, ("cobalt_link",)) and not _within(name, DESK):
        return "of this house a connector imports `cobalt_link.connector` only."
    return None


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{each}.") for each in packages)


def _imported(module: Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, each.name) for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level > 1:
            yield node, f"{'.' * node.level}{node.module or ''}"
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node, f"{node.module}.{each.name}") for each in node.names)
