"""Renders every hosted page to a string, from its page context alone. Pages are complete without a script.

Forms post `csrf` and `pane` to the path of the session. The attribute `data-pane` of a form names its pane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from cobalt_link.connector.panes import Pane
from cobalt_link.link.pages import consent, questions
from cobalt_link.link.pages.assets import accent_url
from cobalt_link.link.pages.closed import CLOSED, Ended, FrameRefusal
from cobalt_link.link.pages.context import EhrWindow, Framed, PageContext, Search, ShownStep
from cobalt_link.link.pages.hosts import web_url
from cobalt_link.link.pages.layout import (
    Act,
    Ends,
    Head,
    Notice,
    bare_texts,
    ends_of,
    ends_of_ended,
    ends_of_nothing,
    render_page,
    render_part,
    texts_of,
)
from cobalt_link.link.pages.pane_view import PaneView
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
    window: EhrWindow = "",
    errors: Mapping[str, str] = _NONE,
    typed: Mapping[str, str] = _NONE,
) -> str:
    """The page of a pane. `errors` maps fields to text keys. `typed` holds the values to keep. `stale`: the user
    answered a pane that was no longer open. `stayed`: the user has just extended the session. `window`: see
    PaneView."""
    texts = texts_of(context)
    length = getattr(pane, "length", None)
    said = {field: texts(key, length=length) for field, key in errors.items()}
    view = PaneView(context=context, texts=texts, search=search or _NO_SEARCH, errors=said, typed=typed, window=window)
    given: dict[str, Any] = {"errors": said} | questions.given(view, pane)
    notice = questions.notice(view, pane, given, stale=stale, stayed=stayed)
    failed = bool(given["errors"] or pane.problem)
    template, head, title = given.pop("template"), given.pop("head"), given.pop("title")
    by_field = dict.fromkeys(questions.FIELDS) | given["errors"]
    more = given | {"context": context, "pane": pane, "notice": notice, "failed": failed, "errors": by_field}
    if not (notice and notice.stays):  # a script shows the notice when the time comes
        more |= {"closing": questions.closing(context, texts, questions.WARNED)}
        more |= {"closes_in": max(0, round(questions.seconds_left(context)) - questions.WARNED)}
    return render_page(template, texts, ends_of(context, texts), head, title, **more)


def held_open(page: str) -> tuple[str, Callable[[str], str]]:
    """Splits a page for streaming: the part to send at once, and a function of the next URL that gives the end."""
    head, end, tail = page.rpartition("</body>")
    refresh = Markup('<meta http-equiv="refresh" content="0;url={}">\n')
    return head, lambda next_url: str(refresh.format(next_url)) + end + tail


def working(
    context: PageContext, *, slow: bool = False
) -> tuple[str, Callable[[ShownStep], str], Callable[[str], str]]:
    """The page that stays open while steps run: its head, a function for each step, and one of the next URL for its
    end.

    `slow` shows from the start the notice that a script otherwise shows after a while."""
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
    """The last page of a linked account: what the app may do now, and the way back to it."""
    t = texts_of(context)
    who = (t("fact.person"), isolated(ehr_user_name))
    facts = [who, (t("fact.sees"), consent.seen(context, t)), (t("fact.until"), t("done.until"))]
    go = t("page.back" if context.goes_back else "done.token")
    return _moment("done", context, t, _JOINED, t("done.title"), why=t("done.why"), facts=facts, go=go)


def after(context: PageContext, *, public_token: str | None, client_id: str | None) -> str:
    """The last page where there is no way back. Either the app has exchanged the token already, or the client has no
    callback: then `client_id` shows its developer how to register one, and test clients see the public token."""
    t = texts_of(context)
    why = t("after.why_person")
    return _moment("after", context, t, _JOINED, t("done.title"), why=why, token=public_token, client_id=client_id)


def returning(context: PageContext, callback: str) -> str:
    """A page that goes on to the callback address at once. Its button is for browsers that do not."""
    t = texts_of(context)
    url = web_url(callback)
    act = Act(label=t("page.back"), url=url) if url else None
    whole = _moment("closed", context, t, _JOINED, t("done.title"), why=t("done.why"), act=act, page="returning")
    if url is None:
        return whole
    head, end = held_open(whole)
    return head + end(url)


def going(context: PageContext, url: str) -> str:
    """A page that goes on to the EHR's own sign-in page at once. A redirect would be held to the policy for forms,
    which cannot name the hosts that the EHR may redirect to."""
    t = texts_of(context)
    where = web_url(url)
    act = Act(label=t("redirect.go"), url=where) if where else None
    head = Head(hero=True, wire="flow at3", knot="window", leave=False)
    whole = _moment("closed", context, t, head, t("redirect.go_title"), why=t("redirect.going"), act=act, page="going")
    if where is None:
        return whole
    page, end = held_open(whole)
    return page + end(where)


def back(context: PageContext) -> str:
    """A page that shows, at once, how the session goes on after the EHR's own page."""
    head, _, end = working(context)
    return head + end(context.path)


def leaving(context: PageContext) -> str:
    """Asks whether to stop. The form posts `stop=1` to the exit."""
    t = texts_of(context)
    head = Head(hero=True, wire="cut", knot="pause", leave=False)
    return _moment("leaving", context, t, head, t("leaving.title"), why=t("leaving.why"), here="/exit")


def left(context: PageContext, back_url: str | None, *, declined: bool = False) -> str:
    """The page after the user stopped, or `declined` to give consent. It links to the app if `back_url` is known."""
    t = texts_of(context)
    head = Head(hero=True, wire="cut", knot="check", leave=False)
    url = web_url(back_url)
    act = Act(label=t("page.back"), url=url) if url else None
    why = t(f"left.{'declined_' if declined else ''}{'why' if url else 'why_close'}")
    title = t("left.declined" if declined else "left.title")
    return _moment("closed", context, t, head, title, why=why, act=act, page="left")


def closed(
    code: str,
    *,
    locale: str,
    operator: str,
    app_name: str | None = None,
    back_url: str | None = None,
    context: PageContext | None = None,
    ended: Ended | None = None,
    parent: str | None = None,
    refusal: FrameRefusal | None = None,
) -> str:
    """A page that shows nothing of the link session. `code` is one of `CLOSED`. `context` is used only for the header.
    `ended` names the app and the EHR of a session whose time is over.

    `parent` is the origin that frames the page. There the button closes the frame. The page's script reports `refusal`
    to it.
    """
    t = texts_of(context) if context else bare_texts(locale, operator, ended.app_name if ended else app_name)
    ends = ends_of(context, t) if context else ends_of_ended(t, ended) if ended else ends_of_nothing(t, app_name)
    look = CLOSED[code]
    head = Head(hero=True, wire="cut", knot=look.knot, tone="warn", leave=False)
    note = t.best(f"closed.{code}.note")
    given = {
        "why": t.best(
            f"closed.{code}.why", f"closed.{code}.why_plain", span=t.length(ended.open_for) if ended else None
        ),
        "notice": Notice(icon="info", text=note) if note else None,
        "act": _close(t) if _is_closed(code, parent) else _way_out(t, code, look.stay, back_url, context),
        "page": code,
        "parent": parent,
        "refusal": refusal,
        "accent": accent_url(ended.accent) if ended and ended.accent else None,
    }
    return render_page("closed", t, ends, head, t(f"closed.{code}.title"), **given)


def shell(*, locale: str, operator: str, app_name: str, framed: Framed, accent: str | None = None) -> str:
    """The first page in a frame if no pane is ready. Its script fetches the pane."""
    t = bare_texts(locale, operator, app_name)
    head = Head(wire="at1", leave=False)
    look = {"accent": accent_url(accent)} if accent else {}  # the script replaces only the body
    return render_page("shell", t, ends_of_nothing(t, app_name), head, t("shell.title"), framed=framed, **look)


def begun(page: str) -> tuple[str, str]:
    """Splits a page: the start that all pages of a frame share, with style and script, and the rest."""
    head, title, rest = page.partition("<title>")
    return head, title + rest


def _is_closed(code: str, parent: str | None) -> bool:
    """Whether the button closes the frame. Without cookies, trying again inside the frame cannot help."""
    return parent is not None and (code == "no_cookies" or not CLOSED[code].stay)


def _close(t: Texts) -> Act:
    return Act(label=t("page.close"), url=CLOSE)


def _way_out(t: Texts, code: str, stay: bool, back_url: str | None, context: PageContext | None) -> Act | None:
    if stay:  # an empty address reloads the page
        return Act(label=t("page.again"), url=context.path if context else "")
    url = web_url(back_url)
    return Act(label=t.best(f"closed.{code}.back") or t("page.back"), url=url) if url else None


CLOSE = "#close"  # the script of a framed page closes the frame for this link
_JOINED = Head(hero=True, wire="at5", knot="check", tone="on", joined=True, leave=False)


def _moment(
    template: str, context: PageContext, t: Texts, head: Head, title: Markup, here: str = "", **more: object
) -> str:
    ends: Ends = ends_of(context, t, here)
    return render_page(template, t, ends, head, title, context=context, **more)
