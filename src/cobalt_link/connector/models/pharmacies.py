"""Pharmacies that the practice sends prescriptions to."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.reading import Read, Records


class Pharmacy(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is a code ("AZ")."""

    ehr_id: str
    name: str
    active: bool = True
    address1: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    phone: str | None = None
    fax: str | None = None
    email: str | None = None


class ReadsPharmacies(Protocol):
    """`[reads] pharmacies`."""

    def pharmacies(self, chart: Chart) -> Records[Pharmacy]:
        """All pharmacies, inactive ones included."""
        ...


READ = Read(
    protocol=ReadsPharmacies,
    record=Pharmacy,
    topics={Pharmacy: {"directory": "ehr_id name active address1 city state zip phone fax email"}},
)
