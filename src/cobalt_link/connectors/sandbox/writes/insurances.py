"""Insurance plans of patients. The EHR spells some values its own way, and says so in its audit trail."""

from __future__ import annotations

from datetime import date

import msgspec

from cobalt_link.connector import (
    Chart,
    Connector,
    Held,
    InsuranceChange,
    JsonClient,
    NewInsurance,
    NotWritten,
    Writing,
    Written,
)
from cobalt_link.connectors.sandbox.writes.choices import same_name
from cobalt_link.connectors.sandbox.writes.fields import Field, Row, asked, body
from cobalt_link.connectors.sandbox.writes.payers import payer_of
from cobalt_link.connectors.sandbox.writes.refused import missing, unknown
from cobalt_link.connectors.sandbox.writes.rows import PATIENT, Table, client
from cobalt_link.connectors.sandbox.writes.subscribers import relation, shown, subscriber

INSURANCES = Table(
    path="/insurances",
    name="insurance",
    missing="insurance_id",
    fields=(
        *PATIENT,
        Field("member_id", "member_id"),
        Field("group_id", "group"),
        Field("priority", "rank"),
        Field("plan_begin_date", "begins_on", date.isoformat, date.fromisoformat),
        Field("copayment", "copay", float, "{:.2f}".format),
        Field("relationship_to_subscriber", "relation", relation, lambda theirs: theirs.replace("_", " ")),
    ),
    called={"payer_id": "insurance_provider_ehr_id", "subscriber": "subscriber_demographics"},
)
NAMES = INSURANCES.names
OWN = tuple(each for each in INSURANCES.fields if each not in PATIENT)
Insurance = NewInsurance | InsuranceChange


async def create(connector: Connector, chart: Chart, write: NewInsurance) -> Written:
    api = client(connector, chart)
    more = await _payer(api, write)
    if not more:
        raise NotWritten(missing("insurance_provider_ehr_id"))
    if write.subscriber_demographics:
        more["subscriber"] = subscriber(write.subscriber_demographics)
    return await INSURANCES.create(api, write, more)


async def change(connector: Connector, chart: Chart, write: InsuranceChange) -> Written:
    api = client(connector, chart)
    before = await INSURANCES.one(api, write.ehr_id)
    if before is None or before["patient_id"] != write.patient_ehr_id:
        raise NotWritten(unknown("insurance_id", NAMES))
    changes = body(OWN, write) | await _payer(api, write)
    if write.subscriber_demographics:
        changes["subscriber"] = before["subscriber"] | subscriber(write.subscriber_demographics)
    return await INSURANCES.change(api, write.ehr_id, changes)


async def made(connector: Connector, chart: Chart, write: NewInsurance, _ehr_id: str | None) -> Held | None:
    api = client(connector, chart)
    row = await INSURANCES.made(api, write)
    return await _held(api, write, row) if row else None


async def changed(connector: Connector, chart: Chart, write: InsuranceChange, _ehr_id: str | None) -> Held | None:
    api = client(connector, chart)
    row = await INSURANCES.one(api, write.ehr_id)
    return msgspec.structs.replace(await _held(api, write, row), took=await _took(api, write, row)) if row else None


async def _payer(api: JsonClient, write: Insurance) -> Row:
    found = await payer_of(
        api,
        NAMES,
        ehr_id=write.insurance_provider_ehr_id,
        name=write.insurance_name,
        payer_id=write.insurance_payer_id,
    )
    return {"payer_id": found["id"]} if found else {}


async def _took(api: JsonClient, write: InsuranceChange, row: Row) -> bool:
    """Whether the row holds all that was asked for, or was set to it and spelled by the EHR in its own way."""
    wanted = body(OWN, write) | await _payer(api, write)
    # What the EHR corrected counts as long as it has not become something else since.
    corrected = {
        (entry["field"], entry["attempted"])
        for entry in row["audit"]
        if "attempted" in entry and entry["field"] in wanted and entry["after"] == row[entry["field"]]
    }
    demographics = write.subscriber_demographics
    return all(value == row[name] or (name, value) in corrected for name, value in wanted.items()) and (
        not demographics or _folded(shown(row["subscriber"], demographics)) == _folded(demographics)
    )


async def _held(api: JsonClient, write: Insurance, row: Row) -> Held:
    rows = (await api.get("/payers", {"id": row["payer_id"]}))["payers"]
    code = rows[0]["code"] if rows else None
    name = write.insurance_name
    held = INSURANCES.held(
        write,
        row,
        insurance_provider_ehr_id=row["payer_id"],
        insurance_name=name if name and same_name(name, row["payer"]) else row["payer"],
        insurance_payer_id=code,
        subscriber_demographics=shown(row["subscriber"], write.subscriber_demographics) or None,
    )
    return msgspec.structs.replace(held, shown={"audit_trail": audit_trail(write, row)})


def audit_trail(write: Insurance, row: Row) -> list[Row]:
    """What the EHR did with each field of this write, newest last."""
    names = NAMES | {each.member: each.name for each in asked(OWN, write)}
    return [
        {
            "field": names.get(entry["field"], entry["field"]),
            "attempted": entry.get("attempted", entry["after"]),
            "saved": entry["after"],
            "note": entry.get("note"),
        }
        for entry in row["audit"]
        if entry["at"] == row["updated_at"]
    ]


def _folded(texts: dict[str, str]) -> dict[str, str]:
    return {name: text.casefold() for name, text in texts.items()}


INSURANCE = Writing(write=create, read_back=made)
INSURANCE_CHANGE = Writing(write=change, read_back=changed)
