"""Referrals, in the contract's shape (§4.13)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import Priority, Referral
from cobalt_link.records.asked import EhrId, FirstDay, HundredMost, LastDay, PatientId, PatientMrn, Text, UpdatedSince
from cobalt_link.records.engine import Ids, our_id
from cobalt_link.records.ids import Named
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import Resource, shown_as
from cobalt_link.web.paging import CountedPages, Page

LONG_AGO = datetime.min.replace(tzinfo=UTC)


class ReferralsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Both days are required. The newest referral comes first, unless `sort` says otherwise."""

    start_date: FirstDay = None
    end_date: LastDay = None
    patient_mrn: PatientMrn = None
    patient_id: PatientId = None
    status: Annotated[Text, Meta(description="The EHR's own word.")] = None
    priority: Annotated[Priority | None, Meta(description="Only those.")] = None
    ehr_id: EhrId = None
    updated_since: UpdatedSince = None
    sort: Annotated[
        Literal["created_at"] | None, Meta(description="In the order in which they were made, the oldest first.")
    ] = None
    page: Page = 1
    page_size: HundredMost = 100


class ReferralView(msgspec.Struct, frozen=True, kw_only=True):
    """`document_ids` are for `GET /v1/documents/{document_id}`. `status` is the EHR's own word. `synced_at` is null:
    the answer is the EHR's own, read now."""

    id: str
    ehr_id: str
    patient_id: str | None
    patient_ehr_id: str | None
    patient_mrn: str | None
    patient_first_name: str | None
    patient_last_name: str | None
    patient_dob: date | None
    from_provider_ehr_id: str | None
    from_provider_name: str | None
    to_provider_ehr_id: str | None
    to_provider_name: str | None
    direction: Literal["incoming", "outgoing"] | None
    priority: Priority | None
    urgency: str | None
    reason: str | None
    diagnosis_codes: tuple[str, ...]
    document_ids: list[str]
    status: str | None
    referral_date: date | None
    created_at: datetime | None
    last_activity_at: datetime | None
    synced_at: datetime | None = None


def named(each: Referral) -> list[Named]:
    return [("document", document) for document in each.document_ehr_ids]


def view(each: Referral, ids: Ids) -> ReferralView:
    return shown_as(
        ReferralView,
        each,
        id=ids["referral", each.ehr_id],
        patient_id=our_id(ids, "patient", each.patient_ehr_id),
        document_ids=[ids["document", document] for document in each.document_ehr_ids],
    )


def ordered(rows: list[Referral], asked: Any) -> list[Referral]:
    if asked.sort == "created_at":
        return sorted(rows, key=lambda each: (_time(each.created_at), each.ehr_id))
    newest = sorted(rows, key=lambda each: (each.referral_date or date.min, each.ehr_id), reverse=True)
    return newest


def _time(value: datetime | None) -> datetime:
    return value.replace(tzinfo=value.tzinfo or UTC) if value else LONG_AGO


RESOURCE: Resource[Referral] = Resource(
    capability="referrals",
    kind="referral",
    named=named,
    path="/v1/referrals",
    summary="List the referrals of a range of days.",
    key="referrals",
    shown=ReferralView,
    view=view,
    asked=ReferralsAsked,
    pages=CountedPages,
    order=ordered,
)
ENDPOINTS = endpoints(RESOURCE)
