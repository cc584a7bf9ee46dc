"""How a user signs in to GNU Health: which database, the password, and the codes that the server asks for.

One call takes password and code together. So the password is sent a second time with the code, and only then.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from cobalt_link.connector import (
    Ask,
    AskAgain,
    Code,
    CredentialsAnswer,
    EhrBusy,
    EhrInstance,
    EhrUser,
    Grant,
    Http,
    Locked,
    NoneOfThese,
    NoRights,
    NotThisAddress,
    Refusal,
    Secret,
    Unsupported,
    WrongCode,
    WrongCredentials,
)
from cobalt_link.connectors.gnuhealth.address import Found, find, version
from cobalt_link.connectors.gnuhealth.practice import company
from cobalt_link.connectors.gnuhealth.server import Denied, Fault, Server, Session, database_url, rpc

# trytond makes a sign-in after failed ones wait up to 31 seconds (2**5 - 1) before it answers.
PATIENCE = 45.0
# [session] timeout: how long failed sign-ins count. [authentication_sms] ttl: how long a code is good.
LOCKED_SECONDS = 300
CODE_SECONDS = 300
# totp_code: of a module that we have not tried (trytond-authentication-totp). It works the same way.
WAYS: dict[str, Literal["text", "app"]] = {"sms_code": "text", "totp_code": "app"}
NEEDED = ["gnuhealth.appointment", "gnuhealth.patient"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sign-in call led: in (`user`, `key`), or to a code (`asks` names the server's parameter) at time `at`."""

    user: int = 0
    key: str = ""
    asks: str | None = None
    at: float = 0.0


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    session: Session
    name: str | None
    practice: str | None = None


async def recognize(http: Http, instance: EhrInstance) -> None:
    """Raises NotThisAddress unless a Tryton server answers there."""
    await version(http, await find(http, instance))


async def sign_in(http: Http, ask: Ask, instance: EhrInstance) -> Grant:
    found = await ask.once("find_databases", find, http, instance, ask.known.get("database"), returns=Found, again=True)
    database = await _database(ask, found)
    who, factor, step = await _enter(http, ask, database_url(found.base, database))
    session = Session(base=found.base, database=database, login=who.username, user=step.user, key=step.key)
    opened = await ask.once("open_chart", _open, http, session, returns=Opened, again=True)
    session = opened.session
    return Grant(
        user=EhrUser(id=str(session.user), username=session.login, name=opened.name),
        tenant=session.database,
        practice=opened.practice,
        session=msgspec.to_builtins(session),
        known={"database": session.database, "factor": factor},
    )


async def _database(ask: Ask, found: Found) -> str:
    """The one of the last sign-in, the only one, or the one that the user picks."""
    if (known := ask.known.get("database")) in found.databases:
        return str(known)
    rows = {name: name for name in found.databases}
    chosen = await ask.one_of("database", rows, remember=len(rows) > 1, none_of_these=True)
    if chosen is None:
        raise NoneOfThese(choice="database")
    return chosen


async def _enter(http: Http, ask: Ask, url: str) -> tuple[CredentialsAnswer, str | None, Step]:
    """What the user typed, the second factor if there was one, and the session."""
    # With a second factor the call makes the server text the user: a renewal in the background stops before it.
    reaches_user = bool(ask.known.get("factor"))
    refused: Refusal | None = None
    while True:
        step = await ask.password(log_in, http, url, returns=Step, reaches_user=reaches_user, refused=refused)
        who = ask.credentials
        assert who is not None
        try:
            return who, step.asks, await _code(http, ask, url, who, step)
        except AskAgain as no:  # the password was changed before the code came
            refused = no


async def _code(http: Http, ask: Ask, url: str, who: CredentialsAnswer, step: Step) -> Step:
    """Asks until the code is right. The server sends no second code while one is valid, so no resend is offered."""
    resent = False
    while step.asks:
        pane = Code(way=WAYS[step.asks], resent=resent)
        step = await ask.code(
            check_code, http, url, who.username, who.password, step, pane=pane, returns=Step, reaches_user=True
        )
        resent = True
    return step


async def check_code(http: Http, url: str, username: str, password: Secret, sent: Step, code: Secret) -> Step:
    """The session, or the next code that the server has sent. Raises WrongCode, and what `log_in` raises."""
    step = await log_in(http, url, username, password, sent.asks, code)
    # A wrong code and one that came too late look the same. Only after the latter the server has sent the next one.
    if step.asks and (step.at - sent.at < CODE_SECONDS or WAYS[step.asks] != "text"):
        raise WrongCode
    return step


async def log_in(
    http: Http, url: str, username: str, password: Secret, field: str | None = None, code: Secret | None = None
) -> Step:
    """One call of `common.db.login`. Raises WrongCredentials, Locked, Unsupported, or NotThisAddress."""
    words = {"password": password.reveal()}
    if field and code and (typed := "".join(code.reveal().split())):
        words[field] = typed
    try:
        user, key = await rpc(http, url, "common.db.login", username, words, "en", timeout=PATIENCE)
    except EhrBusy:
        raise Locked(seconds=LOCKED_SECONDS) from None
    except Denied as no:
        raise (WrongCredentials() if no.status == 401 else NotThisAddress(reason="not_found")) from None
    except Fault as fault:
        return Step(asks=_asked(fault), at=time.time())
    return Step(user=user, key=key, at=time.time())


def _asked(fault: Fault) -> str:
    """The parameter that the server's LoginException asks for next."""
    field = fault.detail[0] if fault.kind == "LoginException" and isinstance(fault.detail, list) else None
    if field not in WAYS:
        raise Unsupported(what="sign_in_method")
    return field


async def _open(http: Http, session: Session) -> Opened:
    """Reads what every later call needs, and whether this user may read the chart at all."""
    context = await Server(http, session).call("model.res.user.get_preferences", True, {})
    server = Server(http, msgspec.structs.replace(session, context=_kept(context)))
    try:
        rights = await server.model("ir.model.access", "get_access", NEEDED)
    except Fault:
        # A Tryton without GNU Health knows no such models.
        raise NotThisAddress(reason="other_ehr") from None
    if not all(rights[model]["read"] for model in NEEDED):
        raise NoRights("chart")
    (user,) = await server.model("res.user", "read", [session.user], ["name", "login"])
    practice = await company(server)
    opened = msgspec.structs.replace(server.session, login=user["login"], timezone=practice.timezone)
    return Opened(session=opened, name=user["name"] or None, practice=practice.name)


def _kept(context: dict[str, Any]) -> dict[str, Any]:
    """Tryton's clients send their preferences with every call; how numbers are written does not matter here."""
    return {key: value for key, value in context.items() if key != "locale"}
