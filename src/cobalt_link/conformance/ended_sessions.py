"""Whether a connector recognizes that the EHR has ended its session: each read must then raise `SessionEnded`.

Otherwise the session is never renewed, and the account stays broken until its user links again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from typing import Any

import msgspec

from cobalt_link.conformance.lines import at_code
from cobalt_link.conformance.lists import given, small_call
from cobalt_link.conformance.report import Fault
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.refusals import Refusal, SessionEnded

ADVICE = "Raise SessionEnded when the EHR no longer knows the session, or it is never renewed."


async def unrecognized_ends(
    connector: Any, chart: Chart, methods: list[str], end: Callable[[], Awaitable[None]] | None
) -> AsyncIterator[Fault]:
    """Ends the session before each of the methods, and calls it.

    `end` is the case's own way to end sessions. Without it, the session is signed out or, where the EHR does not honor
    that, its tokens are replaced.
    """
    signed_out = False
    for method in methods:
        where = at_code(getattr(type(connector), method))
        if end is not None:
            await end()
        elif not signed_out and type(connector).sign_out is not Connector.sign_out:
            try:
                await connector.sign_out(chart)
            except Exception as error:
                text = f"Signing out ended in {_said(error)}. It must succeed while the session is valid."
                yield Fault(text, at_code(type(connector).sign_out))
        signed_out = True
        error = await outcome(connector, chart, method)
        if error is None and end is None:
            broken = msgspec.structs.replace(chart, session=replaced(chart.session))
            if broken.session == chart.session:
                yield Fault(f"The check cannot end the session before {method}. Add end_session to the case.", where)
                continue
            error = await outcome(connector, broken, method)
        if error is None:
            yield Fault(f"With an ended session, {method} gives records instead of SessionEnded. {ADVICE}", where)
        elif not isinstance(error, SessionEnded):
            yield Fault(f"With an ended session, {method} ends in {_said(error)}. {ADVICE}", where)


def replaced(value: Any) -> Any:
    """JSON of the same shape with other texts: what a session looks like that the EHR does not know."""
    match value:
        case str():
            return "".join(_other(letter) for letter in value)
        case dict():
            return {key: replaced(each) for key, each in value.items()}
        case list():
            return [replaced(each) for each in value]
    return value


def _other(letter: str) -> str:
    for first, last in ("09", "az", "AZ"):
        if first <= letter <= last:
            return first if letter == last else chr(ord(letter) + 1)
    return letter


async def outcome(connector: Any, chart: Chart, method: str) -> Exception | None:
    """What a small call of the method raises. None if it gives records."""
    today = date.today()  # noqa: DTZ011  any days will do
    try:
        await given(getattr(connector, method)(chart, *small_call(method, today)))
    except Exception as error:
        return error
    return None


def _said(error: Exception) -> str:
    return f"the refusal {type(error).__name__}" if isinstance(error, Refusal) else type(error).__name__
