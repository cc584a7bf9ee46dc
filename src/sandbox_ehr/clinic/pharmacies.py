"""The pharmacies that each clinic sends prescriptions to. None of them exists."""

import msgspec

from sandbox_ehr.clinic.practice import CLINICS, Address, Clinic

_NAMES = (
    "Corner Drug",
    "Willow Pharmacy",
    "Mill Street Apothecary",
    "Sunrise Pharmacy",
    "Northside Drugs",
    "Family Rx",
)


class Pharmacy(msgspec.Struct, frozen=True):
    id: str
    name: str
    active: bool
    address: Address
    phone: str
    fax: str
    email: str


def pharmacies(clinic: Clinic) -> tuple[Pharmacy, ...]:
    return _OF_CLINIC[clinic.id]


def _made(clinic: Clinic) -> tuple[Pharmacy, ...]:
    city, state = clinic.city.split(", ")
    area = clinic.phone[:3]
    return tuple(
        Pharmacy(
            id=f"{int(clinic.id) * 100 + 700 + place}",
            name=name,
            active=place != len(_NAMES),
            address=Address(f"{place * 14} Market Street", city, state, f"00{400 + place}"),
            phone=f"{area}-555-01{10 + place}",
            fax=f"{area}-555-01{92 + place}",
            email=f"pharmacy{place}@example.com",
        )
        for place, name in enumerate(_NAMES, 1)
    )


_OF_CLINIC = {clinic.id: _made(clinic) for clinic in CLINICS.values()}
