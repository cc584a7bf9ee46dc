"""Allergies of patients. They follow from the patient's id, and nobody can write one."""

import msgspec

from sandbox_ehr.clinic.seeded_choice import number, pick


class Allergy(msgspec.Struct, frozen=True):
    """`system` and `code` name the substance: RxNorm or SNOMED CT. Empty for a patient without any."""

    substance: str
    system: str
    code: str
    category: str
    reaction: str
    criticality: str


RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
NONE_KNOWN = Allergy("No known allergy", SNOMED, "716186003", "", "", "")
ALLERGIES = (
    Allergy("Penicillin G", RXNORM, "7980", "medication", "Hives", "high"),
    Allergy("Sulfamethoxazole", RXNORM, "10180", "medication", "Rash", "low"),
    Allergy("Peanut", SNOMED, "762952008", "food", "Swelling of the lips", "high"),
    Allergy("Latex", SNOMED, "111088007", "environment", "Itching", "low"),
    Allergy("Cat dander", SNOMED, "260152009", "environment", "Sneezing", "low"),
)


def allergies_of(patient_id: str) -> tuple[Allergy, ...]:
    """One entry says that none is known."""
    count = pick((0, 0, 0, 1, 1, 2), patient_id, "allergies")
    first = number(len(ALLERGIES), patient_id, "allergy")
    return tuple(ALLERGIES[(first + place) % len(ALLERGIES)] for place in range(count)) or (NONE_KNOWN,)
