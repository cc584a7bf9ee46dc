"""What the EHR of this account can do here, field by field. No EHR is asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.accounts.problems import EhrUnexpected
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.models import READS, Capability
from cobalt_link.connector.offers import Offering
from cobalt_link.connector.topics import withheld_fields
from cobalt_link.connector.writes import WriteCapability
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import RecordsEngine
from cobalt_link.records.resource import ResourceRoute
from cobalt_link.records.writes.operations import OPERATIONS

# What connectors call the patient of a list, in the words of the API.
IN_THE_API = {
    "patient_ehr_id": "patient_id",
    "appointment_ehr_id": "appointment_id",
    "assignee_ehr_id": "assignee_user_id",
    "provider_ehr_id": "provider_ids",
}


class ReadView(msgspec.Struct, frozen=True, kw_only=True):
    """`filters` narrow the list, those of `required_filters` are needed. `withheld` are fields that are always empty.
    `freshness` is `live`: each call asks the EHR. `reason` says why a capability is not offered."""

    capability: str
    offered: bool
    reason: str | None
    filters: list[str]
    required_filters: list[str]
    withheld: list[str]
    route: Literal["api"] | None
    freshness: Literal["live"] | None


class WriteView(msgspec.Struct, frozen=True, kw_only=True):
    """`fields` are the optional fields that the EHR takes, and `required_fields` those of them that it requires. Any
    other one is refused."""

    capability: str
    offered: bool
    reason: str | None
    fields: list[str]
    required_fields: list[str]
    route: Literal["api"] | None


class CapabilitiesAnswer(msgspec.Struct, frozen=True):
    emr_name: str
    reads: list[ReadView]
    writes: list[WriteView]
    success: bool = True


async def read(engine: RecordsEngine, account: Account, asked: NothingAsked) -> CapabilitiesAnswer:
    manifest = engine.manifest(account)
    if manifest is None:
        raise EhrUnexpected(
            f"The connector {account.connector} is not installed here anymore. Ask the operator to install it."
        )
    return CapabilitiesAnswer(
        emr_name=manifest.name,
        reads=[_read(manifest, each, account.offers) for each in READS],
        writes=[_write(manifest, each, account.offers) for each in get_args(WriteCapability)],
    )


def filters_of(manifest: Manifest, capability: Capability) -> list[str]:
    """What narrows the list at this EHR, in the words of the API."""
    read = READS[capability]
    names = {*manifest.reads.get(capability, ()), *read.matches, *read.always}
    names |= {"patient_id"} if "patient_mrn" in read.filters else set()
    return sorted(
        {IN_THE_API.get(each, each) for each in names} | ({"patient_mrn"} if "patient_id" in names else set())
    )


def _read(manifest: Manifest, capability: Capability, offers: Offering | None) -> ReadView:
    declared = manifest.reads.get(capability)
    if declared is None:
        return ReadView(
            capability=capability,
            offered=False,
            reason=_reason(manifest, capability, capability.replace("_", " "), offers),
            filters=[],
            required_filters=[],
            withheld=[],
            route=None,
            freshness=None,
        )
    read = READS[capability]
    return ReadView(
        capability=capability,
        offered=True,
        reason=None,
        filters=filters_of(manifest, capability),
        required_filters=[*dict.fromkeys((*read.always, *manifest.required.get(capability, ())))],
        withheld=withheld_fields(capability, manifest.without),
        route="api",
        freshness="live",
    )


def _write(manifest: Manifest, capability: WriteCapability, offers: Offering | None) -> WriteView:
    fields = manifest.writes.get(capability)
    offered = fields is not None
    what = capability.replace("_", " ").replace(".", ": ")

    def in_api(names: Iterable[str]) -> list[str]:
        return sorted({OPERATIONS[capability].in_request(name) for name in names})

    return WriteView(
        capability=capability,
        offered=offered,
        reason=None if offered else _reason(manifest, capability, what, offers),
        fields=in_api(fields or ()),
        required_fields=in_api(manifest.required.get(capability, ())),
        route="api" if offered else None,
    )


def _reason(manifest: Manifest, capability: str, what: str, offers: Offering | None) -> str:
    if offers and capability in offers.not_granted:
        return f"{manifest.name} has it, but this user's grant leaves it out."
    return (offers.reasons.get(capability) if offers else None) or f"{manifest.name} does not offer {what}."


ENDPOINTS = (
    ResourceRoute(
        name="show_capabilities",
        path="/v1/capabilities",
        run=read,
        asked=NothingAsked,
        answer=CapabilitiesAnswer,
        errors=(EhrUnexpected,),
        summary="Read what this account's EHR can do: reads with their filters, writes with their fields.",
    ),
)
