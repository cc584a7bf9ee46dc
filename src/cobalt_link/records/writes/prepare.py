"""Makes the connector's write from a stored request: with the EHR's ids, and checked again each time.

A job may have waited for a day. So the patient and the records that it names are looked up when it runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import NotSupported
from cobalt_link.accounts.sessions import EhrSessions
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.models import Patient, PatientQuery, PracticeSettings, ReadsPatients, ReadsSettings
from cobalt_link.connector.writes import AppointmentChange, ForPatient, Write
from cobalt_link.connector.writing import NotWritten, Reason, Writing
from cobalt_link.developers.orgs import Orgs
from cobalt_link.records.ids import RecordIds
from cobalt_link.records.named_patient import patients_of
from cobalt_link.records.writes.job import Asked, WriteJob
from cobalt_link.records.writes.operation import Fields, Operation

RESCHEDULED = "rescheduled"


class Preparation:
    """Bound to the connectors of this process."""

    def __init__(
        self,
        operations: Mapping[str, Operation],
        connectors: Mapping[str, Connector],
        sessions: EhrSessions,
        ids: RecordIds,
        orgs: Orgs,
    ) -> None:
        self._operations = operations
        self._connectors = connectors
        self._sessions = sessions
        self._ids = ids
        self._orgs = orgs

    def operation(self, job: WriteJob) -> Operation:
        return self._operations[job.operation]

    def writing(self, account: Account, operation: Operation) -> Writing:
        """How the account's connector does it. Raises NotSupported."""
        connector = self._connectors.get(account.connector)
        if connector is None or operation.name not in connector.writings:
            raise NotSupported(f"{account.connector} does not offer {operation.name} here. Ask the operator.")
        return connector.writings[operation.name]

    async def write(self, job: WriteJob, operation: Operation, account: Account, asked: Asked) -> Write:
        """The write of a job. Raises NotWritten if it cannot be right, and the problems of a read."""
        return await self.built(operation, account, asked, ref=ref_of(job))

    async def built(self, operation: Operation, account: Account, asked: Asked, *, ref: str) -> Write:
        # Before the intent is stored: from then on, the EHR might have the write.
        self._sessions.check(account)
        fields = {**asked.write, "ref": ref, **await self._ehr_ids(operation, account, asked)}
        if issubclass(operation.write, ForPatient):
            fields |= await self._patient(account, asked)
        try:
            write = msgspec.convert(fields, operation.write, strict=False)
        except msgspec.ValidationError as error:
            raise NotWritten(Reason("INVALID_REQUEST", str(error))) from None
        start = getattr(write, "start", None)
        if isinstance(start, datetime) and start.tzinfo is None:
            write = msgspec.structs.replace(write, start=start.replace(tzinfo=await self._zone(account)))
        if isinstance(write, AppointmentChange) and (write.status or "").casefold() == RESCHEDULED:
            write = msgspec.structs.replace(write, status=await self._rescheduled(account))
        return write

    async def touches(self, operation: Operation, account: Account, write: Write) -> list[str]:
        """Our ids of the records that a write changes beside its own."""
        fields = {kind: other.field for other in operation.ids.values() for kind in other.kinds}
        if isinstance(write, ForPatient):
            fields["patient"] = "patient_ehr_id"
        named = [(kind, getattr(write, fields[kind])) for kind in operation.changes]
        return [*(await self._ids.give(account, named)).values()] if named else []

    async def check(self, operation: Operation, account: Account, asked: Asked) -> None:
        """Validates a request by the EHR's rules, and sends nothing that changes the chart. Raises NotWritten."""
        writing = self.writing(account, operation)
        write = await self.built(operation, account, asked, ref="0" * 32)
        check = writing.check
        if check is None:
            return

        async def step(connector: Any, chart: Chart) -> None:
            await check(connector, chart, write)

        await self._sessions.read(account, step)

    async def _ehr_ids(self, operation: Operation, account: Account, asked: Asked) -> Fields:
        """The EHR's ids of what the request names. What was still being written when it came is in the EHR by now."""
        found: Fields = {}
        for name, (other, either) in operation.others(asked.fields, asked.target).items():
            ehr_id = asked.ehr_ids.get(name) or await self._ids.first(account, other.kinds, either)
            if ehr_id is not None:
                found[other.field] = ehr_id
            elif not asked.fields.get(other.unless or ""):
                kind = other.kinds[0]
                text = f"The {kind.replace('_', ' ')} {either} is not in the EHR: its own job did not succeed."
                raise NotWritten(Reason(f"{kind.upper()}_NOT_FOUND", text, name))
        return found

    async def _patient(self, account: Account, asked: Asked) -> Fields:
        """By our id, or by the record number that the EHR gives."""
        number, our_id = asked.fields.get("patient_mrn"), asked.fields.get("patient_id")
        ehr_id = (await self._ids.resolve(account, "patient", our_id) or our_id) if our_id else None
        query = PatientQuery(ehr_id=ehr_id, limit=2) if ehr_id else PatientQuery(mrn=number, limit=2)

        async def step(connector: ReadsPatients, chart: Chart) -> list[Patient]:
            return await patients_of(connector, chart, query)

        found = await self._sessions.read(account, step)
        if len(found) != 1:
            what = f"id {our_id}" if our_id else f"MRN {number}"
            text = f"Patient {what} not found." if not found else f"Several patients have the {what}."
            raise NotWritten(
                Reason("PATIENT_NOT_FOUND", f"{text} Please check the patient MRN and try again.", "patient_mrn")
            )
        return {"patient_ehr_id": found[0].ehr_id, "patient_mrn": found[0].mrn}

    async def _rescheduled(self, account: Account) -> str:
        """The EHR's code for the contract's older word (§9 row 12)."""

        async def step(connector: ReadsSettings, chart: Chart) -> PracticeSettings:
            return await connector.settings(chart)

        statuses = (await self._sessions.read(account, step)).visit_statuses
        named = (each.code for each in statuses if RESCHEDULED in (each.code.casefold(), each.description.casefold()))
        return next(named, RESCHEDULED)

    async def _zone(self, account: Account) -> ZoneInfo:
        """The practice's time zone: the one that the app has set for the org, else the grant's."""
        org = await self._orgs.known(account.client, account.org_id)

        async def step(_connector: object, chart: Chart) -> str | None:
            return chart.zone

        zone = (org.settings.time_zone if org else None) or await self._sessions.read(account, step)
        if zone is None:
            text = "The practice's time zone is not known. Send the time with its offset: 2026-01-31T09:30:00-05:00."
            raise NotWritten(Reason("TIME_ZONE_UNKNOWN", text, "datetime"))
        return ZoneInfo(zone)


def ref_of(job: WriteJob) -> str:
    """The reference of a job's write in the EHR, the same for every try. No other installation gives it out."""
    return hashlib.sha256(f"{job.record_id}-{job.id}".encode()).hexdigest()[:32]
