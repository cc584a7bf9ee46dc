"""The sandbox EHR's rows: how its lists are read, and what its texts mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from cobalt_link.connector import Chart, Http, JsonClient, OffsetPages, Sex
from cobalt_link.connectors.sandbox.api import api_of

Row = dict[str, Any]
Word = TypeVar("Word")

ROWS = OffsetPages(size=500)
SEX: dict[str, Sex] = {"F": "female", "M": "male"}


class ChartRows:
    """A part of a connector that reads rows of the chart."""

    http: Http

    def api(self, chart: Chart) -> JsonClient:
        return api_of(self.http, chart.instance, chart.session)

    async def rows(
        self, chart: Chart, path: str, updated_since: datetime | None = None, **query: Any
    ) -> AsyncIterator[Row]:
        """All rows of a list. The EHR has no list of changes, but each row says when it changed."""
        async for row in self.api(chart).rows(f"/{path}", path.replace("-", "_"), query, pages=ROWS):
            if updated_since is None or changed_since(row, updated_since):
                yield row

    async def row(self, chart: Chart, path: str, ehr_id: str, name: str) -> Row | None:
        found = await self.api(chart).find(f"/{path}/{quote(ehr_id, safe='')}")
        return found[name] if found else None


def changed_since(row: Row, since: datetime) -> bool:
    changed = moment(row["updated_at"])
    return changed is not None and changed >= since


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def money(text: str | int | float | None) -> Decimal | None:
    return Decimal(str(text)) if text not in (None, "") else None


def word(text: str, words: dict[str, Word]) -> Word | None:
    """One of the words that both know."""
    return words.get(text)


def whom(row: Row) -> dict[str, Any]:
    """The patient of a row."""
    patient = row.get("patient") or {}
    name = f"{patient.get('first_name', '')} {patient.get('last_name', '')}".strip()
    return {
        "patient_ehr_id": patient.get("id") or row.get("patient_id") or None,
        "patient_mrn": patient.get("mrn") or None,
        "patient_name": name or None,
    }


def same(*words: Any) -> dict[str, Any]:
    """Words that mean the same in both."""
    return {each: each for each in words}


PRIORITY: dict[str, Literal["routine", "urgent", "stat"]] = same("routine", "urgent", "stat")
