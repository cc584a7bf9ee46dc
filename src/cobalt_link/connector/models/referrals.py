"""Referrals, and the clinicians outside of the practice who refer patients to it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, Protocol, TypeAlias

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.filters import exactly, first_day, in_any_case, last_day, partly, phone
from cobalt_link.connector.models.reading import Read, Records

Priority: TypeAlias = Literal["routine", "urgent", "stat"]


class Referral(msgspec.Struct, frozen=True, kw_only=True):
    """`document_ehr_ids` are the EHR's ids of the attached documents. `status` is the EHR's own word."""

    ehr_id: str
    patient_ehr_id: str | None = None
    patient_mrn: str | None = None
    patient_first_name: str | None = None
    patient_last_name: str | None = None
    patient_dob: date | None = None
    from_provider_ehr_id: str | None = None
    from_provider_name: str | None = None
    to_provider_ehr_id: str | None = None
    to_provider_name: str | None = None
    direction: Literal["incoming", "outgoing"] | None = None
    priority: Priority | None = None
    urgency: str | None = None
    reason: str | None = None
    diagnosis_codes: tuple[str, ...] = ()
    document_ehr_ids: tuple[str, ...] = ()
    status: str | None = None
    referral_date: date | None = None
    created_at: datetime | None = None
    last_activity_at: datetime | None = None


class ReferralQuery(msgspec.Struct, frozen=True, kw_only=True):
    """`start_date` and `end_date` are days of the referral, both included, and always set unless `ehr_id` is."""

    start_date: date | None = None
    end_date: date | None = None
    patient_mrn: str | None = None
    patient_ehr_id: str | None = None
    status: str | None = None
    priority: Priority | None = None
    ehr_id: str | None = None
    updated_since: datetime | None = None


class ReferringProvider(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is as the EHR shows it."""

    ehr_id: str
    name: str
    first_name: str | None = None
    last_name: str | None = None
    middle_initial: str | None = None
    specialty: str | None = None
    phone: str | None = None
    fax: str | None = None
    email: str | None = None
    npi: str | None = None
    address_street: str | None = None
    address_city: str | None = None
    address_state: str | None = None
    address_zip: str | None = None


class ReferringProviderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Names match partly and in any case, phones in any spelling."""

    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    fax: str | None = None
    npi: str | None = None


class ReadsReferrals(Protocol):
    """`[reads] referrals`."""

    def referrals(self, chart: Chart, query: ReferralQuery) -> Records[Referral]:
        """The referrals of the days, in any order."""
        ...


class ReadsReferringProviders(Protocol):
    """`[reads] referring_providers`."""

    def referring_providers(self, chart: Chart, query: ReferringProviderQuery) -> Records[ReferringProvider]:
        """All who refer patients to the practice, in a stable order."""
        ...


REFERRALS = Read(
    protocol=ReadsReferrals,
    record=Referral,
    query=ReferralQuery,
    always=("start_date", "end_date"),
    matches={
        "start_date": first_day("referral_date"),
        "end_date": last_day("referral_date"),
        "patient_mrn": exactly("patient_mrn"),
        "patient_ehr_id": exactly("patient_ehr_id"),
        "status": in_any_case("status"),
        "priority": exactly("priority"),
        "ehr_id": exactly("ehr_id"),
    },
    topics={
        Referral: {
            "people": "patient_ehr_id patient_mrn patient_first_name patient_last_name patient_dob",
            "referrals": "ehr_id from_provider_ehr_id from_provider_name to_provider_ehr_id to_provider_name direction"
            " priority urgency reason diagnosis_codes document_ehr_ids status referral_date created_at"
            " last_activity_at",
        }
    },
)
REFERRING_PROVIDERS = Read(
    protocol=ReadsReferringProviders,
    record=ReferringProvider,
    query=ReferringProviderQuery,
    matches={
        "first_name": partly("first_name"),
        "last_name": partly("last_name"),
        "phone": phone("phone"),
        "fax": phone("fax"),
        "npi": exactly("npi"),
    },
    topics={
        ReferringProvider: {
            "directory": "ehr_id name first_name last_name middle_initial specialty phone fax email npi address_street"
            " address_city address_state address_zip"
        }
    },
)
