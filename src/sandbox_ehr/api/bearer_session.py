"""The session of an API request: its bearer token, and the right that the call needs."""

from starlette.requests import Request

from sandbox_ehr import refusals
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.login.sessions import Session, use_session
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import bearer_token


async def require_session(request: Request, right: str = "") -> Session:
    """The open session of the request. Raises RequestRefused if there is none, or if it lacks the right."""
    ehr = ehr_of(request)
    session = await ehr.database.run(use_session, bearer_token(request), ehr.clock.now())
    if session is None:
        raise RequestRefused(refusals.session_expired())
    # Noted before the right is checked, so that the log names the user of a refused request too.
    note_outcome(request, "ok", session.username)
    if right and right not in session.rights:
        raise RequestRefused(refusals.no_rights(right))
    return session
