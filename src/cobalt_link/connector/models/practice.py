"""The practice itself: its providers, its locations, its settings."""

from __future__ import annotations

from datetime import time
from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.reading import Read, Records


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """Working hours that come back every week, in the practice's time. `weekday` is 1 for Monday to 7 for Sunday."""

    weekday: int
    start: time
    end: time
    location_ehr_id: str | None = None
    location_name: str | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who sees patients. `name` is "Last, First"; `npi` has 10 digits; `timezone` is an IANA name. `hours` are
    empty if the EHR does not keep them."""

    ehr_id: str
    name: str
    npi: str | None = None
    active: bool = True
    timezone: str | None = None
    hours: tuple[Shift, ...] = ()


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A place where the practice works. `state` is a code ("AZ")."""

    ehr_id: str
    name: str
    active: bool = True
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    phone: str | None = None
    fax: str | None = None


class Coded(msgspec.Struct, frozen=True, kw_only=True):
    """A code of the EHR, and what people call it."""

    code: str
    description: str


class PracticeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the EHR says about the practice. `timezone` is an IANA name. `required_patient_fields` are fields of
    `Patient` that the EHR asks for when a patient is added."""

    timezone: str | None = None
    visit_types: tuple[Coded, ...] = ()
    visit_statuses: tuple[Coded, ...] = ()
    required_patient_fields: tuple[str, ...] = ()


class ReadsProviders(Protocol):
    """`[reads] providers`."""

    def providers(self, chart: Chart) -> Records[Provider]:
        """Everybody who sees patients, inactive ones included."""
        ...


class ReadsLocations(Protocol):
    """`[reads] locations`."""

    def locations(self, chart: Chart) -> Records[Location]:
        """Every place where the practice works, inactive ones included."""
        ...


class ReadsSettings(Protocol):
    """`[reads] settings`."""

    async def settings(self, chart: Chart) -> PracticeSettings:
        """The practice's time zone, and the codes of its visits."""
        ...


PROVIDERS = Read(
    protocol=ReadsProviders,
    record=Provider,
    topics={
        Provider: {"providers": "ehr_id name npi active timezone hours"},
        Shift: {"providers": "weekday start end location_ehr_id location_name"},
    },
)
LOCATIONS = Read(
    protocol=ReadsLocations,
    record=Location,
    topics={Location: {"locations": "ehr_id name active address1 address2 city state zip phone fax"}},
)
SETTINGS = Read(
    protocol=ReadsSettings,
    record=None,
    topics={
        PracticeSettings: {"practice": "timezone visit_types visit_statuses required_patient_fields"},
        Coded: {"practice": "code description"},
    },
)
