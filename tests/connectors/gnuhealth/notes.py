"""A progress note at the real GNU Health, which is an evaluation that belongs to an appointment."""

from __future__ import annotations

from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import GnuHealth

EVALUATION = "model.gnuhealth.patient.evaluation"
NOTE = {"chief_complaint": "Cough", "present_illness": "3 days", "directions": "Rest, fluids", "notes": None}
TEXT = "Chief complaint: Cough\nPresent illness: 3 days\nPlan: Rest, fluids"


def noted(bench: GnuHealth) -> str:
    """The id of the appointment that has a note. The note is written once: GNU Health deletes no evaluation."""
    pairs = zip(bench.appointments, seed.visits(bench.today), strict=True)
    number, visit = next((number, visit) for number, visit in pairs if visit.patient and visit.state == "done")
    if not bench.rpc(f"{EVALUATION}.search", [("appointment", "=", number)]):
        evaluation = {"patient": 1, "healthprof": 1, "institution": 1, "appointment": number}
        evaluation |= {"evaluation_start": seed.a_moment(visit.start), "evaluation_type": "outpatient"}
        evaluation |= {"visit_type": "followup", "discharge_reason": "home", "state": "in_progress"}
        bench.rpc(f"{EVALUATION}.create", [evaluation | NOTE])
    return str(number)
