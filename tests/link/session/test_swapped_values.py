"""S-050: a sealed value opens only where it was sealed. Any two sealed values of the schema are exchanged.

Before a landing, two of different tables are exchanged once for each two columns: the table is a part of every context.
"""

from __future__ import annotations

from itertools import combinations

from cobalt_link.app import House
from tests.link.session.sealed import Cell, Kept, Openers, sealed_cells, use_everything
from tests.support.proof import SIZE, SWAPPED_ROWS
from tests.support.text_browser import Browser
from tests.support.world import Sandbox, Shop, connected, shop


async def test_no_two_sealed_values_can_be_exchanged(house: House, acme: Shop, rival: Shop, sandbox: Sandbox) -> None:
    kept: Kept = {}
    for number in range(SWAPPED_ROWS.times):
        await use_everything(house, rival if number % 3 == 2 else acme, f"org-{number}", kept)
    # An app of the other environment, which the sandbox EHR is not for: its tokens are sealed all the same.
    live = await shop(house, acme.http, "Acme Live", test=False)
    his = {"emr_name": "GNU Health", "emr_instance_domain": "his.example.org", "display_name": "for ann"}
    async with connected(house) as http:
        assert (await Browser(http).open(f"/?token={await live.link_token(org_id='live', **his)}")).status == 200
    cells = await sealed_cells(Openers(house, kept), SWAPPED_ROWS.times)
    assert [str(each) for each in cells if not await each.opens()] == []
    opened, tried = [], 0
    for one, other in pairs(cells):
        await one.put(house, other.row[other.column])
        await other.put(house, one.row[one.column])
        opened += [f"{one} with {other}"] * await one.opens() + [f"{other} with {one}"] * await other.opens()
        tried += 2
        for each in (one, other):
            await each.put(house, each.row[each.column])
    assert opened == []
    assert [str(each) for each in cells if not await each.opens()] == []
    print(f"S-050: {len(cells)} sealed values of the schema, 0 of {tried} opened at another's place")


def pairs(cells: list[Cell]) -> list[tuple[Cell, Cell]]:
    """All at night; before a landing those of one table, and of two tables one value of each column."""
    firsts = {(each.table, each.column): each for each in reversed(cells)}.values()
    return [
        (one, other)
        for one, other in combinations(cells, 2)
        if SIZE == "nightly" or one.table == other.table or (one in firsts and other in firsts)
    ]
