"""Runs the SMART connector's sign-in against a server, with the user's way through the EHR's page in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cobalt_link.connector import Chart, Secret
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Redirect, RedirectAnswer
from cobalt_link.connectors.smart import Smart
from cobalt_link.connectors.smart.session import Session, stored
from cobalt_link.connectors.smart.statement import statement_of
from cobalt_link.signin.entries import encoded
from cobalt_link.signin.journal import JournalEntry, MemoryJournal
from cobalt_link.signin.replay import Asking, Outcome, replay
from cobalt_link.signin.replay import Granted as Finished
from tests.support.ehrs.smart import SmartEhr, capability_statement

ALL = "openid fhirUser offline_access user/*.cruds"


async def run(
    connector: Smart, ehr: SmartEhr, *, known: Mapping[str, Any] | None = None, launched: bool = False
) -> Outcome:
    """The whole sign-in: as far as it comes."""
    journal = MemoryJournal()
    outcome = await advance(connector, ehr.address, journal, known, launched=launched)
    while isinstance(outcome, Asking) and isinstance(outcome.pane, Redirect):
        await answer(journal, outcome, await ehr.approve(outcome.pane.url))
        outcome = await advance(connector, ehr.address, journal, known, launched=launched)
    return outcome


async def advance(
    connector: Smart,
    address: str,
    journal: MemoryJournal,
    known: Mapping[str, Any] | None = None,
    *,
    launched: bool = False,
) -> Outcome:
    """Runs the sign-in to the next open entry, from the top, as another process would."""
    instance = EhrInstance(address=address)
    return await replay(lambda ask: connector.sign_in(ask, instance), journal, known=known, launched=launched)


async def answer(journal: MemoryJournal, asking: Asking, given: Mapping[str, str]) -> None:
    """What Link makes of a return to the callback address."""
    code = Secret(given["code"]) if "code" in given else None
    came_back = RedirectAnswer(code=code, issuer=given.get("iss"), error=given.get("error"))
    entry = JournalEntry(n=asking.n, kind="ask", name=asking.pane.name, state="done", value=encoded(came_back))
    await journal.finish(entry)


def granted(outcome: Outcome) -> Grant:
    assert isinstance(outcome, Finished), outcome
    return outcome.grant


def chart_of(address: str, grant: Grant) -> Chart:
    return Chart(
        instance=EhrInstance(address=address), tenant=grant.tenant, session=grant.session, known=grant.known,
        offers=grant.offers,
    )  # fmt: skip


def open_chart(ehr: SmartEhr, *, scope: str = ALL, vendor: str = "other", **more: Any) -> Chart:
    """A chart as after a sign-in, without one."""
    ehr.access.add("a-token")
    statement = statement_of(ehr.statement or capability_statement())
    session = Session(
        address=ehr.address, vendor=vendor, access_token="a-token", token_endpoint=f"{ehr.origin}/token", scope=scope,
        statement=statement, user=ehr.user, **more,
    )  # fmt: skip
    return Chart(instance=EhrInstance(address=ehr.address), tenant="", session=stored(session))
