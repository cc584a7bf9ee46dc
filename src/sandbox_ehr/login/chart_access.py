"""Runs work in the chart for the user of a session, inside a transaction."""

import sqlite3
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sandbox_ehr.clinic import paperwork
from sandbox_ehr.clinic.context import ChartContext, StaffUser
from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.database import Database
from sandbox_ehr.login import accounts
from sandbox_ehr.login.sessions import Session

P = ParamSpec("P")
T = TypeVar("T")
Work = Callable[Concatenate[sqlite3.Connection, ChartContext, P], T]
# A session on demand belongs to a user that the file need not know.
_UNSAVED = StaffUser("u0", "", "Sandbox User", "Front desk")


async def in_chart(
    database: Database, session: Session, now: float, work: Work[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """The result of `work(connection, context, …)`, after the paperwork of visits that came due by now."""
    # In a transaction of its own: work that is refused must not undo it, or the next call has to write all of it again.
    await in_schedule(database, session, now, paperwork.catch_up)
    return await in_schedule(database, session, now, work, *args, **kwargs)


async def in_schedule(
    database: Database, session: Session, now: float, work: Work[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """The same for work that needs no paperwork: writing all of it takes a while the first time."""
    return await database.run(_with_context, session, now, work, *args, **kwargs)


def _with_context(
    connection: sqlite3.Connection, session: Session, now: float, work: Work[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    users = accounts.of_clinic(connection, session.clinic)
    user = next((user for user in users if user.username == session.username), _UNSAVED)
    return work(connection, ChartContext(CLINICS[session.clinic], now, user, users), *args, **kwargs)
