"""The insurance companies that this EHR knows. None of them exists."""

from typing import Annotated

import msgspec

from sandbox_ehr.clinic.page_query import Offset
from sandbox_ehr.clinic.search_text import fold

_FIRST = ("Alder", "Blue Heron", "Cedarbrook", "Copperline", "Fairhaven", "Granite State", "Harborlight", "Juniper")
_FIRST += ("Keystone Valley", "Lakeshore")
_SECOND = ("Health Plan", "Mutual", "Medical Assurance", "Care PPO", "Benefit Trust", "Community HMO")
_LARGE = ("Meadow Mutual", "Northlight Health Plan", "Evergreen Care HMO", "Statewide Medicaid (sandbox)")
CREATED_AT = "2019-01-02T09:00:00+00:00"


class Payer(msgspec.Struct, frozen=True):
    """`code` is the payer id of electronic claims."""

    id: str
    name: str
    code: str
    active: bool
    created_at: str = CREATED_AT


class PayerQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The query of `GET /api/payers`. A name matches in part."""

    id: str = ""
    code: str = ""
    name: str = ""
    active: bool | None = None
    offset: Offset = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50


# Every eleventh one has closed.
PAYERS = tuple(
    Payer(f"P{place:03}", name, f"SBX{place:02}", active=place % 11 != 0)
    for place, name in enumerate((*_LARGE, *(f"{first} {second}" for first in _FIRST for second in _SECOND)), 1)
)
BY_ID = {payer.id: payer for payer in PAYERS}
BY_NAME = {payer.name: payer for payer in PAYERS}


def find(query: PayerQuery) -> list[Payer]:
    """All that match, in the order of their ids. `offset` and `limit` are left to the caller."""
    return [
        payer
        for payer in PAYERS
        if query.id in ("", payer.id)
        and query.code in ("", payer.code)
        and fold(query.name) in fold(payer.name)
        and query.active in (None, payer.active)
    ]
