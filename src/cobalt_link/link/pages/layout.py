"""Puts a page together: the template, the two ends of the wire in its header, the words, the notice."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from cobalt_link.link.pages.assets import accent_url, static_url
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.hosts import web_url
from cobalt_link.link.pages.texts import LOCALES, Texts, clean, isolated


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The header: how far the wire is (`at1` … `at5`, `flow`, `cut`, `mend`), and in a hero the knot on it."""

    wire: str = ""
    hero: bool = False
    knot: str = ""
    tone: str = ""
    joined: bool = False
    leave: bool = True


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence above the form. `tone`: "" plain, "bad" to mend now, "warn" nobody's fault. With `stays` it has a
    button that keeps the page open, and this is what it says then."""

    icon: str
    title: Markup | None = None
    text: Markup | None = None
    tone: str = ""
    stays: Markup | None = None

    @property
    def role(self) -> str:
        return "alert" if self.tone else "status"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """A button (`name`, `value`, posted `to` another path where given) or, with a `url`, a link."""

    label: Markup
    name: str = "action"
    value: str = ""
    to: str | None = None
    url: str | None = None


class Ends(msgspec.Struct, frozen=True, kw_only=True):
    """What header and footer say: both ends of the wire, who runs this, and where else one can go."""

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


def draw(template: str, words: Texts, ends: Ends, head: Head, title: Markup, **more: Any) -> str:
    """A page. `more`: `why`, `notice`, `failed` of every page, and what the template asks for."""
    given = {"t": words, "ends": ends, "head": head, "title": title, "why": None, "notice": None, "failed": False}
    scene = more.get("scene")
    given |= {"scene": None, "page": template, "parent": None, "closing": None, "closes_in": 0, "patience": None}
    given |= {"accent": accent_url(scene.accent) if scene and scene.accent else None}
    framed = given["framed"] = more.get("framed") or (scene.framed if scene else None)
    # Chromium refuses autofocus in a frame of another site, and complains in the app's console: the script focuses.
    given |= {"parent": framed.parent, "autofocus": "data-focus"} if framed else {"autofocus": "autofocus"}
    return _template(template).render(given | more)


def draw_part(macro: str, *given: Any) -> Markup:
    """One macro of `parts.html`."""
    return getattr(_template("parts").module, macro)(*given)


def words_of(scene: PageContext) -> Texts:
    """The voice of a scene's pages."""
    words = bare_words(scene.locale, scene.operator, scene.app_name, scene.connector_texts)
    ehr = isolated(scene.ehr_name) if scene.ehr_name else words("page.your_ehr")
    place = isolated(scene.place) if scene.place else ehr
    connections = Markup('<bdi dir="ltr">{}</bdi>').format(Markup("<wbr>/").join(clean(scene.connections).split("/")))
    return words.knowing(ehr=ehr, place=place, host=scene.host, connections=connections)


def bare_words(locale: str, operator: str, app_name: str | None, theirs: dict[str, str] | None = None) -> Texts:
    """The voice of pages that know no EHR, or not even the app."""
    words = Texts(locale, theirs=theirs or {}, names={"operator": operator, "app": app_name})
    return words if app_name else words.knowing(app=words("page.the_app"))


def ends_of(scene: PageContext, words: Texts, here: str = "") -> Ends:
    """Header and footer of a page of the link_session, which stands at `here` under the link session's path."""
    return Ends(
        app=isolated(scene.app_name),
        app_mark=scene.app_mark,
        place=isolated(scene.place) if scene.place else words("page.your_ehr_short"),
        ehr_mark=scene.ehr_mark,
        exit=f"{scene.path}/exit",
        here=scene.path + here,
        privacy=web_url(scene.privacy_url),
        help=web_url(scene.help_url),
        languages=other_languages(words),
    )


def ends_of_nothing(words: Texts, app_name: str | None) -> Ends:
    """Header and footer of a page that shows nothing of a link session."""
    return Ends(
        app=isolated(app_name) if app_name else words("page.the_app_short"),
        app_mark=None,
        place=words("page.your_ehr_short"),
        ehr_mark=None,
    )


def other_languages(words: Texts) -> tuple[tuple[str, str], ...]:
    """The other locales, each by its own name."""
    return tuple((locale, str(words(f"language.{locale}"))) for locale in LOCALES if locale != words.locale)
