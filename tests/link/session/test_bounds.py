"""Bounds that no other test would miss: to whom and where a sealed answer opens, and until when an answer counts."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from cobalt_link.app import House
from cobalt_link.link.session.journal import _info
from cobalt_link.vault import CannotOpen, new_pair, open_with, seal_to
from tests.link.conftest import session_row
from tests.support.text_browser import link_by_http
from tests.support.world import Shop


# S-059
@pytest.mark.parametrize(("session", "n"), [("a", 2), ("b", 1), ("b", 2), ("", 1), ("a1", 1), ("a", 11)])
def test_a_sealed_answer_opens_only_in_its_session_and_at_its_entry(session: str, n: int) -> None:
    private, public = new_pair()
    sealed = seal_to(public, b"pass_good", _info("a", 1))
    assert open_with(private, sealed, _info("a", 1)) == b"pass_good"
    with pytest.raises(CannotOpen):
        open_with(private, sealed, _info(session, n))


@pytest.mark.parametrize(("seconds", "counts"), [(-1, True), (0, False), (1, False)])
async def test_an_answer_counts_until_the_session_expires_and_not_after(
    acme: Shop, client: httpx2.AsyncClient, house: House, seconds: int, counts: bool
) -> None:
    await link_by_http(client, await acme.link_token(), until="credentials")
    session = await house.link.sessions.by_id((await session_row(house))["id"])
    assert session is not None
    now = session.expires_at + timedelta(seconds=seconds)
    async with house.db.transaction() as tx:
        assert await house.link.sessions.accept(tx, session, consented=False, now=now, until=now) is counts
    after = await house.link.sessions.by_id(session.id)
    assert after is not None and (after.state == "due") is counts
