"""Orders of labs, images, medications and procedures. They come from visits; the API only reads them."""

from datetime import date, timedelta
from typing import Literal

from sandbox_ehr.clinic.made_up_visits import MEDICINES
from sandbox_ehr.clinic.records import Kind, ListQuery, Row
from sandbox_ehr.clinic.seeded_choice import number, pick
from sandbox_ehr.clinic.visits import Visit

ORDER = Kind("order", "orders", "O", parent="visit_id", day="ordered_on")
# Name, LOINC code of the panel, and its results: name, LOINC code, unit, low, high.
METABOLIC = (("Glucose", "2345-7", "mg/dL", 70, 99), ("Sodium", "2951-2", "mmol/L", 135, 145))
LABS = (
    ("Lipid panel", "57698-3", (("Cholesterol", "2093-3", "mg/dL", 120, 200), ("HDL", "2085-9", "mg/dL", 40, 80))),
    ("Hemoglobin A1c", "4548-4", (("Hemoglobin A1c", "4548-4", "%", 4, 6),)),
    ("Basic metabolic panel", "51990-0", METABOLIC),
    ("Thyroid stimulating hormone", "3016-3", (("TSH", "3016-3", "mIU/L", 1, 4),)),
)
IMAGES = ("X-ray, knee, right", "Ultrasound, abdomen", "MRI, lumbar spine")
PROCEDURES = ("Skin biopsy", "Spirometry", "Electrocardiogram")


class OrderQuery(ListQuery, frozen=True, kw_only=True):
    patient_id: str = ""
    visit_id: str = ""
    type: Literal["", "lab", "imaging", "medication", "procedure"] = ""
    status: Literal["", "pending", "completed", "cancelled"] = ""
    start: date | None = None
    end: date | None = None


def made_up(visit: Visit, day: date) -> Row | None:
    """The order of a visit, if there was one."""
    kind = pick(("lab", "lab", "imaging", "medication", "procedure", "", "", "", ""), visit.id, "order")
    if not kind:
        return None
    status = pick(("completed", "completed", "completed", "pending", "cancelled"), visit.id, "order status")
    row: Row = {
        "patient_id": visit.patient.id,
        "visit_id": visit.id,
        "provider_id": visit.details.provider_id,
        "type": kind,
        "code": "",
        "status": status,
        "ordered_on": day.isoformat(),
        "details": {},
        "lab_results": None,
    }
    if kind == "lab":
        name, code, results = pick(LABS, visit.id, "lab")
        row |= {"name": name, "code": code}
        if status == "completed":
            row["lab_results"] = {
                "reported_on": day.isoformat(),
                "results": [_result(visit.id, *each) for each in results],
            }
        return row
    if kind == "medication":
        medicine, strength, frequency = pick(MEDICINES, visit.id, "prescribed")
        return row | {"name": medicine, "details": {"strength": strength, "frequency": frequency, "refills": 2}}
    if kind == "imaging":
        scheduled = (day + timedelta(days=3 + number(10, visit.id, "scheduled"))).isoformat()
        details = {"location": "Larkspur Imaging Center", "scheduled_on": scheduled}
        return row | {"name": pick(IMAGES, visit.id, "image"), "details": details}
    return row | {"name": pick(PROCEDURES, visit.id, "procedure")}


def _result(visit_id: str, name: str, code: str, unit: str, low: int, high: int) -> Row:
    value = low + number((high - low) * 13, visit_id, code) / 10
    flag = "H" if value > high else ""
    return {"name": name, "code": code, "value": f"{value:.1f}", "unit": unit, "range": f"{low}-{high}", "flag": flag}
