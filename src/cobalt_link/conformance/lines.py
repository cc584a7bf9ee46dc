"""Where findings are: the line of a key in a TOML file, and of a method in the connector's code."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from pathlib import Path


def at_key(file: Path, key: str, table: str = "") -> str:
    """ "manifest.toml:3" for a key of a table, with the dots of its name. Line 1 if the file does not have the key."""
    inside = ""
    for number, line in enumerate(_lines(file), 1):
        text = line.strip()
        if opened := re.match(r"\[+\s*([^\]]+?)\s*\]", text):
            inside = opened[1].replace('"', "")
            if _dotted(table, key) == inside:
                return _named(file, number)
        elif (named := re.match(r"([\w.\"-]+)\s*=", text)) and _dotted(inside, named[1]) == _dotted(table, key):
            return _named(file, number)
    return _named(file, 1)


def at_case(file: Path, name: str) -> str:
    """ "cases.toml:7 (A password is enough)"."""
    found = (number for number, line in enumerate(_lines(file), 1) if re.match(r"name\s*=", line) and name in line)
    return f"{_named(file, next(found, 1))} ({name})"


def at_code(thing: object) -> str:
    """ "__init__.py:40" for a class or method."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    return f"{Path(inspect.getfile(thing)).name}:{inspect.getsourcelines(thing)[1]}"  # type: ignore[arg-type]


def _dotted(table: str, key: str) -> str:
    return f"{table}.{key}".strip(".").replace('"', "")


def at_caller(folder: Path | None) -> str:
    """ "sign_in.py:40": the innermost line of the folder that is running now. "" if there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        if folder is not None and Path(frame.f_code.co_filename).parent == folder:
            return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def at_error(error: BaseException, folder: Path) -> str:
    """ "wire.py:12": the innermost line of the folder that an exception went through. "" if there is none."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if Path(each.filename).parent == folder]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines() if file.is_file() else []


def _named(file: Path, number: int) -> str:
    within = f"{file.parent.name}/" if file.parent.name == "texts" else ""
    return f"{within}{file.name}:{number}"
