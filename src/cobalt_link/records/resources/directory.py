"""Lists whose ids or names other calls take: document folders, kinds of phone calls, ways to pay, users of the EHR."""

from __future__ import annotations

from typing import Any

import msgspec

from cobalt_link.connector.models import Capability, StaffMember
from cobalt_link.records.asked import NothingAsked
from cobalt_link.records.engine import Ids
from cobalt_link.records.lists import endpoints
from cobalt_link.records.resource import Resource, shown_as


class DirectoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """`ehr_id` is the EHR's own id."""

    ehr_id: str
    name: str
    active: bool


class EhrUserView(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in to the EHR. `ehr_id` is the EHR's own id, `role` its own word."""

    ehr_id: str
    name: str
    username: str | None
    role: str | None
    active: bool


def entry(each: Any, ids: Ids) -> DirectoryEntry:
    return shown_as(DirectoryEntry, each)


def user(each: StaffMember, ids: Ids) -> EhrUserView:
    return shown_as(EhrUserView, each)


def _list(capability: Capability, summary: str) -> Resource[Any]:
    return Resource(
        capability=capability,
        path=f"/v1/{capability.replace('_', '-')}",
        summary=summary,
        key=capability,
        shown=DirectoryEntry,
        view=entry,
        asked=NothingAsked,
    )


FOLDERS = _list("document_folders", "List the folders for documents: `folder_name` of POST /v1/documents.")
PHONE_CALLS = _list("phone_call_types", "List the kinds of phone calls: `phone_call_type_id` of POST /v1/tasks.")
PAYMENTS = _list("payment_methods", "List the ways to pay: `payment_method` of POST /v1/payments.")
USERS: Resource[StaffMember] = Resource(
    capability="ehr_users",
    path="/v1/ehr-users",
    also=("/v1/emr-users",),
    summary="List the users of the EHR: `assignee_user_id` of POST /v1/tasks.",
    key="ehr_users",
    shown=EhrUserView,
    view=user,
    asked=NothingAsked,
)
ENDPOINTS = (*endpoints(FOLDERS), *endpoints(PHONE_CALLS), *endpoints(PAYMENTS), *endpoints(USERS))
