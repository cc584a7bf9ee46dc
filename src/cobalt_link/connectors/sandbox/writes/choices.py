"""Names that apps send, and the ids of the EHR's lists."""

from __future__ import annotations

from cobalt_link.connector import JsonClient, NotWritten
from cobalt_link.connectors.sandbox.writes.refused import Names, unknown


async def choices(api: JsonClient, plural: str) -> dict[str, str]:
    """The names by id. `plural` is a list such as "document-folders"."""
    return {row["id"]: row["name"] for row in (await api.get(f"/{plural}"))[plural.replace("-", "_")]}


def id_of(name: str, known: dict[str, str], member: str, names: Names) -> str:
    """The id of a name in any case. Raises NotWritten: nothing has been sent."""
    found = next((each for each, known_name in known.items() if same_name(known_name, name)), None)
    if found is None:
        raise NotWritten(unknown(member, names))
    return found


def same_name(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()
