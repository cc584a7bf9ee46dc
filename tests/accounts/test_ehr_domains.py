"""The operator's list of EHR domains also holds for accounts that were linked before it: nothing is sent for them."""

from __future__ import annotations

import pytest

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import EhrUnexpected
from cobalt_link.developers.ehr_domains import EhrDomainNotAllowed, EhrDomains
from cobalt_link.store.database import Database
from tests.accounts.world import DOCTORS, World, names


def narrowed(db: Database, before: World, *domains: str) -> World:
    """The world after a restart with a list, at the same EHR."""
    after = World(db, before.ring, before.connectors)
    after.ehr, after.domains = before.ehr, EhrDomains({"tiny": domains}, ["tiny"])
    after.sessions = after.new_sessions()
    return after


async def test_reads_and_writes_are_refused_by_the_name_of_the_setting_and_send_nothing(db: Database) -> None:
    before = World(db)
    _, account = await before.linked()
    after = narrowed(db, before, "his.example.org")
    for call in (after.sessions.read, after.sessions.once):
        with pytest.raises(EhrDomainNotAllowed, match=r"at tiny\.example anymore.*COBALT_ALLOWED_EHR_DOMAINS"):
            await call(account, names)
    assert (before.ehr.asked, before.ehr.attempts) == ([], 0)
    assert await after.trail(account) == ["linked"], "The grant stays closed."
    again = narrowed(db, before, "his.example.org", "*.example")
    assert await again.sessions.read(account, names) == DOCTORS


async def test_an_account_that_needs_its_user_says_that_linking_again_would_not_help(db: Database) -> None:
    before = World(db)
    _, account = await before.linked()
    await before.accounts.mark_login_required(account, "locked")
    with pytest.raises(EhrDomainNotAllowed):
        await narrowed(db, before, "his.example.org").sessions.read(await before.again(account), names)


async def test_a_renewal_that_began_before_the_list_is_settled_and_sends_no_password(db: Database) -> None:
    before = World(db)
    _, account = await before.linked()
    before.ehr.end_sessions()
    await before.die_in_a_sign_in(account)
    attempts = before.ehr.attempts
    after = narrowed(db, before, "his.example.org")
    await after.sessions.sweep()
    row = await after.row(account)
    assert (before.ehr.attempts, row["claim"], row["health"]) == (attempts, None, "active")
    with pytest.raises(EhrUnexpected, match="Ask the operator"):
        await after.sessions.renewed(account, row["grant_number"])
    await after.db.run("UPDATE accounts SET back_off_until = clock_timestamp()")
    assert await narrowed(db, before, "*.example").sessions.read(account, names) == DOCTORS


async def test_disconnecting_works_without_a_sign_out_at_the_ehr(db: Database) -> None:
    before = World(db)
    first, second = [await linked_in(before, name) for name in ("Acme Scribe", "Rival Notes")]
    await narrowed(db, before, "his.example.org").sessions.disconnect(first)
    assert before.ehr.logouts == []
    await narrowed(db, before, "*.example").sessions.disconnect(second)
    assert before.ehr.logouts == [1]


async def linked_in(world: World, name: str) -> Account:
    return (await world.linked(name))[1]
