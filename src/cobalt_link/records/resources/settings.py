"""The practice's settings: what the app set for the org wins over what the EHR says (contract §4.1, §4.2)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import AccountGone
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models import PracticeSettings, ReadsSettings
from cobalt_link.developers.org_settings import OrgSettings
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import RecordsEngine, Source
from cobalt_link.records.resource import LIVE, ResourceRoute
from cobalt_link.web import Rate, Verbatim
from cobalt_link.web.problems import InvalidRequest, MissingField, UnknownField

SOURCE: Source[PracticeSettings] = Source("settings", lambda found: ())


class CodedView(msgspec.Struct, frozen=True):
    """A code as the EHR writes it, and what people call it."""

    code: str
    description: str


class SettingsView(msgspec.Struct, frozen=True, kw_only=True):
    """`timezone` is an IANA name; null where neither the org nor the EHR has one."""

    access_token_reference_id: str
    visit_types: list[CodedView]
    visit_statuses: list[CodedView]
    required_patient_fields: list[str]
    timezone: str | None


class SettingsAnswer(msgspec.Struct, frozen=True):
    data: SettingsView
    success: bool = True


class VisitTypesAnswer(msgspec.Struct, frozen=True):
    visit_types: list[CodedView]
    success: bool = True


class VisitStatusesAnswer(msgspec.Struct, frozen=True):
    visit_statuses: list[CodedView]
    success: bool = True


class Reference(msgspec.Struct, frozen=True):
    """The app's own label of this access token."""

    access_token_reference_id: str


class ReferenceAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only the label can be set here; the rest is set for the org: PATCH /v1/orgs/{org_id}."""

    access_token_reference_id: Annotated[
        str, Verbatim(), Meta(min_length=1, max_length=200, description="Your own label.")
    ]


class ReferenceAnswer(msgspec.Struct, frozen=True):
    data: Reference
    success: bool = True


async def read(reads: RecordsEngine, account: Account, asked: None) -> SettingsAnswer:
    """The EHR's settings with the org's over them; an EHR without any leaves the org's."""
    org = await reads.org_settings(account)
    ehr = await _practice(reads, account) if reads.offers(account, "settings") else PracticeSettings()
    return SettingsAnswer(
        SettingsView(
            access_token_reference_id=account.reference,
            visit_types=_visit_types(org, ehr),
            visit_statuses=[CodedView(each.code, each.description) for each in ehr.visit_statuses],
            required_patient_fields=list(ehr.required_patient_fields),
            timezone=org.time_zone or ehr.timezone,
        )
    )


async def visit_types(reads: RecordsEngine, account: Account, asked: NothingAsked) -> VisitTypesAnswer:
    org = await reads.org_settings(account)
    return VisitTypesAnswer(_visit_types(org, await _practice(reads, account)))


async def visit_statuses(reads: RecordsEngine, account: Account, asked: NothingAsked) -> VisitStatusesAnswer:
    ehr = await _practice(reads, account)
    return VisitStatusesAnswer([CodedView(each.code, each.description) for each in ehr.visit_statuses])


async def refer(reads: RecordsEngine, account: Account, asked: ReferenceAsked) -> ReferenceAnswer:
    changed = await reads.accounts.refer(account, asked.access_token_reference_id)
    return ReferenceAnswer(Reference(changed.reference))


async def _practice(reads: RecordsEngine, account: Account) -> PracticeSettings:
    async def step(connector: ReadsSettings, chart: Chart) -> PracticeSettings:
        found = await connector.settings(chart)
        return msgspec.structs.replace(found, timezone=found.timezone or chart.zone)

    found, _ = await reads.read(account, SOURCE, step)
    return found


def _visit_types(org: OrgSettings, ehr: PracticeSettings) -> list[CodedView]:
    return [CodedView(each.code, each.description) for each in org.visit_types or ehr.visit_types]


ENDPOINTS = (
    ResourceRoute(
        name="show_settings",
        path="/v1/settings",
        run=read,
        answer=SettingsAnswer,
        summary="Read the practice's settings. Those of the org win.",
    ),
    ResourceRoute(
        name="set_reference",
        path="/v1/settings",
        method="POST",
        run=refer,
        asked=ReferenceAsked,
        answer=ReferenceAnswer,
        errors=(AccountGone, MissingField, UnknownField, InvalidRequest),
        rate=Rate.WRITE,
        audit="reference_set",
        summary="Set your own label for this access token.",
    ),
    ResourceRoute(
        name="list_visit_types",
        path="/v1/visit-types",
        run=visit_types,
        asked=NothingAsked,
        answer=VisitTypesAnswer,
        errors=LIVE,
        summary="List the codes for kinds of visits.",
    ),
    ResourceRoute(
        name="list_visit_statuses",
        path="/v1/visit-statuses",
        run=visit_statuses,
        asked=NothingAsked,
        answer=VisitStatusesAnswer,
        errors=LIVE,
        summary="List the codes for the states of a visit.",
    ),
)
