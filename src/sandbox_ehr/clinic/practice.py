"""The three made-up clinics of the practice, with their staff, locations, visit types and visit statuses.

Nothing in it can belong to a real person: NPIs fail the check digit of the real registry, phone numbers are in the
555-01xx range, and ZIP codes are unassigned.
"""

import msgspec


class Address(msgspec.Struct, frozen=True):
    street: str
    city: str
    state: str
    zip: str
    line2: str = ""


class Location(msgspec.Struct, frozen=True):
    id: str
    name: str
    active: bool
    address: Address
    phone: str
    fax: str


class Provider(msgspec.Struct, frozen=True):
    """`days` maps a weekday (0 = Monday) to the id of the location where the provider works on that day."""

    id: str
    first_name: str
    last_name: str
    title: str
    specialty: str
    npi: str
    active: bool
    days: dict[int, str]


class Code(msgspec.Struct, frozen=True):
    code: str
    description: str


class VisitType(msgspec.Struct, frozen=True):
    """`mode` is office or video."""

    code: str
    description: str
    minutes: int
    mode: str


class Clinic(msgspec.Struct, frozen=True):
    """`timezone` is an IANA name. The days and times of the clinic's schedule are in this zone."""

    id: str
    name: str
    city: str
    timezone: str
    phone: str
    locations: tuple[Location, ...]
    providers: tuple[Provider, ...]


def shift_of(weekday: int) -> tuple[int, int]:
    """When work starts and ends on that weekday, in minutes since midnight."""
    return (8 * 60, 17 * 60) if weekday < 5 else (9 * 60, 15 * 60)


def _weekdays(*locations: str) -> dict[int, str]:
    return {day: locations[day % len(locations)] for day in range(5)}


def _every_day(location: str) -> dict[int, str]:
    # One provider of each clinic works on weekends too, so that a demo on a Sunday has visits to show.
    return dict.fromkeys(range(7), location)


VISIT_TYPES = (
    VisitType("NP", "New patient (in person)", 45, "office"),
    VisitType("FU", "Follow-up (in person)", 20, "office"),
    VisitType("PHYS", "Annual physical", 60, "office"),
    VisitType("SICK", "Same-day sick visit", 20, "office"),
    VisitType("TELE", "Video visit", 30, "video"),
    VisitType("PROC", "Minor procedure", 45, "office"),
)
STATUSES = (
    Code("SCHED", "Scheduled"),
    Code("CONF", "Confirmed by the patient"),
    Code("CHKIN", "Checked in"),
    Code("DONE", "Visit completed"),
    Code("NOSHOW", "Patient did not come"),
    Code("CANC", "Cancelled in advance"),
    Code("R/S", "Rescheduled"),
)
# Where each status can go next. What is not named is over.
STATUS_PATHS: dict[str, tuple[str, ...]] = {
    "SCHED": ("CONF", "CHKIN", "NOSHOW", "CANC", "R/S"),
    "CONF": ("SCHED", "CHKIN", "NOSHOW", "CANC", "R/S"),
    "CHKIN": ("DONE", "CANC"),
    "DONE": (),
    "NOSHOW": ("R/S",),
    "CANC": (),
    "R/S": (),
}
OFF_THE_SCHEDULE = ("CANC", "R/S", "NOSHOW")
REQUIRED_PATIENT_FIELDS = ("first_name", "last_name", "dob", "sex", "phone")

RIVERSIDE = Clinic(
    "1",
    "Riverside Family Medicine",
    "Larkspur Falls, NY",
    "America/New_York",
    "212-555-0100",
    (
        Location(
            "101", "Riverside Main Street", True,
            Address("12 Main Street", "Larkspur Falls", "NY", "00412", "Suite 200"),
            "212-555-0101", "212-555-0195",
        ),
        Location(
            "102", "Riverside North", True, Address("880 Quarry Road", "North Larkspur", "NY", "00413"),
            "212-555-0102", "212-555-0196",
        ),
        Location(
            "103", "Riverside Video Visits", True,
            Address("12 Main Street", "Larkspur Falls", "NY", "00412", "Suite 210"),
            "212-555-0103", "212-555-0197",
        ),
    ),
    (
        Provider("501", "Amara", "Okonkwo-Lindqvist", "MD", "Family medicine", "1000000017", True, _weekdays("101")),
        Provider("502", "Benjamín", "Peña", "DO", "Family medicine", "1000000025", True, _weekdays("101", "102")),
        Provider("503", "Wei", "Zhao", "NP", "Family medicine", "1000000033", True, _every_day("102")),
        Provider("504", "Ruth", "Abernathy", "PA-C", "Internal medicine", "1000000041", True, _weekdays("103", "101")),
        Provider("505", "Conrad", "Vale", "MD", "Internal medicine", "1000000058", False, {}),
    ),
)  # fmt: skip
OAKHILL = Clinic(
    "2",
    "Oakhill Pediatrics",
    "Oakhill, IL",
    "America/Chicago",
    "312-555-0110",
    (
        Location(
            "201", "Oakhill Pediatrics", True, Address("4 Acorn Lane", "Oakhill", "IL", "00344"),
            "312-555-0111", "312-555-0191",
        ),
    ),
    (
        Provider("521", "Priya", "Raman", "MD", "Pediatrics", "1000000066", True, _every_day("201")),
        Provider("522", "Tomás", "Eriksen", "MD", "Pediatrics", "1000000074", True, _weekdays("201")),
    ),
)  # fmt: skip
HARBOR = Clinic(
    "3",
    "Harbor Heart & Vascular",
    "Port Ellery, AZ",
    "America/Phoenix",
    "602-555-0120",
    (
        Location(
            "301", "Harbor Heart, Pier Building", True,
            Address("77 Pier Avenue", "Port Ellery", "AZ", "00277", "Floor 3"),
            "602-555-0121", "602-555-0199",
        ),
        Location(
            "302", "Harbor Heart, Old Mill (closed)", False, Address("9 Mill Yard", "Port Ellery", "AZ", "00278"),
            "602-555-0122", "602-555-0198",
        ),
    ),
    (
        Provider("541", "Leilani", "Kahananui", "MD", "Cardiology", "1000000082", True, _every_day("301")),
        Provider("542", "Giorgos", "Papadimitriou", "MD", "Vascular surgery", "1000000090", True, _weekdays("301")),
    ),
)  # fmt: skip
CLINICS = {clinic.id: clinic for clinic in (RIVERSIDE, OAKHILL, HARBOR)}
