"""The pane for a person whose EHR account the app uses already: keep that connection, or make one beside it."""

from __future__ import annotations

from typing import Any

from cobalt_link.accounts.account import Account
from cobalt_link.ehr.panes import Choice, ChoiceAnswer, Choosable, Pane
from cobalt_link.link.asked import Asked
from cobalt_link.link.drawing import Head
from cobalt_link.link.words import isolated

NAME = "already"
ANOTHER = "another"


def pane_of(account_id: str) -> Choice:
    """Which account it is stands in the pane: the page says since when, and when it was last used."""
    rows = (Choosable(value=account_id, label="keep", known=True), Choosable(value=ANOTHER, label=ANOTHER, known=True))
    return Choice(name=NAME, options=rows, none_of_these=False)


def account_in(pane: Pane | None) -> str | None:
    """The id of the account that a pane asks about, if it is this pane."""
    return pane.options[0].value if isinstance(pane, Choice) and pane.name == NAME else None


def wants_another(answer: ChoiceAnswer) -> bool:
    return answer.value == ANOTHER


def works_for(account: Account, user_id: str) -> bool:
    """Whether there is anything to ask: to the same user of the app, about a connection that works. One that does not
    is repaired by this very sign-in, and another user of the app has none yet."""
    return account.health == "active" and account.user_id == user_id


def view(asked: Asked, pane: Choice) -> dict[str, Any]:
    t, scene = asked.words, asked.scene
    since = t.day(scene.since, scene.now.date()) if scene.since else None
    used = t.moment(scene.last_used, scene.now) if scene.last_used else t("page.never_used")
    facts = [(t("fact.practice"), isolated(scene.practice))] if scene.practice else []
    return {
        "template": "already",
        "head": Head(hero=True, wire="at5", knot="check", tone="on", joined=True),
        "title": t("already.title"),
        "why": t("already.why", since=since) if since else t("already.why_plain"),
        "facts": [*facts, (t("fact.last_used"), used)],
        "options": [
            (option.value, t("already.another" if option.value == ANOTHER else "already.keep"))
            for option in pane.options
        ],
    }
