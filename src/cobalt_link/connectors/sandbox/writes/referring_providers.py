"""Providers elsewhere who refer patients."""

from __future__ import annotations

from cobalt_link.connector import Chart, Connector, NewReferringProvider, Writing, Written
from cobalt_link.connectors.sandbox.writes.fields import Field, plain
from cobalt_link.connectors.sandbox.writes.rows import Table, client

REFERRING_PROVIDERS = Table(
    path="/referring-providers",
    name="referring_provider",
    fields=(
        *plain("first_name", "last_name", "npi", "phone", "fax", "email"),
        Field("address", "address.street"),
        Field("city", "address.city"),
        Field("state", "address.state"),
        Field("zip_code", "address.zip"),
    ),
)


async def create(connector: Connector, chart: Chart, write: NewReferringProvider) -> Written:
    # The EHR takes a whole address only.
    address = {"street": write.address, "city": write.city, "state": write.state, "zip": write.zip_code}
    whole = {"address": {name: value or "" for name, value in address.items()}}
    return await REFERRING_PROVIDERS.create(client(connector, chart), write, whole)


REFERRING_PROVIDER = Writing(write=create, read_back=REFERRING_PROVIDERS.creates().read_back)
