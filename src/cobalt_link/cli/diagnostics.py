"""What `doctor` found: one line per finding, and how to fix what is not fine."""

from __future__ import annotations

from typing import Literal

import msgspec


class Diagnostic(msgspec.Struct, frozen=True):
    """`fix` is empty only where there is nothing to do."""

    state: Literal["ok", "warn", "fail"]
    what: str
    text: str
    fix: str = ""


def ok(what: str, text: str) -> Diagnostic:
    return Diagnostic("ok", what, text)


def warn(what: str, text: str, fix: str) -> Diagnostic:
    return Diagnostic("warn", what, text, fix)


def fail(what: str, text: str, fix: str) -> Diagnostic:
    return Diagnostic("fail", what, text, fix)
