"""Responses: structs and problems as JSON, and the problem that an exception becomes.

The text of an exception reaches neither the caller nor the log.
"""

import traceback
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cobalt_link.web.problems import InternalError, InvalidRequest, MethodNotAllowed, NotFound, Problem

log = structlog.get_logger(__name__)

ProblemMap = Mapping[type[Exception], type[Problem]]


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers or None, "application/json")


def problem_response(problem: Problem, request_id: str) -> Response:
    return json_response(problem.body(request_id), problem.status, problem.headers)


def to_problem(error: Exception, problem_map: ProblemMap, where: str) -> Problem:
    """The problem that the caller gets. An exception that is no `Problem` is logged by type and place.

    Its text stays out of the log, because it may quote what was sent (the DETAIL line of a database error does).
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _from_starlette(error)
    log.error("request_failed", route=where, error=_chain(error), sqlstate=getattr(error, "sqlstate", None))
    # By the method resolution order, so that the most specific class decides.
    expected = next((problem_map[kind] for kind in type(error).__mro__ if kind in problem_map), None)
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
