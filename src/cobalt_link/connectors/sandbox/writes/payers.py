"""Insurance companies: the app names one by the EHR's id, or by its name and perhaps its payer id."""

from __future__ import annotations

from cobalt_link.connector import JsonClient, NotWritten
from cobalt_link.connectors.sandbox.writes.choices import same_name
from cobalt_link.connectors.sandbox.writes.fields import Row
from cobalt_link.connectors.sandbox.writes.refused import Names, unknown


async def payer_of(
    api: JsonClient, names: Names, *, ehr_id: str | None = None, name: str | None = None, payer_id: str | None = None
) -> Row | None:
    """The company. None if the app named none. Raises NotWritten if the EHR does not have it, or several of it."""
    if not (ehr_id or name):
        return None
    query = {"id": ehr_id} if ehr_id else {"name": name, "code": payer_id}
    rows = [row for row in (await api.get("/payers", query | {"limit": 200}))["payers"] if row["active"]]
    # A name matches in part, and the one that is meant may be part of another's.
    exact = [row for row in rows if not ehr_id and name and same_name(row["name"], name)]
    found = exact or rows
    if len(found) != 1:
        raise NotWritten(unknown("payer_id", names))
    return found[0]
