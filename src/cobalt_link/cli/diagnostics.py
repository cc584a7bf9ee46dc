"""What `cobalt doctor` found: one line per check, and how to fix a problem."""

from __future__ import annotations

from typing import Literal

import msgspec


class Diagnostic(msgspec.Struct, frozen=True):
    """The result of one check. `fix` is empty only if there is nothing to do."""

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
