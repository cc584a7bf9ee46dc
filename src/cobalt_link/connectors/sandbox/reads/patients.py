"""Patients of the sandbox EHR, and what they are insured by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from cobalt_link.connector import (
    Chart,
    InsuranceProvider,
    InsuranceProviderQuery,
    OffsetPages,
    Patient,
    PatientInsurance,
    PatientInsuranceQuery,
    PatientMedication,
    PatientPharmacy,
    PatientQuery,
    Patients,
    digits,
    reads,
)
from cobalt_link.connectors.sandbox.reads.rows import SEX, ChartRows, Row, changed_since, day, moment, money, whom

PAGE = 200  # patients or payers
LEAST_DIGITS = 7


class PatientReads(ChartRows):
    """Who the patients are."""

    @reads("dob", "first_name", "last_name", "mrn", "ehr_id", "phone", "updated_since")
    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        """This EHR gives at most 200 patients at a time, so a longer page takes several calls."""
        phone = phone_of(query.phone)
        if phone == "":
            return Patients(items=(), total=0)
        filters = {
            "id": query.ehr_id or None,
            "mrn": query.mrn or None,
            "dob": query.dob,
            "first_name": query.first_name or None,
            "last_name": query.last_name or None,
            "phone": phone,
        }
        if query.updated_since:
            # The EHR cannot filter by that, so its pages are not ours.
            found = [each async for each in self._all(chart, filters) if changed_since(each, query.updated_since)]
            part = found[query.offset :][: query.limit]
            return Patients(items=tuple(map(patient, part)), total=len(found))
        rows, total = [], query.offset + 1
        while len(rows) < query.limit and query.offset + len(rows) < total:
            page = {"offset": query.offset + len(rows), "limit": min(PAGE, query.limit - len(rows))}
            answer = await self.api(chart).get("/patients", filters | page)
            rows, total = rows + answer["patients"], answer["total"]
            if not answer["patients"]:
                break
        return Patients(items=tuple(map(patient, rows)), total=total)

    @reads("patient_ehr_id")
    async def patient_insurances(self, chart: Chart, query: PatientInsuranceQuery) -> list[PatientInsurance]:
        rows = [row async for row in self.rows(chart, "insurances", patient_id=query.patient_ehr_id)]
        return [insurance(row) for row in sorted(rows, key=lambda row: row["rank"])]

    @reads("name", "active")
    async def insurance_providers(
        self, chart: Chart, query: InsuranceProviderQuery
    ) -> AsyncIterator[InsuranceProvider]:
        filters = {"name": query.name or None, "active": query.active}
        async for row in self.api(chart).rows("/payers", "payers", filters, pages=OffsetPages(size=PAGE)):
            yield InsuranceProvider(
                ehr_id=row["id"],
                name=row["name"],
                payer_id=row["code"] or None,
                active=row["active"],
                created_at=moment(row["created_at"]),
            )

    def _all(self, chart: Chart, filters: dict[str, Any]) -> AsyncIterator[Row]:
        return self.api(chart).rows("/patients", "patients", filters, pages=OffsetPages(size=PAGE))


def phone_of(phone: str | None) -> str | None:
    """A phone as this EHR compares it, without the country code. "" for one that is too short to be anybody's."""
    if phone is None:
        return None
    short = digits(phone)[-10:]
    return short if len(short) >= LEAST_DIGITS else ""


def patient(row: Row) -> Patient:
    address, phones = row["address"], row["phones"]
    return Patient(
        ehr_id=row["id"],
        mrn=row["mrn"],
        first_name=row["first_name"],
        middle_name=row["middle_name"] or None,
        last_name=row["last_name"],
        dob=day(row["dob"]),
        sex=SEX.get(row["sex"], "unknown"),
        phone=phones["home"] or phones["mobile"] or None,
        cell_phone=phones["mobile"] or None,
        email=row["email"] or None,
        address_street=address["street"] or None,
        address_line2=address["line2"] or None,
        address_city=address["city"] or None,
        address_state=address["state"] or None,
        address_zip=address["zip"] or None,
        rendering_provider_ehr_id=row["provider_id"] or None,
        medications=tuple(
            PatientMedication(
                name=each["name"],
                strength=each["strength"] or None,
                frequency=each["frequency"] or None,
                start_date=day(each["started_on"]),
                refills=each["refills"],
                notes=each["notes"] or None,
            )
            for each in row["medications"]
        ),
        pharmacies=tuple(
            PatientPharmacy(pharmacy_ehr_id=each["pharmacy_id"], is_primary=each["primary"])
            for each in row["pharmacies"]
        ),
        updated_at=moment(row["updated_at"]),
    )


def insurance(row: Row) -> PatientInsurance:
    subscriber = row["subscriber"]
    patient = whom(row)
    name = f"{subscriber['first_name']} {subscriber['last_name']}".strip()
    return PatientInsurance(
        ehr_id=row["id"],
        patient_ehr_id=patient["patient_ehr_id"],
        patient_mrn=patient["patient_mrn"],
        priority=row["rank"],
        insurance_ehr_id=row["payer_id"],
        insurance_name=row["payer"],
        insurance_subscriber_number=row["member_id"] or None,
        insurance_subscriber=patient["patient_name"] if row["relation"] == "self" else name or None,
        group_id=row["group"] or None,
        plan_begin_date=day(row["begins_on"]),
        copayment=money(row["copay"]),
        relationship_to_subscriber=row["relation"] or None,
        is_guarantor_patient=row["relation"] == "self",
    )
