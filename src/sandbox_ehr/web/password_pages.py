"""The pages on which a person changes a password, or resets a forgotten one."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.login import passwords
from sandbox_ehr.login.sandbox_logins import PASSWORD
from sandbox_ehr.web.forms import posted_form
from sandbox_ehr.web.rendering import page
from sandbox_ehr.web.sign_in_pages import sign_in_page


async def change_password(request: Request) -> Response:
    if request.method == "GET":
        return page("change_password.html", username=request.query_params.get("username", ""), notice=None)
    form, ehr = await posted_form(request), ehr_of(request)
    username, password, new_password = (form.get(field, "") for field in ("username", "password", "new_password"))
    note_outcome(request, "password_changed", username)
    refusal = await ehr.database.run(passwords.change_password, ehr.clock.now(), username, password, new_password)
    if refusal is None:
        return sign_in_page(username=username, done="The new password works now. Sign in with it.")
    note_outcome(request, refusal.error)
    return page("change_password.html", refusal.status, username=username, notice=refusal)


async def reset_password(request: Request) -> Response:
    if request.method == "GET":
        return page("reset_password.html", username=request.query_params.get("username", ""))
    username = (await posted_form(request)).get("username", "")
    note_outcome(request, "password_forgotten", username)
    await ehr_of(request).database.run(passwords.reset_password, username)
    # The same answer for a username that does not exist, so that this page does not reveal who has an account.
    done = f"If this account exists, its password is {PASSWORD} again. Sign in with it."
    return sign_in_page(username=username, done=done)


routes = [
    Route("/password", change_password, methods=["GET", "POST"]),
    Route("/forgotten", reset_password, methods=["GET", "POST"]),
]
