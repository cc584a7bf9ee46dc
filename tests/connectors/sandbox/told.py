"""Tells the sandbox connector's sign-in from a list of answers, in pieces as the kit does, against the real EHR."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.conformance.cases import Case, CaseBroken, CaseStep
from cobalt_link.conformance.recording import WatchedHttp
from cobalt_link.conformance.runs import Told, told_by_many
from cobalt_link.conformance.script import Script
from cobalt_link.connector.connector import Chart
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connectors.sandbox import Sandbox
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Outcome, replay

CODE = {"code": "123456"}


def password(username: str, password: str = "pass_good") -> dict[str, Any]:
    return {"username": username, "password": password}


async def told(address: str, *steps: dict[str, Any], timeout: float = 20.0) -> Told:
    """What comes of these steps; a pane that nothing answers is the last one."""
    case = Case(name="", ends="", steps=tuple(msgspec.convert(step, CaseStep) for step in steps))
    watched, own, result = WatchedHttp(timeout=timeout), Http(allow_private=True), Told()
    try:
        await told_by_many(Sandbox, EhrInstance(address=address), Script(case, address, own, {}), watched, result)
    except CaseBroken as broken:
        if "no step left" not in str(broken):
            raise
    finally:
        await watched.close()
        await own.close()
    return result


def chart_of(told: Told, address: str) -> Chart:
    assert told.grant, (told.ends, told.labels)
    grant = told.grant
    return Chart(instance=EhrInstance(address=address), tenant=grant.tenant, session=grant.session, known=grant.known)


async def renewed(told: Told, connector: Sandbox, address: str) -> Outcome:
    """The sign-in in the background, later."""
    assert told.grant
    return await replay(
        lambda ask: connector.sign_in(ask, EhrInstance(address=address)), MemoryJournal(),
        saved=told.answers, known=told.grant.known, silent=True,
    )  # fmt: skip
