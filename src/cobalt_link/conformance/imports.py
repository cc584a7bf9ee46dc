"""What a connector may import: the names of `cobalt_link.connector`, and plain libraries.

It gets no network library, no room that holds our secrets, and no other connector.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from cobalt_link import connector
from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import Folder, Module

# A connector that imports these would bypass the journal or the guarded HTTP client.
OURS = ("cobalt_link.signin", "cobalt_link.conformance", "cobalt_link.net.transport")
INTERFACE = "cobalt_link.connector"
HIDDEN = ("cobalt_link.web", "cobalt_link.vault", "cobalt_link.settings")
NETWORK = (
    "aiohttp", "ftplib", "http", "httpcore", "httpcore2", "httpx", "httpx2", "imaplib", "niquests", "playwright",
    "poplib", "requests", "selenium", "smtplib", "socket", "socketserver", "ssl", "telnetlib", "urllib.request",
    "urllib3", "websockets",
)  # fmt: skip
ELSEWHERE = ("cryptography", "ctypes", "importlib", "multiprocessing", "psycopg", "starlette", "subprocess")
NAMES = {INTERFACE, *(f"{INTERFACE}.{name}" for name in connector.__all__)}
HIDING = ("__import__", "compile", "eval", "exec")


def forbidden_imports(folder: Folder, package: str) -> Iterator[Finding]:
    """`package` is the dotted name of the connector's own package."""
    for module in (*folder.modules, *folder.beside):
        for node, name in _imported(module):
            if why := _why_not(name, package):
                yield Finding("imports", module.where(node), f"`{name}`: {why}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in HIDING:
                text = f"`{node.func.id}` hides code from the check. Write the code directly."
                yield Finding("imports", module.where(node), text)


def _why_not(name: str, package: str) -> str | None:
    if _within(name, (package,)):
        return None
    if name.startswith("."):
        return "this import leaves the connector's folder. Import the package by its full name."
    if _within(name, NETWORK):
        return "addresses are checked in `self.http` only. Send the request with `self.http`."
    if _within(name, OURS):
        return "this belongs to the engine that runs sign-ins. Use `ask`, panes, refusals, and `self.http`."
    if _within(name, HIDDEN) or _within(name, ELSEWHERE):
        return "keys, routes, processes, and the database are not for connectors. Remove the import."
    if _within(name, ("cobalt_link.connectors",)):
        return "a connector must not import another one. Shared code belongs in `cobalt_link.connector`."
    if _within(name, ("cobalt_link",)) and name not in NAMES:
        return "of Cobalt Link, a connector imports the names of `cobalt_link.connector` only."
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
