"""Renders a page from its template, header, texts, and notice. The header draws a wire between the app and the EHR."""

from __future__ import annotations

from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from cobalt_link.link.pages.assets import accent_url, static_url
from cobalt_link.link.pages.closed import Ended
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.hosts import web_url
from cobalt_link.link.pages.texts import LOCALES, Texts, catalog, clean, isolated


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The header. `wire` is its progress (`at1` … `at5`) or state (`flow`, `cut`, `mend`), `knot` the icon on it in a
    hero."""

    wire: str = ""
    hero: bool = False
    knot: str = ""
    tone: str = ""
    joined: bool = False
    leave: bool = True


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence above the form. `tone` is "" for plain, "bad" if the user can fix it now, "warn" if it is nobody's
    fault. With `stays` it has a button that keeps the page open, and `stays` is its text after that."""

    icon: str
    title: Markup | None = None
    text: Markup | None = None
    tone: str = ""
    stays: Markup | None = None

    @property
    def role(self) -> str:
        return "alert" if self.tone else "status"


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """A button that can be used only after so many `seconds`. A script counts down in `words`, which contain {time}.
    Without a script, `sentence` says how long it takes, unless the page says so anyway."""

    seconds: int
    words: str
    sentence: Markup | None

    @classmethod
    def of(cls, texts: Texts, key: str, seconds: float, sentence: Markup | None = None) -> Later | None:
        """None if it can be used now."""
        return (
            cls(seconds=ceil(seconds), words=texts.plain(key, time="{time}"), sentence=sentence)
            if seconds > 0
            else None
        )


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """A link if `url` is set, otherwise a button that posts `name` and `value`, to the path `to` if given."""

    label: Markup
    name: str = "action"
    value: str = ""
    to: str | None = None
    url: str | None = None
    later: Later | None = None


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of header and footer: the app and the EHR at the ends of the wire, and the links of the page."""

    app: Markup
    app_mark: str | None
    place: Markup
    ehr_mark: str | None
    exit: str | None = None
    here: str | None = None
    privacy: str | None = None
    help: str | None = None
    languages: tuple[tuple[str, str], ...] = ()


@cache
def _environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(name=isolated, clean=clean, static_url=static_url)
    return env


@cache
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.html")


def render_page(template: str, texts: Texts, ends: Ends, head: Head, title: Markup, **more: Any) -> str:
    """A page. `more` may set `why`, `notice`, and `failed`, and must set the other variables of the template."""
    given = {"t": texts, "ends": ends, "head": head, "title": title, "why": None, "notice": None, "failed": False}
    context = more.get("context")
    given |= {"context": None, "page": template, "parent": None, "closing": None, "closes_in": 0, "patience": None}
    given |= {"accent": accent_url(context.accent) if context and context.accent else None, "ends_in": 0}
    given |= {"refusal": None}
    if context and context.ends_as:
        left, whole = context.expires_at - context.now, context.expires_at - context.started
        # A script shows this when the time is over, and a whole page of it if the server can be reached.
        given |= {"ends_in": max(0, ceil(left.total_seconds())), "span": texts.length(whole)}
    framed = given["framed"] = more.get("framed") or (context.framed if context else None)
    # Chromium refuses autofocus in a frame of another site, and complains in the app's console. There the script sets
    # the focus.
    given |= {"parent": framed.parent, "autofocus": "data-focus"} if framed else {"autofocus": "autofocus"}
    return _template(template).render(given | more)


def render_part(macro: str, *given: Any) -> Markup:
    """Renders one macro of `parts.html`."""
    return getattr(_template("parts").module, macro)(*given)


def texts_of(context: PageContext) -> Texts:
    """The texts for the pages of one link session."""
    texts = bare_texts(context.locale, context.operator, context.app_name, context.connector_texts)
    ehr = isolated(context.ehr_name) if context.ehr_name else texts("page.your_ehr")
    place = isolated(context.place) if context.place else ehr
    connections = Markup('<bdi dir="ltr">{}</bdi>').format(Markup("<wbr>/").join(clean(context.connections).split("/")))
    return texts.with_names(ehr=ehr, place=place, host=context.host, connections=connections)


def bare_texts(
    locale: str, operator: str, app_name: str | None, connector_texts: dict[str, str] | None = None
) -> Texts:
    """The texts for pages that know no EHR, and may not even know the app."""
    texts = Texts(locale, connector_texts=connector_texts or {}, names={"operator": operator, "app": app_name})
    return texts if app_name else texts.with_names(app=texts("page.the_app"))


def ends_of(context: PageContext, texts: Texts, here: str = "") -> Ends:
    """Header and footer of a page of a link session. `here` is the page's path below that of the session."""
    return Ends(
        app=isolated(context.app_name),
        app_mark=context.app_mark,
        place=isolated(context.place) if context.place else texts("page.your_ehr_short"),
        ehr_mark=context.ehr_mark,
        exit=f"{context.path}/exit",
        here=context.path + here,
        privacy=web_url(context.privacy_url),
        help=web_url(context.help_url),
        languages=other_languages(texts),
    )


def ends_of_nothing(texts: Texts, app_name: str | None) -> Ends:
    """Header and footer of a page that shows nothing of a link session."""
    return Ends(
        app=isolated(app_name) if app_name else texts("page.the_app_short"),
        app_mark=None,
        place=texts("page.your_ehr_short"),
        ehr_mark=None,
    )


def ends_of_ended(texts: Texts, ended: Ended) -> Ends:
    """The header and footer of a session whose time is over: the app and the EHR keep their names."""
    return Ends(
        app=isolated(ended.app_name),
        app_mark=ended.app_mark,
        place=isolated(ended.ehr_name) if ended.ehr_name else texts("page.your_ehr_short"),
        ehr_mark=ended.ehr_mark,
    )


def other_languages(texts: Texts) -> tuple[tuple[str, str], ...]:
    """The other locales, each with its own name of the language."""
    return tuple((locale, catalog(locale)["language.name"]) for locale in LOCALES if locale != texts.locale)
