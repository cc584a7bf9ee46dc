"""The resource types of this server: where each comes from, and the right of a staff user that it needs."""

import msgspec

from sandbox_ehr.fhir.hint import Load
from sandbox_ehr.fhir.mapping import clinical, documents, encounters, office, people, places, schedule


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """`right` is empty where every user may read it. `paperwork` is whether its rows follow from visits as time goes
    on. `order` is the date parameter by which a search is sorted, and for whose days a loader may read fewer rows."""

    name: str
    load: Load
    right: str = ""
    paperwork: bool = False
    order: str = ""
    searchable: bool = True


KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="Patient", load=people.load_patients, right="patients.read"),
        Kind(name="Practitioner", load=people.load_practitioners),
        Kind(name="PractitionerRole", load=people.load_roles),
        Kind(name="Location", load=places.load_locations),
        Kind(name="Organization", load=places.load_organizations),
        Kind(name="Appointment", load=schedule.load_appointments, right="schedule.read", order="date"),
        Kind(name="Slot", load=schedule.load_slots, right="schedule.read", order="start"),
        Kind(name="Schedule", load=schedule.load_schedules, right="schedule.read"),
        Kind(name="Encounter", load=encounters.load_encounters, right="schedule.read", order="date"),
        Kind(name="Condition", load=encounters.load_conditions, right="notes.read", paperwork=True),
        Kind(name="DocumentReference", load=documents.load_references, right="documents.read", paperwork=True),
        Kind(name="Binary", load=documents.load_binaries, right="documents.read", paperwork=True, searchable=False),
        Kind(name="MedicationRequest", load=clinical.load_medications, right="patients.read", paperwork=True),
        Kind(name="AllergyIntolerance", load=clinical.load_allergies, right="patients.read"),
        Kind(name="Observation", load=clinical.load_observations, right="orders.read", paperwork=True),
        Kind(name="ServiceRequest", load=clinical.load_requests, right="orders.read", paperwork=True),
        Kind(name="Task", load=office.load_tasks, right="tasks.read", paperwork=True),
        Kind(name="Communication", load=office.load_communications, right="messages.read", paperwork=True),
        Kind(name="Coverage", load=office.load_coverages, right="insurance.read"),
        Kind(name="Claim", load=office.load_claims, right="billing.read", paperwork=True),
    )
}
