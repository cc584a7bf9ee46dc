"""Lets a test make and change users, and answer the pushes that wait for them."""

from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox_ehr import refusals
from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.lab.ehr_under_test import EhrUnderTest
from sandbox_ehr.login import accounts, pending_sign_ins
from sandbox_ehr.login.accounts import Account
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import json_body
from sandbox_ehr.responses import json_response


class UserChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is. A new user needs a password."""

    password: str | None = None
    name: str | None = None
    mfa: Literal["none", "code", "choice", "push"] | None = None
    clinics: list[str] | None = None
    rights: list[str] | None = None
    locked: bool | None = None
    must_change: bool | None = None
    push_plan: Literal["approve", "deny", "ignore"] | None = None
    push_after: float | None = None
    patient_id: str | None = None


class PushAnswer(msgspec.Struct, forbid_unknown_fields=True):
    answer: Literal["approve", "deny", "expire"]


async def user(request: Request) -> Response:
    """PUT changes or makes a user. GET shows one."""
    ehr: EhrUnderTest = request.app.state.ehr
    username = request.path_params["name"]
    account = await ehr.database.run(accounts.find, username)
    if request.method == "PUT":
        change = await json_body(request, UserChange)
        if account is None and change.password is None:
            raise RequestRefused(refusals.bad_request("A new user needs a password."))
        account = _changed(account or Account(username=username, id=f"u-{username}", name=username), change)
        await ehr.database.run(accounts.save, account)
        if change.password is not None:
            await ehr.database.run(accounts.set_password, username, change.password)
    if account is None:
        raise RequestRefused(refusals.not_found("user"))
    return json_response(account)


async def answer_push(request: Request) -> Response:
    ehr: EhrUnderTest = request.app.state.ehr
    body = await json_body(request, PushAnswer)
    count = await ehr.database.run(pending_sign_ins.answer_push, request.path_params["name"], body.answer)
    if not count:
        raise RequestRefused(refusals.not_found("waiting push"))
    return json_response({"answered": count})


def _changed(account: Account, change: UserChange) -> Account:
    values = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
    values.pop("password", None)  # It is no field of the account: it is stored by its own call, as a hash.
    if not set(values.get("clinics", ())) <= CLINICS.keys() or values.get("clinics") == []:
        raise RequestRefused(refusals.bad_request(f"clinics must be one or more of {', '.join(CLINICS)}."))
    values |= {name: tuple(values[name]) for name in ("clinics", "rights") if name in values}
    if "locked" in values:
        # A user who is unlocked also starts over with all tries, for passwords and for codes.
        values |= {"locked_until": accounts.FOREVER if values.pop("locked") else 0, "failures": 0}
        values |= {"codes_until": 0, "code_failures": 0}
    return msgspec.structs.replace(account, **values)
