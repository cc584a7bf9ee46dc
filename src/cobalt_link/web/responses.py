"""How answers leave: structs and problems as JSON, and what an exception tells the caller (nothing of its inside)."""

import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cobalt_link.web.problems import InternalError, InvalidRequest, MethodNotAllowed, NotFound, Problem

log = structlog.get_logger(__name__)

Known = Mapping[type[Exception], type[Problem]]


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers or None, "application/json")


def refusal(problem: Problem, request_id: str) -> Response:
    return json_answer(problem.body(request_id), problem.status, problem.headers)


def problem_of(error: Exception, known: Known, where: str) -> Problem:
    """What to tell the caller. Unknown exceptions are logged by type and place, never by their text.

    The text of an exception may quote what was sent (a database's DETAIL line does), so it stays out of the log.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _from_starlette(error)
    log.error("request failed", route=where, error=_chain(error), sqlstate=getattr(error, "sqlstate", None))
    expected = next((known[kind] for kind in type(error).__mro__ if kind in known), None)
    return expected() if expected else InternalError()


def _from_starlette(error: HTTPException) -> Problem:
    kinds = {404: NotFound, 405: MethodNotAllowed}
    return kinds.get(error.status_code, InvalidRequest)(headers=error.headers)


def _chain(error: BaseException | None) -> list[str]:
    """The exception and its causes, each as type and place: `ValueError at vault.py:31 open < tokens.py:12 read`."""
    lines: list[str] = []
    while error is not None and len(lines) < 5:
        frames = reversed(traceback.extract_tb(error.__traceback__)[-6:])
        places = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
        lines.append(f"{type(error).__module__}.{type(error).__qualname__} at {places}")
        error = error.__cause__ or error.__context__
    return lines
