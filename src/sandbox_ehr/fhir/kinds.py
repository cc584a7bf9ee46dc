"""The resource types of this server: where each comes from, and the right of a staff user that it needs."""

import msgspec

from sandbox_ehr.fhir.hint import Load
from sandbox_ehr.fhir.mapping import people, places, schedule


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
    )
}
