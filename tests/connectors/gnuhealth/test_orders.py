"""Orders read from the real GNU Health with its lab module, and from one without it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connectors.gnuhealth import GnuHealth, orders
from cobalt_link.connectors.gnuhealth.server import Server
from tests.connectors.gnuhealth import walk
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import MARKS, Start
from tests.support.ehrs.gnuhealth import GnuHealth as Bench
from tests.support.ehrs.gnuhealth_server import post

pytestmark = MARKS
DOCTOR = walk.credentials("ccameron", seed.USERS["ccameron"])
DAY = date(2026, 3, 4)
# In UTC this is the next day.
LATE = datetime.combine(DAY, datetime.min.time(), seed.ZONE) + timedelta(hours=22)


@pytest.fixture(scope="module")
def lab(start_gnuhealth: Start) -> Bench:
    return start_gnuhealth(modules=("health_lab",))


@pytest.fixture(scope="module")
async def chart(lab: Bench) -> Chart:
    return (await walk.Walk(lab.url).go(DOCTOR)).chart


async def of(connector: GnuHealth, chart: Chart, **query: Any) -> list[dict[str, Any]]:
    return await orders.orders(Server.opened(connector.http, chart.session), **query)


def requested(bench: Bench, code: str, state: str = "draft", days: int = 0) -> int:
    (kind,) = bench.rpc("model.gnuhealth.lab.test_type.search", [["code", "=", code]], 0, 1, None)
    when = seed.a_moment(LATE + timedelta(days=days))
    values = {"patient_id": 1, "test_type": kind, "doctor_id": 2, "date": when, "state": state, "urgent": days == 0}
    return seed.one(bench, "gnuhealth.patient.lab.test", values)


def analyzed(bench: Bench, request: int) -> int:
    """What GNU Health's own wizard makes of a request, with two results."""
    url, session = f"{bench.url}/{bench.database}/", bench.sign_in("ccameron", seed.USERS["ccameron"])
    wizard = "wizard.gnuhealth.lab.test.create"
    number = post(url, f"{wizard}.create", [{}], session)[0]
    context = {"active_ids": [request], "active_id": request, "active_model": "gnuhealth.patient.lab.test"}
    post(url, f"{wizard}.execute", [number, {}, "create_lab_test", context], session)
    (result,) = bench.rpc("model.gnuhealth.lab.search", [], 0, 1, [["id", "DESC"]])
    for name, values in (("HGB", {"result": 9.5}), ("RBC", {"result_text": "few"})):
        which = [["gnuhealth_lab_id", "=", result], ["name", "=", name]]
        (analyte,) = bench.rpc("model.gnuhealth.lab.test.critearea.search", which, 0, 1, None)
        bench.rpc("model.gnuhealth.lab.test.critearea.write", [analyte], values)
    finished = {"state": "done", "done_date": seed.a_moment(datetime(2026, 3, 5, 12, tzinfo=UTC)), "results": "Anemia"}
    bench.rpc("model.gnuhealth.lab.write", [result], finished)
    return result


async def test_lab_requests_and_medicines_are_the_patient_s_orders(
    lab: Bench, connector: GnuHealth, chart: Chart
) -> None:
    seed.prescription(lab, 1, LATE)
    first = requested(lab, "CBC")
    analyzed(lab, first)
    second, third = requested(lab, "CBC", "cancel", days=1), requested(lab, "CBC", days=2)
    found = await of(connector, chart, patient_mrn="PUID-000")
    assert [(row["order_id"], row["type"], row["status"], row["date"]) for row in found] == [
        (f"lab-{first}", "lab", "completed", DAY),
        (f"rx-{len(seed.PRESCRIPTIONS) + 1}", "medication", "completed", DAY),
        (f"lab-{second}", "lab", "cancelled", DAY + timedelta(days=1)),
        (f"lab-{third}", "lab", "pending", DAY + timedelta(days=2)),
    ]
    count, medicine = found[:2]
    assert {row["patient"]["mrn"] for row in found} == {"PUID-000"}
    assert count["patient"] == {"ehr_id": "1", "mrn": "PUID-000", "name": "Betz, Ana", "dob": date(1985, 10, 4)}
    assert (count["name"], count["provider"]) == ("COMPLETE BLOOD COUNT", "2")
    assert (count["details"]["code"], count["details"]["urgent"]) == ("CBC", "yes")
    results = count["lab_results"]
    assert (results["status"], results["results"]) == ("done", "Anemia")
    assert results["resulted_at"].isoformat() == "2026-03-05T07:00:00-05:00"
    values = {value["name"]: value for value in results["values"]}
    assert values["HGB"] == {
        "name": "HGB", "code": values["HGB"]["code"], "value": "9.5", "unit": "g/dL", "reference_range": "11-16.0",
        "flag": "L",
    }  # fmt: skip
    assert (values["RBC"]["value"], values["RBC"]["unit"], values["RBC"]["flag"]) == ("few", None, None)
    assert (medicine["name"], medicine["provider"], medicine["details"]["dose"], medicine["details"]["quantity"]) == (
        "Amoxicillin", "1", "250", "30",
    )  # fmt: skip
    days = {"start": DAY + timedelta(days=1), "end": DAY + timedelta(days=1)}
    assert [row["order_id"] for row in await of(connector, chart, patient_ehr_id="1", **days)] == [f"lab-{second}"]
    assert not await of(connector, chart, patient_mrn="PUID-001")
    assert not await of(connector, chart, patient_ehr_id="x")


async def test_a_result_that_nobody_requested_is_an_order_too(lab: Bench, connector: GnuHealth, chart: Chart) -> None:
    (kind,) = lab.rpc("model.gnuhealth.lab.test_type.search", [["code", "=", "CBC"]], 0, 1, None)
    values = {"patient": 3, "test": kind, "requestor": 1, "date_requested": seed.a_moment(LATE)}
    made = seed.one(lab, "gnuhealth.lab", values)
    (row,) = await of(connector, chart, patient_mrn="PUID-002")
    assert (row["order_id"], row["status"], row["date"]) == (f"result-{made}", "pending", DAY)
    assert row["lab_results"]["values"] == []


async def test_a_server_without_a_lab_has_the_prescriptions(
    written_to: Bench, connector: GnuHealth, doctor: Chart
) -> None:
    seed.prescription(written_to, 1, LATE)
    (row,) = await of(connector, doctor, patient_mrn="PUID-000")
    assert (row["type"], row["name"]) == ("medication", "Amoxicillin")
