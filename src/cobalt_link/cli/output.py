"""The output of a command: a stable JSON document for scripts, or lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec


def print_result(json: bool, value: Any, text: str) -> None:
    """Prints the result to stdout: `value` as a JSON document with --json, else `text`."""
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if json else text, flush=True)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table with columns as wide as their longest cell. None and empty cells are a dash."""
    lines = [list(head), *([_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def fields(pairs: Iterable[tuple[str, Any]]) -> str:
    """One `name: value` per line, with aligned values."""
    known = [(name, _cell(value)) for name, value in pairs]
    width = max(len(name) for name, _ in known) + 1
    return "\n".join(f"{name + ':':<{width}} {value}" for name, value in known)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M UTC")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value) or "-"
    return "-" if value is None or value == "" else str(value)
