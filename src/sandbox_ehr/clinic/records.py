"""The rows of the chart that have no table of their own: notes, documents, claims, and so on. Owns the table record.

Each row has its members as JSON, and beside them what every search needs: its patient, its parent, its day, and the
client's own reference.
"""

import secrets
import sqlite3
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic.context import ChartContext
from sandbox_ehr.clinic.made_up_patients import Patient
from sandbox_ehr.clinic.page_query import Offset
from sandbox_ehr.refusals import RequestRefused

Row = dict[str, Any]
ClientRef = Annotated[str, msgspec.Meta(max_length=64)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=20000)]
Line = Annotated[str, msgspec.Meta(max_length=200)]

_ROWS = "SELECT r.*, p.doc AS patient FROM record r LEFT JOIN patient p ON p.id = r.patient_id"
_FILTER = """
    WHERE r.clinic = :clinic AND r.kind = :kind
    AND (:patient_id = '' OR r.patient_id = :patient_id)
    AND (:parent_id = '' OR r.parent_id = :parent_id)
    AND (:client_ref = '' OR r.client_ref = :client_ref)
    AND (:start = '' OR r.day >= :start)
    AND (:end = '' OR r.day <= :end)
    AND NOT EXISTS (
        SELECT 1 FROM json_each(:members) AS wanted
        WHERE json_extract(r.doc, '$.' || wanted.key) IS NOT wanted.value
    )
"""
# The number of a row, given when it is written, settles the order of rows of one second.
_ORDER = " ORDER BY r.created_at, r.number LIMIT :limit OFFSET :offset"
_INSERT = """
    INSERT INTO record
        (id, clinic, kind, patient_id, parent_id, day, client_ref, created_at, updated_at, created_by, doc)
    VALUES
        (:id, :clinic, :kind, :patient_id, :parent_id, :day, :client_ref, :created_at, :updated_at, :created_by, :doc)
"""
_UPDATE = "UPDATE record SET doc = :doc, day = :day, updated_at = :updated_at WHERE id = :id"
_WRITTEN = """
    SELECT kind, client_ref, count(*) AS rows FROM record WHERE client_ref <> '' GROUP BY kind, client_ref
    ORDER BY kind, client_ref
"""


class Kind(msgspec.Struct, frozen=True):
    """A kind of row. `parent` and `day` name the members by which a row is also searched, or are empty."""

    name: str
    plural: str
    prefix: str
    parent: str = ""
    day: str = ""


class ListQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every list of rows takes. `client_ref` finds what a client wrote."""

    client_ref: ClientRef = ""
    offset: Offset = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100


class NewRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every create takes."""

    client_ref: ClientRef = ""


class MadeUpRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that nobody wrote over the API. `created_at` is in seconds since 1970."""

    id: str
    created_at: float
    created_by: str
    doc: Row


def new_id(kind: Kind) -> str:
    # Random: an EHR that answers success and keeps nothing must not give the same id to the next row.
    return f"{kind.prefix}{10**9 + secrets.randbelow(9 * 10**9)}"


def add(connection: sqlite3.Connection, context: ChartContext, kind: Kind, doc: Row) -> Row:
    """Write a row and return it as the API shows it. `doc` may have a `client_ref`, which is kept beside it."""
    doc = dict(doc)
    client_ref = doc.pop("client_ref", "")
    values = _searched(kind, doc) | {
        "id": new_id(kind),
        "clinic": context.clinic.id,
        "client_ref": client_ref,
        "created_at": context.now,
        "updated_at": context.now,
        "created_by": context.user_id,
    }
    connection.execute(_INSERT, values)
    return one(connection, context, kind, values["id"])


def add_made_up(connection: sqlite3.Connection, clinic: str, kind: Kind, rows: Iterable[MadeUpRow]) -> None:
    """Write rows in bulk, except those that are there already."""
    connection.executemany(
        _INSERT.replace("INSERT", "INSERT OR IGNORE", 1),
        [
            _searched(kind, row.doc)
            | {"id": row.id, "clinic": clinic, "client_ref": "", "created_by": row.created_by}
            | {"created_at": row.created_at, "updated_at": row.created_at}
            for row in rows
        ],
    )


def change(connection: sqlite3.Connection, context: ChartContext, kind: Kind, row_id: str, changes: Row) -> Row:
    doc = members(connection, context, kind, row_id) | changes
    searched = _searched(kind, doc)
    values = {"id": row_id, "doc": searched["doc"], "day": searched["day"], "updated_at": context.now}
    connection.execute(_UPDATE, values)
    return one(connection, context, kind, row_id)


def find(connection: sqlite3.Connection, context: ChartContext, kind: Kind, query: ListQuery) -> tuple[int, list[Row]]:
    """How many rows match the query, and the page that it asks for, oldest first."""
    values = _wanted(context, kind, query)
    total = connection.execute(f"SELECT count(*) FROM record r {_FILTER}", values).fetchone()[0]
    return total, [_shown(context, row) for row in connection.execute(_ROWS + _FILTER + _ORDER, values)]


def one(connection: sqlite3.Connection, context: ChartContext, kind: Kind, row_id: str) -> Row:
    """Raises RequestRefused if the clinic has no such row."""
    where = f"{_ROWS} WHERE r.id = ? AND r.clinic = ? AND r.kind = ?"
    row = connection.execute(where, (row_id, context.clinic.id, kind.name)).fetchone()
    if row is None:
        raise RequestRefused(refusals.not_found(kind.name.replace("_", " ")))
    return _shown(context, row)


def require(connection: sqlite3.Connection, context: ChartContext, kind: Kind, row_id: str, member: str) -> Row:
    """The row that a member of a body names. Raises RequestRefused if there is none."""
    try:
        return one(connection, context, kind, row_id)
    except RequestRefused:
        raise RequestRefused(refusals.unknown_reference(member)) from None


def of_parents(connection: sqlite3.Connection, context: ChartContext, kind: Kind, parents: list[str]) -> list[Row]:
    """All rows of these parents, oldest first."""
    rows = connection.execute(
        f"{_ROWS} WHERE r.kind = ? AND r.parent_id IN (SELECT value FROM json_each(?)) ORDER BY r.created_at, r.number",
        (kind.name, msgspec.json.encode(parents).decode()),
    )
    return [_shown(context, row) for row in rows]


def written(connection: sqlite3.Connection) -> list[Row]:
    """How many rows of each kind were made with each `client_ref`."""
    return [dict(row) for row in connection.execute(_WRITTEN)]


def members(connection: sqlite3.Connection, context: ChartContext, kind: Kind, row_id: str) -> Row:
    """The members as they are stored. Raises RequestRefused if the clinic has no such row."""
    one(connection, context, kind, row_id)
    return msgspec.json.decode(connection.execute("SELECT doc FROM record WHERE id = ?", (row_id,)).fetchone()["doc"])


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM record")


def brief(patient: Patient) -> Row:
    """The patient of a row, as the API shows it in that row."""
    names = ("id", "mrn", "first_name", "last_name", "dob", "sex")
    return {name: getattr(patient, name) for name in names} | {"phone": patient.phones.mobile or patient.phones.home}


def _searched(kind: Kind, doc: Row) -> Row:
    return {
        "kind": kind.name,
        "patient_id": doc.get("patient_id", ""),
        "parent_id": doc.get(kind.parent, ""),
        "day": str(doc.get(kind.day, "")),
        "doc": msgspec.json.encode(doc).decode(),
    }


def _wanted(context: ChartContext, kind: Kind, query: ListQuery) -> Row:
    given = {name: value for name, value in msgspec.structs.asdict(query).items() if value not in ("", None)}
    values = {name: str(given.pop(name, "")) for name in ("patient_id", "client_ref", "start", "end")}
    values |= {"parent_id": given.pop(kind.parent, ""), "clinic": context.clinic.id, "kind": kind.name}
    values |= {"offset": given.pop("offset"), "limit": given.pop("limit")}
    # What is left are members of the row itself.
    return values | {"members": msgspec.json.encode(given).decode()}


def _shown(context: ChartContext, row: sqlite3.Row) -> Row:
    doc = msgspec.json.decode(row["doc"])
    if row["patient"]:
        doc["patient"] = brief(msgspec.json.decode(row["patient"], type=Patient))
    doc.pop("pdf_lines", None)  # the text of a made-up document
    return {
        "id": row["id"],
        **doc,
        "client_ref": row["client_ref"],
        "created_at": context.shown(row["created_at"]),
        "updated_at": context.shown(row["updated_at"]),
        "created_by": row["created_by"],
    }
