"""The pages of the connections flow: the list of connections, and the question before an app is disconnected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from markupsafe import Markup

from cobalt_link.accounts.account import Account
from cobalt_link.developers.clients import Client
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.layout import Head, Notice, ends_of, render_page, texts_of
from cobalt_link.link.pages.loading import app_mark
from cobalt_link.link.pages.texts import Texts, isolated

_HEAD = Head(wire="at5", joined=True, leave=False)


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """An app that uses the user's EHR account. `mark` is up to two letters of the app's name."""

    id: str
    app: str
    mark: str
    practice: str | None
    since: datetime
    last_used: datetime | None


def rows(found: Iterable[tuple[Account, Client]]) -> list[Connection]:
    """A row of the list for each account and its client."""
    return [
        Connection(
            id=account.id,
            app=client.name,
            mark=app_mark(client),
            practice=account.practice,
            since=account.linked_at,
            last_used=account.last_used_at,
        )
        for account, client in found
    ]


def list_page(context: PageContext, found: Sequence[Connection], ehr_user_name: str, *, ended: bool = False) -> str:
    """All connections of one EHR user. `ended`: the user has just disconnected one."""
    t = texts_of(context)
    rows = [(each, _about(context, t, each)) for each in found]
    kind = "some" if rows else "none"
    notice = Notice(icon="check", title=t("connections.ended"), text=t("connections.ended_why")) if ended else None
    why = t(f"connections.{kind}_why", ehr_user_name=ehr_user_name)
    given = {"context": context, "why": why, "notice": notice, "rows": rows}
    return render_page("connections", t, ends_of(context, t), _HEAD, t(f"connections.{kind}"), **given)


def disconnect_page(context: PageContext, one: Connection, ehr_user_name: str) -> str:
    """The question whether to disconnect one app."""
    t = texts_of(context).with_names(app=one.app)
    facts = [
        (t("connections.account"), isolated(ehr_user_name)),
        *([(t("fact.practice"), isolated(one.practice))] if one.practice else []),
        (t("connections.since"), t.day(one.since.date(), context.now.date())),
        (t("fact.last_used"), _last_used(context, t, one)),
    ]
    path = f"{context.path}/connections/{one.id}"
    ends = msgspec.structs.replace(ends_of(context, t), exit=context.path)
    head = msgspec.structs.replace(_HEAD, leave=True)
    given = {"context": context, "why": t("disconnect.why"), "facts": facts, "path": path}
    return render_page("disconnect", t, ends, head, t("disconnect.title"), **given)


def _about(context: PageContext, t: Texts, one: Connection) -> Markup:
    since = t("connections.row_since", day=t.day(one.since.date(), context.now.date()))
    used = t("connections.row_used", when=_last_used(context, t, one)) if one.last_used else t("page.never_used")
    practice = [isolated(one.practice)] if one.practice else []
    return Markup("<br>").join([*practice, since, used])


def _last_used(context: PageContext, t: Texts, one: Connection) -> Markup:
    return t.moment(one.last_used, context.now) if one.last_used else t("page.never_used")
