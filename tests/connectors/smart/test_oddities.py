"""Every oddity of real FHIR servers, one at a time: a read gives what is there, or says what is missing and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from cobalt_link.connector import (
    AppointmentQuery,
    Capped,
    DocumentQuery,
    NoteQuery,
    OrderQuery,
    PatientInsuranceQuery,
    PatientQuery,
    Refusal,
    SlotQuery,
    TaskQuery,
)
from cobalt_link.connectors.smart.outcomes import FhirRefused
from sandbox_ehr.lab.oddities import Oddities
from tests.connectors.smart.test_sandbox_ehr import DAY, Linked, linked

PATIENT = "10001"
Found = tuple[int, str | None]
LISTS = {"patients", "appointments", "providers", "locations", "slots", "notes", "documents", "insurances", "orders"}
LISTS |= {"tasks"}
# What an oddity may take away, by the reads that say so. All others must find what they find without it.
LOSSES = {
    "fhir_02": LISTS,
    "fhir_03": LISTS,
    "fhir_07": {"appointments", "providers", "locations"},
    "fhir_09": {"appointments"},
    "fhir_11": {"insurances"},
    "fhir_22": {"notes", "documents"},
    "fhir_28": {"appointments"},
    "fhir_49": LISTS | {"patient"},
}
# Here the ids are others, so the one that is asked for does not exist.
OTHER_IDS = {"fhir_13", "fhir_16"}


def reads(link: Linked) -> dict[str, Callable[[], Awaitable[Found]]]:
    connector, chart = link.connector, link.chart
    streams = {
        "appointments": lambda: connector.appointments(chart, AppointmentQuery(start=DAY, end=DAY)),
        "providers": lambda: connector.providers(chart),
        "locations": lambda: connector.locations(chart),
        "slots": lambda: connector.slots(chart, SlotQuery(start_date=DAY, end_date=DAY)),
        "notes": lambda: connector.notes(chart, NoteQuery(patient_ehr_id=PATIENT)),
        "documents": lambda: connector.documents(chart, DocumentQuery(patient_ehr_id=PATIENT)),
        "insurances": lambda: connector.patient_insurances(chart, PatientInsuranceQuery(patient_ehr_id=PATIENT)),
        "orders": lambda: connector.orders(chart, OrderQuery(patient_ehr_id=PATIENT)),
        "tasks": lambda: connector.tasks(chart, TaskQuery(patient_ehr_id=PATIENT)),
    }

    async def page(query: PatientQuery) -> Found:
        found = await connector.patients(chart, query)
        return len(found.items), found.partial

    async def counted(stream: Any) -> Found:
        count = 0
        try:
            async for _ in stream:
                count += 1
        except Capped as capped:
            return count, str(capped)
        return count, None

    return {
        "patients": lambda: page(PatientQuery(last_name="a", limit=5)),
        "patient": lambda: page(PatientQuery(ehr_id=PATIENT)),
        **{name: lambda make=make: counted(make()) for name, make in streams.items()},
    }


async def test_no_oddity_makes_a_read_fail_in_silence(tmp_path: Path) -> None:
    async with linked(tmp_path) as link:
        calls = reads(link)
        plain = {name: await call() for name, call in calls.items()}
        assert all(count > 0 and partial is None for count, partial in plain.values()), plain
        for oddity in Oddities.__struct_fields__:
            assert (await link.lab.put("/api/_lab/faults", json={oddity: True})).status_code == 200
            lost = set()
            for name, call in calls.items():
                try:
                    found = await call()
                except (FhirRefused, Refusal):
                    lost.add(name)
                    continue
                if found != plain[name]:
                    # Less than before, and it says so.
                    assert found[1] or (oddity in OTHER_IDS and name == "patient"), (oddity, name, found)
                    lost |= set() if oddity in OTHER_IDS else {name}
            assert lost == LOSSES.get(oddity, set()), oddity
