"""The EHR's rules that several checks share. They read, and change nothing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from cobalt_link.connector import JsonClient, Reason, Write
from cobalt_link.connectors.sandbox.writes.fields import Row
from cobalt_link.connectors.sandbox.writes.refused import Names, invalid, unknown

PHONE = re.compile(r"(\d{3}-\d{3}-\d{4})?", re.ASCII)
ZIP = re.compile(r"(\d{5}(-\d{4})?)?", re.ASCII)
STATE = re.compile(r"([A-Za-z]{2})?")
ICD_10 = re.compile(r"[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?")
CPT = re.compile(r"[0-9]{4}[0-9FTU]|[A-V][0-9]{4}")


class Practice(msgspec.Struct, frozen=True):
    """Whom and what the practice has: ids of active providers and locations, and its settings."""

    providers: Collection[str]
    locations: Collection[str]
    settings: Row

    @property
    def visit_minutes(self) -> Mapping[str, int]:
        """How long a visit of each type takes."""
        return {each["code"]: each["minutes"] for each in self.settings["visit_types"]}


async def practice(api: JsonClient) -> Practice:
    return Practice(
        [row["id"] for row in (await api.get("/providers"))["providers"] if row["active"]],
        [row["id"] for row in (await api.get("/locations"))["locations"] if row["active"]],
        await api.get("/settings"),
    )


def strangers(row: Row, known: Practice, names: Names) -> Iterator[Reason]:
    """The members of a visit that name nobody, or nothing."""
    ours = {
        "provider_id": known.providers,
        "second_provider_id": known.providers,
        "location_id": known.locations,
        "type": known.visit_minutes,
    }
    for member, ids in ours.items():
        if row.get(member) and row[member] not in ids:
            yield unknown(member, names)


def too_long(write: Write, limits: Mapping[str, int]) -> Iterator[Reason]:
    """Texts with more characters than the EHR takes."""
    for name, most in limits.items():
        text = getattr(write, name)
        if text is not None and len(text) > most:
            yield invalid(f"The EHR takes at most {most} characters.", name)


def misspelled(write: Write, patterns: Mapping[str, re.Pattern[str]], texts: Mapping[str, str]) -> Iterator[Reason]:
    for name, pattern in patterns.items():
        values = getattr(write, name)
        for value in values if isinstance(values, tuple) else [values]:
            if value is not None and not pattern.fullmatch(value):
                yield invalid(texts[name], name)
                break
