"""The reader against the official FHIR R4 examples (npm `hl7.fhir.r4.examples`), and against broken copies of them.

COBALT_R4_EXAMPLES names the folder of the unpacked package. Nothing is downloaded here.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cobalt_link.connector import EhrDown, NoRights, PatientQuery
from cobalt_link.connectors.smart import Smart
from cobalt_link.connectors.smart.bundles import page_of
from cobalt_link.connectors.smart.losses import Losses
from cobalt_link.connectors.smart.outcomes import FhirRefused, issues_of
from cobalt_link.connectors.smart.reads import appointments, documents, insurances, orders, patients, practice, slots
from cobalt_link.connectors.smart.reads import tasks as task_reads
from cobalt_link.connectors.smart.server import Server
from cobalt_link.connectors.smart.statement import statement_of
from tests.connectors.smart.chart import appointment, patient
from tests.connectors.smart.runs import open_chart
from tests.support.ehrs.smart import SmartEhr
from tests.support.proof import FHIR_EXAMPLES, FUZZED_LENGTH

FOLDER = Path(os.environ.get("COBALT_R4_EXAMPLES") or "/nowhere")
VALUES: list[Any] = [None, "", 7, True, [], {}, [None], "1985-13-99", "\x00", {"reference": 3}, [[["x"]]], -(10**40)]


def read(server: Server, record: dict[str, Any]) -> None:
    """Everything that could meet such a record. A mapping may raise nothing here, not even what `Losses` catches."""
    losses = Losses()
    statement_of(record), issues_of(record)
    makers = {
        "Patient": lambda one: patients.patient(one, server, losses),
        "Appointment": lambda one: appointments.appointment(server, {}, losses, one),
        "Slot": lambda one: slots.slot(server, {}, losses, one),
        "Practitioner": practice._provider,
        "Location": practice._location,
        "DocumentReference": lambda one: documents._document(server, one, losses),
        "Coverage": lambda one: insurances._insurance(server, one),
        "Task": lambda one: task_reads._task(server, one),
        "ServiceRequest": lambda one: orders._service(server, one, {}),
        "MedicationRequest": lambda one: orders._medication(server, one),
        "DiagnosticReport": lambda one: orders._lab(server, one, {}),
        "Observation": orders._value,
    }
    kind = record.get("resourceType")
    if isinstance(kind, str) and kind in makers:
        makers[kind](record)
    if kind == "Bundle":
        with suppress(FhirRefused, EhrDown, NoRights):  # the outcomes in some of them
            list(losses.each(page_of(record, "Patient", server.base).matches, makers["Patient"]))


def broken(record: Any, chance: random.Random) -> Any:
    """A copy with one value replaced by something that does not belong there."""
    copy = json.loads(json.dumps(record))
    place, steps = copy, chance.randrange(1, 6)
    for step in range(steps):
        keys = list(place) if isinstance(place, dict) else list(range(len(place))) if isinstance(place, list) else []
        if not keys:
            break
        key = chance.choice(keys)
        if step == steps - 1 or not isinstance(place[key], dict | list):
            place[key] = chance.choice(VALUES)
            break
        place = place[key]
    return copy


@pytest.mark.skipif(not FOLDER.is_dir(), reason="COBALT_R4_EXAMPLES names no folder")
def test_every_official_example_passes_through_the_reader(connector: Smart, ehr: SmartEhr) -> None:
    server, chance = Server.of(connector.http, open_chart(ehr)), random.Random(4)
    files = sorted(each for each in FOLDER.glob("*.json") if each.name != "package.json")
    by_type: dict[str, int] = {}
    chosen = files if len(files) <= FHIR_EXAMPLES.times else chance.sample(files, FHIR_EXAMPLES.times)
    for file in chosen:
        record = json.loads(file.read_bytes())
        read(server, record)
        by_type[str(record.get("resourceType"))] = by_type.get(str(record.get("resourceType")), 0) + 1
    assert sum(by_type.values()) == len(chosen) > 0


async def test_no_broken_copy_of_a_record_hides_the_others(connector: Smart, ehr: SmartEhr) -> None:
    server, chance = Server.of(connector.http, open_chart(ehr)), random.Random(7)
    whole = [patient(ehr), appointment(ehr)]
    for _ in range(FUZZED_LENGTH.times // 8):
        record = broken(chance.choice(whole), chance)
        losses = Losses()
        list(losses.each([record], partial(appointments.appointment, server, {}, losses)))
        read(server, record)
    for n in range(50):
        ehr.records["Patient"][f"b-{n}"] = broken(whole[0], chance) | {"resourceType": "Patient"}
    found = await connector.patients(open_chart(ehr), PatientQuery(limit=500))
    assert "p-1" in [each.ehr_id for each in found.items]
