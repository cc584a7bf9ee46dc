"""The benefits of one eligibility check, in the contract's shape (§4.9)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.connector.models import Benefit
from cobalt_link.records.asked import FiveHundredMost, Text
from cobalt_link.records.engine import Ids
from cobalt_link.records.lists import endpoints
from cobalt_link.records.money import amount
from cobalt_link.records.resource import Resource, Within, shown_as
from cobalt_link.web.paging import Page, RecordPages
from cobalt_link.web.problems import Problem


class EligibilityCheckNotFound(Problem):
    """Eligibility check not found. Send the id that GET /v1/eligibility-checks gave you."""

    code = "eligibility_check_not_found"
    status = 404


class BenefitsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All optional."""

    benefit_type: Annotated[Text, Meta(description="In any case, such as Co-Payment.")] = None
    page: Page = 1
    page_size: FiveHundredMost = 100


class BenefitView(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` is money such as "25.00", `percent` a number of 100. Codes are those of the payer's answer (X12 271)."""

    line_number: int
    benefit_type: str | None
    benefit_type_code: str | None
    coverage_level: str | None
    service_type_codes: tuple[str, ...]
    insurance_type: str | None
    time_period: str | None
    amount: str | None
    percent: float | None
    network_indicator: str | None
    messages: tuple[str, ...]
    raw_segment: str | None


def view(each: Benefit, ids: Ids) -> BenefitView:
    percent = float(each.percent) if each.percent is not None else None
    return shown_as(BenefitView, each, amount=amount(each.amount), percent=percent)


RESOURCE: Resource[Benefit] = Resource(
    capability="benefits",
    path="/v1/eligibility-checks/{eligibility_check_id}/benefits",
    summary="List the benefits in a payer's answer.",
    key="benefits",
    shown=BenefitView,
    view=view,
    asked=BenefitsAsked,
    pages=RecordPages,
    within=Within(
        parameter="eligibility_check_id",
        kind="eligibility_check",
        filter="check_ehr_id",
        missing=EligibilityCheckNotFound,
    ),
)
ENDPOINTS = endpoints(RESOURCE)
