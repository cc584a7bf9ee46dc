"""Care in the sandbox EHR: orders, referrals, who refers patients, and the staff's tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, get_args

from cobalt_link.connector import (
    Chart,
    EncounterAction,
    LabResults,
    LabValue,
    Order,
    OrderQuery,
    OrderStatus,
    OrderType,
    Referral,
    ReferralQuery,
    ReferringProvider,
    ReferringProviderQuery,
    Task,
    TaskNote,
    TaskQuery,
    TelephoneEncounter,
    TelephoneEncounterQuery,
    reads,
)
from cobalt_link.connectors.sandbox.reads.patients import phone_of
from cobalt_link.connectors.sandbox.reads.rows import PRIORITY, ChartRows, Row, day, moment, same, whom, word

TYPES: dict[str, OrderType] = same(*get_args(OrderType))
STATUSES: dict[str, OrderStatus] = same(*get_args(OrderStatus))
DIRECTIONS: dict[str, Any] = same("incoming", "outgoing")


class CareReads(ChartRows):
    """What clinicians order, whom they refer, and what the staff is to do."""

    @reads("patient_ehr_id", "start_date", "end_date", "updated_since")
    async def orders(self, chart: Chart, query: OrderQuery) -> AsyncIterator[Order]:
        asked = {"patient_id": query.patient_ehr_id, "start": query.start_date, "end": query.end_date}
        async for row in self.rows(chart, "orders", query.updated_since, **asked):
            yield order(row)

    @reads("start_date", "end_date", "patient_ehr_id", "status", "priority", "updated_since")
    async def referrals(self, chart: Chart, query: ReferralQuery) -> AsyncIterator[Referral]:
        asked = {
            "patient_id": query.patient_ehr_id,
            "start": query.start_date,
            "end": query.end_date,
            "status": query.status,
            "priority": query.priority,
        }
        async for row in self.rows(chart, "referrals", query.updated_since, **asked):
            yield referral(row)

    @reads("first_name", "last_name", "phone", "fax", "npi")
    async def referring_providers(
        self, chart: Chart, query: ReferringProviderQuery
    ) -> AsyncIterator[ReferringProvider]:
        phone, fax = phone_of(query.phone), phone_of(query.fax)
        if "" in (phone, fax):
            return
        asked = {"first_name": query.first_name, "last_name": query.last_name, "npi": query.npi}
        async for row in self.rows(chart, "referring-providers", phone=phone, fax=fax, **asked):
            yield referring_provider(row)

    @reads("patient_ehr_id", "ehr_id", "assignee_ehr_id", "status", "updated_since")
    async def tasks(self, chart: Chart, query: TaskQuery) -> AsyncIterator[Task]:
        users = {row["id"]: row["name"] for row in (await self.api(chart).get("/users"))["users"]}
        if query.ehr_id:
            row = await self.row(chart, "tasks", query.ehr_id, "task")
            notes = self.rows(chart, "task-notes", task_id=query.ehr_id)
            if row:
                yield task(row, [note async for note in notes], users)
            return
        of_task: dict[str, list[Row]] = {}
        async for note in self.rows(chart, "task-notes"):
            of_task.setdefault(note["task_id"], []).append(note)
        asked = {
            "patient_id": query.patient_ehr_id,
            "assigned_to": query.assignee_ehr_id,
            "status": query.status,
        }
        async for row in self.rows(chart, "tasks", query.updated_since, **asked):
            yield task(row, of_task.get(row["id"], []), users)

    @reads("patient_ehr_id", "ehr_id", "assigned_to_ehr_id", "updated_since")
    async def telephone_encounters(
        self, chart: Chart, query: TelephoneEncounterQuery
    ) -> AsyncIterator[TelephoneEncounter]:
        if query.ehr_id:
            row = await self.row(chart, "calls", query.ehr_id, "call")
            if row:
                done = self.rows(chart, "call-actions", call_id=query.ehr_id)
                yield telephone_encounter(row, [each async for each in done])
            return
        of_call: dict[str, list[Row]] = {}
        async for each in self.rows(chart, "call-actions"):
            of_call.setdefault(each["call_id"], []).append(each)
        asked = {"patient_id": query.patient_ehr_id, "assigned_to": query.assigned_to_ehr_id}
        async for row in self.rows(chart, "calls", query.updated_since, **asked):
            yield telephone_encounter(row, of_call.get(row["id"], []))


def order(row: Row) -> Order:
    details = {name: str(value) for name, value in row["details"].items() if value not in ("", None)}
    return Order(
        ehr_id=row["id"],
        name=row["name"],
        type=TYPES[row["type"]],
        status=STATUSES[row["status"]],
        ordered_on=day(row["ordered_on"]),
        patient_dob=day(row["patient"]["dob"]),
        provider_ehr_id=row["provider_id"] or None,
        appointment_ehr_id=row["visit_id"] or None,
        details={"code": row["code"], **details} if row["code"] else details,
        lab_results=lab_results(row["lab_results"]),
        updated_at=moment(row["updated_at"]),
        **whom(row),
    )


def lab_results(found: Row | None) -> LabResults | None:
    if found is None:
        return None
    reported = day(found["reported_on"])
    values = tuple(
        LabValue(
            name=each["name"],
            code=each["code"] or None,
            value=each["value"] or None,
            unit=each["unit"] or None,
            reference_range=each["range"] or None,
            flag=each["flag"] or None,
        )
        for each in found["results"]
    )
    return LabResults(status="final", resulted_on=reported, values=values)


def referral(row: Row) -> Referral:
    patient = row["patient"]
    return Referral(
        ehr_id=row["id"],
        patient_ehr_id=patient["id"],
        patient_mrn=patient["mrn"],
        patient_first_name=patient["first_name"],
        patient_last_name=patient["last_name"],
        patient_dob=day(patient["dob"]),
        from_provider_ehr_id=row["from_provider_id"] or None,
        from_provider_name=row["from_provider"] or None,
        to_provider_ehr_id=row["to_provider_id"] or None,
        to_provider_name=row["to_provider"] or None,
        direction=word(row["direction"], DIRECTIONS),
        priority=word(row["priority"], PRIORITY),
        urgency=row["priority"] or None,
        reason=row["reason"] or None,
        diagnosis_codes=tuple(row["icd10"]),
        document_ehr_ids=tuple(row["document_ids"]),
        status=row["status"] or None,
        referral_date=day(row["referred_on"]),
        created_at=moment(row["created_at"]),
        last_activity_at=moment(row["last_activity_at"]),
    )


def referring_provider(row: Row) -> ReferringProvider:
    address, middle = row["address"], row["middle_initial"]
    first = f"{row['first_name']} {middle}".strip()
    return ReferringProvider(
        ehr_id=row["id"],
        name=f"{row['last_name']}, {first}",
        first_name=row["first_name"] or None,
        last_name=row["last_name"] or None,
        middle_initial=middle or None,
        specialty=row["specialty"] or None,
        phone=row["phone"] or None,
        fax=row["fax"] or None,
        email=row["email"] or None,
        npi=row["npi"] or None,
        address_street=address["street"] or None,
        address_city=address["city"] or None,
        address_state=address["state"] or None,
        address_zip=address["zip"] or None,
    )


def task(row: Row, notes: list[Row], users: dict[str, str]) -> Task:
    return Task(
        ehr_id=row["id"],
        description=row["description"],
        subject=row["subject"] or None,
        status=row["status"] or None,
        assignee_ehr_id=row["assigned_to"] or None,
        assignee_name=users.get(row["assigned_to"]),
        phone_call_type_id=row["call_type_id"] or None,
        notify_list=tuple(row["notify"]),
        notes=tuple(
            TaskNote(
                text=note["text"],
                ehr_id=note["id"],
                author_name=note["by"] or None,
                created_at=moment(note["created_at"]),
            )
            for note in notes
        ),
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        **whom(row),
    )


def telephone_encounter(row: Row, actions: list[Row]) -> TelephoneEncounter:
    return TelephoneEncounter(
        ehr_id=row["id"],
        status=row["status"] or None,
        provider_ehr_id=row["provider_id"] or None,
        location_ehr_id=row["location_id"] or None,
        assigned_to_ehr_id=row["assigned_to"] or None,
        phone_call_type_id=row["call_type_id"] or None,
        reason=row["reason"] or None,
        refill_medication_name=row["refill_medication"] or None,
        pharmacy_ehr_id=row["pharmacy_id"] or None,
        actions=tuple(
            EncounterAction(
                text=each["text"],
                ehr_id=each["id"],
                is_high_priority=each["priority"] == "high",
                created_at=moment(each["created_at"]),
            )
            for each in actions
        ),
        called_at=moment(row["called_at"]),
        created_at=moment(row["created_at"]),
        updated_at=moment(row["updated_at"]),
        **whom(row),
    )
