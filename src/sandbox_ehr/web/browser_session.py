"""The session of a browser, which keeps its secret in a cookie."""

from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.login.sessions import Session, end_session, use_session

COOKIE = "sandbox_ehr_session"


async def browser_session(request: Request) -> Session | None:
    """The session of the cookie if it is still open."""
    ehr = ehr_of(request)
    session = await ehr.database.run(use_session, request.cookies.get(COOKIE, ""), ehr.clock.now())
    if session is not None:
        note_outcome(request, "", session.username)
    return session


def set_session(response: Response, secret: str) -> None:
    # Not marked Secure, because the sandbox runs on plain HTTP.
    response.set_cookie(COOKIE, secret, httponly=True, samesite="strict")


async def end_browser_session(request: Request, response: Response) -> None:
    await ehr_of(request).database.run(end_session, request.cookies.get(COOKIE, ""))
    response.delete_cookie(COOKIE)
