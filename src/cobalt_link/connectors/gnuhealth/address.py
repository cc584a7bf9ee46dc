"""Finds the GNU Health server behind an address, and the databases that it shows."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from cobalt_link.connector import MOST_OPTIONS, BrokenAnswer, EhrInstance, Http, NoSuchName, NotThisAddress, Unsupported
from cobalt_link.connectors.gnuhealth.server import Denied, Fault, rpc


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """`base` is the server's address without a database."""

    base: str
    databases: list[str]


async def find(http: Http, instance: EhrInstance, known: str | None = None) -> Found:
    """The server at `https://host` with the databases that it lists, or the one named in `https://host/database`.

    A server can hide its list (`[database] list = False`). Then the address has to name the database, unless it is
    `known` from the last sign-in. Raises NotThisAddress, or Unsupported for a hidden list.
    """
    address = instance.address.rstrip("/")
    base, _, last = address.rpartition("/")
    try:
        names = await rpc(http, f"{address}/", "common.db.list")
    except Denied as no:
        if no.status == 401 and "://" in base:
            return Found(base=base, databases=[unquote(last)])
        if no.status == 403 and known:
            return Found(base=address, databases=[known])
        if no.status == 403:
            raise Unsupported(reason="hidden_databases") from None
        raise NotThisAddress(reason="other_ehr") from None
    except NoSuchName:
        raise NotThisAddress(reason="not_found") from None
    except (BrokenAnswer, Fault):
        raise NotThisAddress(reason="other_ehr") from None
    if not isinstance(names, list) or not names:
        raise NotThisAddress(reason="other_ehr")
    if known is not None and known in names:
        return Found(base=address, databases=[known])
    return Found(base=address, databases=sorted(str(name) for name in names)[:MOST_OPTIONS])


async def version(http: Http, found: Found) -> str:
    """Tryton's version, such as "7.0.59"."""
    try:
        said = await rpc(http, f"{found.base}/", "common.server.version")
    except (BrokenAnswer, Denied, Fault):
        said = None
    if not isinstance(said, str):
        raise NotThisAddress(reason="other_ehr")
    return said
