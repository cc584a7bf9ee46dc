"""How a person gets into GNU Health: which database, password, and the codes that the server was set up to ask for.

One call takes password and code together, so the password is sent a second time with the code, and only then.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Literal

import msgspec

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Choice, Code, CodeAnswer, Credentials, CredentialsAnswer, Option, PaneRefusal
from cobalt_link.connector.refusals import (
    AskAgain,
    EhrBusy,
    Locked,
    NoRights,
    NotThisAddress,
    Unsupported,
    WrongCredentials,
)
from cobalt_link.connectors.gnuhealth.doors import Door, find, version
from cobalt_link.connectors.gnuhealth.practice import timezone
from cobalt_link.connectors.gnuhealth.server import Denied, Fault, Server, Session, database_url, rpc
from cobalt_link.net.http import Http

# trytond makes a sign-in after failed ones wait up to 31 seconds (2**5 - 1) before it answers.
PATIENCE = 45.0
# [session] timeout: how long failed sign-ins count. [authentication_sms] ttl: how long a code is good.
LOCKED_MINUTES = 5
CODE_SECONDS = 300
# Also asks for a code: modules that nobody here has tried (trytond-authentication-totp). The way in is the same.
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


async def recognize(http: Http, instance: EhrInstance) -> None:
    """Raises NotThisAddress unless a Tryton server answers there."""
    await version(http, await find(http, instance))


async def sign_in(http: Http, ask: Ask, instance: EhrInstance) -> Grant:
    looking = partial(find, http, instance, ask.known.get("database"))
    door = await ask.once("find_databases", looking, returns=Door, again=True)
    database = await _database(ask, door)
    login, factor, step = await _enter(http, ask, database_url(door.base, database))
    session = Session(base=door.base, database=database, login=login, user=step.user, key=step.key)
    call = partial(_open, http, session)
    opened = await ask.once("open_chart", call, returns=Opened, again=True)
    session = opened.session
    return Grant(
        user=EhrUser(id=str(session.user), username=session.login, name=opened.name),
        tenant=session.database,
        session=msgspec.to_builtins(session),
        known={"database": session.database, "factor": factor},
    )


async def _database(ask: Ask, door: Door) -> str:
    """The only one, the one of last time, or the one that the person picks."""
    known = ask.known.get("database")
    if known in door.databases:
        return str(known)
    if len(door.databases) == 1:
        return door.databases[0]
    rows = tuple(Option(value=name, label=name) for name in door.databases)
    chosen = await ask(Choice(name="database", options=rows, remember=True))
    if chosen.value not in door.databases:
        raise NotThisAddress(reason="other_ehr")
    return chosen.value


async def _enter(http: Http, ask: Ask, url: str) -> tuple[str, str | None, Step]:
    """The username, the second factor if there was one, and the session.

    With a second factor the call makes the server text the person: a renewal in the background stops before it.
    """
    reaches_user = bool(ask.known.get("factor"))
    pane = Credentials()
    while True:
        who = await ask(pane)
        try:
            call = partial(log_in, http, url, who)
            step = await ask.once("log_in", call, returns=Step, reaches_user=reaches_user)
            return who.username, step.asks, await _code(http, ask, url, who, step) if step.asks else step
        except AskAgain as no:
            pane = Credentials(username=who.username, problem=PaneRefusal(no.code, no.details))


async def _code(http: Http, ask: Ask, url: str, who: CredentialsAnswer, step: Step) -> Step:
    """Asks until the code is right. The server sends no second code while one is good, so no resend is offered."""
    field, sent_at = step.asks or "", step.at
    way = WAYS[field]
    pane = Code(way=way)
    while True:
        answer = await ask(pane)
        call = partial(log_in, http, url, who, field, answer)
        step = await ask.once("check_code", call, returns=Step, reaches_user=True)
        if not step.asks:
            return step
        # A wrong code and one that came too late look the same; with the latter the server has sent the next one.
        if step.at - sent_at >= CODE_SECONDS and way == "text":
            pane, sent_at = Code(way=way, resent=True), step.at
        else:
            pane = Code(way=way, problem=PaneRefusal("wrong_code"))


async def log_in(
    http: Http, url: str, who: CredentialsAnswer, field: str | None = None, code: CodeAnswer | None = None
) -> Step:
    """One call of `common.db.login`. Raises WrongCredentials, Locked, Unsupported or NotThisAddress."""
    words = {"password": who.password.reveal()}
    if field and code and code.code and (typed := "".join(code.code.reveal().split())):
        words[field] = typed
    try:
        user, key = await rpc(http, url, "common.db.login", who.username, words, "en", timeout=PATIENCE)
    except EhrBusy:
        raise Locked(minutes=LOCKED_MINUTES) from None
    except Denied as no:
        raise (WrongCredentials() if no.status == 401 else NotThisAddress(reason="not_found")) from None
    except Fault as fault:
        return Step(asks=_asked(fault), at=time.time())
    return Step(user=user, key=key, at=time.time())


def _asked(fault: Fault) -> str:
    """The server's LoginException: it names the parameter that it wants next."""
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
        raise NoRights(rights="chart")
    (user,) = await server.model("res.user", "read", [session.user], ["name", "login"])
    zone = await timezone(server)
    opened = msgspec.structs.replace(server.session, login=user["login"], timezone=zone)
    return Opened(session=opened, name=user["name"] or None)


def _kept(context: dict[str, Any]) -> dict[str, Any]:
    """Tryton's clients send their preferences with every call; how numbers are written does not matter here."""
    return {key: value for key, value in context.items() if key != "locale"}
