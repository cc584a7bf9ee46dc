"""Every hosted page as a string: pure functions of a page context, complete without a script.

Forms post to the context's path with `csrf` and `pane`; `data-pane` on the form says which pane it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from cobalt_link.connector.panes import Pane
from cobalt_link.link.pages import questions
from cobalt_link.link.pages.assets import accent_url
from cobalt_link.link.pages.closed import CLOSED
from cobalt_link.link.pages.context import Framed, PageContext, Search, ShownStep
from cobalt_link.link.pages.hosts import web_url
from cobalt_link.link.pages.layout import (
    Act,
    Ends,
    Head,
    Notice,
    bare_texts,
    ends_of,
    ends_of_nothing,
    render_page,
    render_part,
    texts_of,
)
from cobalt_link.link.pages.pane_view import PaneShowing
from cobalt_link.link.pages.texts import Texts, isolated

_NONE: Mapping[str, str] = MappingProxyType({})
_NO_SEARCH = Search("", (), 0, ())
_STEPS = "<!--steps-->"


def pane(
    context: PageContext,
    pane: Pane,
    *,
    search: Search | None = None,
    stale: bool = False,
    stayed: bool = False,
    errors: Mapping[str, str] = _NONE,
    typed: Mapping[str, str] = _NONE,
) -> str:
    """The page of a pane. `errors`: field → key of the text; `typed`: what to keep; `stale`: it was answered before;
    `stayed`: it has just been kept open."""
    texts = texts_of(context)
    length = getattr(pane, "length", None)
    said = {field: texts(key, length=length) for field, key in errors.items()}
    showing = PaneShowing(context=context, texts=texts, search=search or _NO_SEARCH, errors=said, typed=typed)
    given: dict[str, Any] = {"errors": said} | questions.given(showing, pane)
    notice = questions.notice(showing, pane, given, stale=stale, stayed=stayed)
    failed = bool(given["errors"] or pane.problem)
    template, head, title = given.pop("template"), given.pop("head"), given.pop("title")
    by_field = dict.fromkeys(questions.FIELDS) | given["errors"]
    more = given | {"context": context, "pane": pane, "notice": notice, "failed": failed, "errors": by_field}
    if not (notice and notice.stays):  # a script shows it when the time comes
        more |= {"closing": questions.closing(context, texts, questions.WARNED)}
        more |= {"closes_in": max(0, round(questions.seconds_left(context)) - questions.WARNED)}
    return render_page(template, texts, ends_of(context, texts), head, title, **more)


def held_open(page: str) -> tuple[str, Callable[[str], str]]:
    """A page to be streamed: what is sent at once, and what ends it later by going on to a URL."""
    head, end, tail = page.rpartition("</body>")
    refresh = Markup('<meta http-equiv="refresh" content="0;url={}">\n')
    return head, lambda next_url: str(refresh.format(next_url)) + end + tail


def working(
    context: PageContext, *, slow: bool = False
) -> tuple[str, Callable[[ShownStep], str], Callable[[str], str]]:
    """The page that stays open while steps run: its head, a list item for each step, and the tail that goes on.

    `slow` says from the start what a script says after a while."""
    texts = texts_of(context)
    patience = Notice(icon="clock", text=texts("working.slow"))

    def page(next_url: str) -> tuple[str, str]:
        given = {"context": context, "why": texts("working.why"), "next_url": next_url}
        given |= {"notice": patience} if slow else {"patience": patience}
        head = Head(hero=True, wire="flow at4")
        whole = render_page("working", texts, ends_of(context, texts), head, texts("working.title"), **given)
        before, _, after = whole.partition(_STEPS)
        return before, after

    def step(shown: ShownStep) -> str:
        text = texts.best(f"step.{shown.name}", "step.other")
        return render_part("step", texts, text, shown.state)

    return page(context.path)[0], step, lambda next_url: page(next_url)[1]


def done(context: PageContext, ehr_user_name: str) -> str:
    """The end of a link: what the app may do now, and the way back to it. `ehr_user_name` as the EHR names them."""
    t = texts_of(context)
    who = (t("fact.person"), isolated(ehr_user_name))
    facts = [who, *questions.allowed(context, t), (t("fact.until"), t("done.until"))]
    return _moment("done", context, t, _JOINED, t("done.title"), why=t("done.why"), facts=facts)


def after(context: PageContext, *, public_token: str | None, client_id: str | None) -> str:
    """The end without a way back: where the client has no callback (then `client_id` tells its developer how to
    register one, and for test clients the public token), or the app has exchanged the token already."""
    t = texts_of(context)
    why = t("after.why_person")
    return _moment("after", context, t, _JOINED, t("done.title"), why=why, token=public_token, client_id=client_id)


def leaving(context: PageContext) -> str:
    """Asks before a link session is given up. The form posts `stop=1` to the exit."""
    t = texts_of(context)
    head = Head(hero=True, wire="cut", knot="pause", leave=False)
    return _moment("leaving", context, t, head, t("leaving.title"), why=t("leaving.why"), here="/exit")


def left(context: PageContext, back_url: str | None) -> str:
    """After a link session was given up, where the app has no address to return to by itself."""
    t = texts_of(context)
    head = Head(hero=True, wire="cut", knot="check", leave=False)
    url = web_url(back_url)
    act = Act(label=t("page.back"), url=url) if url else None
    why = t("left.why" if url else "left.why_close")
    return _moment("closed", context, t, head, t("left.title"), why=why, act=act, page="left")


def closed(
    code: str,
    *,
    locale: str,
    operator: str,
    app_name: str | None = None,
    back_url: str | None = None,
    context: PageContext | None = None,
    parent: str | None = None,
) -> str:
    """A page with nothing of the link session on it. `code` is one of `closing.CLOSED`; `context` only for the header.

    `parent` is the registered origin that frames the page: there the way out closes the frame.
    """
    t = texts_of(context) if context else bare_texts(locale, operator, app_name)
    ends = ends_of(context, t) if context else ends_of_nothing(t, app_name)
    look = CLOSED[code]
    head = Head(hero=True, wire="cut", knot=look.knot, tone="warn", leave=False)
    note = t.best(f"closed.{code}.note")
    given = {
        "why": t(f"closed.{code}.why"),
        "notice": Notice(icon="info", text=note) if note else None,
        "act": _close(t) if _is_closed(code, parent) else _way_out(t, code, look.stay, back_url, context),
        "page": code,
        "parent": parent,
    }
    return render_page("closed", t, ends, head, t(f"closed.{code}.title"), **given)


def shell(*, locale: str, operator: str, app_name: str, framed: Framed, accent: str | None = None) -> str:
    """The first page in a frame where no pane is ready: its script fetches one."""
    t = bare_texts(locale, operator, app_name)
    head = Head(wire="at1", leave=False)
    look = {"accent": accent_url(accent)} if accent else {}  # what comes by script takes the place of the body only
    return render_page("shell", t, ends_of_nothing(t, app_name), head, t("shell.title"), framed=framed, **look)


def begun(page: str) -> tuple[str, str]:
    """A page in two: what every page of its frame begins with, style and script included, and the rest."""
    head, title, rest = page.partition("<title>")
    return head, title + rest


def _is_closed(code: str, parent: str | None) -> bool:
    """Whether the way out closes the frame. Without cookies nothing changes by trying again in it."""
    return parent is not None and (code == "no_cookies" or not CLOSED[code].stay)


def _close(t: Texts) -> Act:
    return Act(label=t("page.close"), url=CLOSE)


def _way_out(t: Texts, code: str, stay: bool, back_url: str | None, context: PageContext | None) -> Act | None:
    if stay:  # an empty address is the page itself, asked for once more
        return Act(label=t("page.again"), url=context.path if context else "")
    url = web_url(back_url)
    return Act(label=t.best(f"closed.{code}.back") or t("page.back"), url=url) if url else None


CLOSE = "#close"  # what the script of a framed page takes as: close the frame
_JOINED = Head(hero=True, wire="at5", knot="check", tone="on", joined=True, leave=False)


def _moment(
    template: str, context: PageContext, t: Texts, head: Head, title: Markup, here: str = "", **more: object
) -> str:
    ends: Ends = ends_of(context, t, here)
    return render_page(template, t, ends, head, title, context=context, **more)
