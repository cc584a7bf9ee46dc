"""The pane for a user whose EHR account the app uses already: keep that connection, or make a second one beside it."""

from __future__ import annotations

from cobalt_link.accounts.account import Account
from cobalt_link.connector.panes import Choice, ChoiceAnswer, Option, Pane

NAME = "already"
ANOTHER = "another"


def pane_of(account_id: str) -> Choice:
    """The pane holds the account's id. The page looks up when it was connected and last used."""
    rows = (Option(value=account_id, label="keep", known=True), Option(value=ANOTHER, label=ANOTHER, known=True))
    return Choice(name=NAME, options=rows, none_of_these=False)


def account_in(pane: Pane | None) -> str | None:
    """The id of the account that a pane asks about, if it is this pane."""
    return pane.options[0].value if isinstance(pane, Choice) and pane.name == NAME else None


def wants_another(answer: ChoiceAnswer) -> bool:
    return answer.value == ANOTHER


def asks_about(account: Account) -> bool:
    """Whether to ask. A broken connection is repaired by this very sign-in, and needs no question."""
    return account.health == "active"
