"""The page at `/` for somebody who comes without a link: what this server is, whether it works, and where to go."""

from __future__ import annotations

from cobalt_link.link.pages.hosts import web_url
from cobalt_link.link.pages.layout import Ends, Head, bare_texts, other_languages, render_page
from cobalt_link.link.pages.texts import isolated


def home_page(*, locale: str, operator: str, works: bool, privacy_url: str | None, help_url: str | None) -> str:
    """`works`: the database answers."""
    t = bare_texts(locale, operator, operator)
    ends = Ends(
        app=isolated(t("page.the_app_short")),
        app_mark=None,
        place=t("page.your_ehr_short"),
        ehr_mark=None,
        here="/",
        privacy=web_url(privacy_url),
        help=web_url(help_url),
        languages=other_languages(t),
    )
    rows = (
        ("/connections", "user", t("home.connections"), t("home.connections_what")),
        ("/openapi.json", "list", t("home.docs"), t("home.docs_what")),
        ("/readyz", "check" if works else "alert", t("home.status"), t("home.works" if works else "home.broken")),
    )
    return render_page("home", t, ends, Head(wire="at5", leave=False), t("home.title"), why=t("home.why"), rows=rows)
