"""Every kind of write, one file per resource."""

from __future__ import annotations

from collections.abc import Mapping

from cobalt_link.records.writes.operation import Operation
from cobalt_link.records.writes.operations import (
    appointments,
    billing,
    calls,
    documents,
    insurances,
    notes,
    patients,
    referrals,
    tasks,
)

OPERATIONS: Mapping[str, Operation] = {
    each.name: each
    for each in (
        *appointments.OPERATIONS,
        *patients.OPERATIONS,
        *insurances.OPERATIONS,
        *notes.OPERATIONS,
        *documents.OPERATIONS,
        *referrals.OPERATIONS,
        *tasks.OPERATIONS,
        *calls.OPERATIONS,
        *billing.OPERATIONS,
    )
}
