"""Which vendor an address is of, for whom it is, and which names of practices are good although they look odd."""

import pytest

from cobalt_link.directory.cleaning import cleaned
from cobalt_link.directory.entry import Entry, Listed
from cobalt_link.directory.vendors import audience_at, is_test_address, vendor_at, vendor_named, vendors

# The form of addresses that vendors publish, with made-up ids.
ADDRESSES = {
    "https://epicproxy.et0000.epichosted.com/FHIRProxy/api/FHIR/R4/": ("Epic", "unknown"),
    "https://fhir.elmhealth.org/interconnect-prd/api/FHIR/R4": ("Epic", "unknown"),
    "https://fhir-ehr.cerner.com/r4/00000000-aaaa/": ("Oracle Health (Cerner)", "provider"),
    "https://fhir-myrecord.cerner.com/r4/00000000-aaaa/": ("Oracle Health (Cerner)", "patient"),
    "https://api.platform.athenahealth.com/fhir/r4": ("athenahealth", "unknown"),
    "https://fhir4.eclinicalworks.com/fhir/r4/AAAAAA": ("eClinicalWorks", "provider"),
    "https://fhir4.healow.com/fhir/r4/AAAAAA": ("eClinicalWorks", "patient"),
    "https://fhir.nextgen.com/nge/prod/fhir-api-r4/fhir/r4/": ("NextGen Healthcare (NextGen Enterprise)", "unknown"),
    "https://fhir.fhirpoint.open.allscripts.com/fhirroute/fhir/10000": ("Veradigm", "unknown"),
    "https://api.practicefusion.com/fhir/r4/v1/0000": ("Practice Fusion", "provider"),
    "https://api.patientfusion.com/fhir/r4/v1/0000": ("Practice Fusion", "patient"),
    "https://fhir-api.fhirprod.aws.greenwayhealth.com/fhir/R4/2.16.840": ("Greenway Health", "unknown"),
    "https://elm.mmi.prod.fhir.ema-api.com/fhir/r4/": ("ModMed", "unknown"),
    "https://mtrestapis-live01.elm.org:443/v1/uscore/R4": ("MEDITECH", "unknown"),
}
SANDBOXES = (
    "https://fhir.epic.com/interconnect-fhir-oauth/api/FHIR/R4",
    "https://open.epic.com/api/FHIR/R4",
    "https://fhir-open.cerner.com/r4/00000000",
    "https://fhir-ehr-code.cerner.com/r4/00000000",
    "https://api.preview.platform.athenahealth.com/fhir/r4",
    "https://stage.ema-api.com/fhir/r4",
)
NAMES = {
    "EPIC": "Epic",
    "epic systems corporation": "Epic",
    "Cerner": "Oracle Health (Cerner)",
    "ORACLE HEALTH": "Oracle Health (Cerner)",
    "eCW": "eClinicalWorks",
    "athenahealth, Inc.": "athenahealth",
    "Kareo": "Tebra",
    "Allscripts": "Veradigm",
}
GOOD = (
    "Dream Sleep Testing",
    "Allergy Testing Center",
    "Drs. West, Scharf, Conte and Bastianelli",
    "JOHN ELM, MD, MPH, PA",
    "U.S. Department of Elms (VA)",
    "St. Orrin's Hospital & Clinics",
    "24/7 Care",
    "3 Rivers Health",
    "Clínica de la Montaña",
    "A+ Pediatrics",
    "Elm < Oak Clinic",
    "Contest Street Medical",
    "Protestant Hospital",
    "Demopolis Family Clinic",
    "Devon Medical",
    "Sandy Box Elder Clinic",
    "Greatest Care",
)


def test_an_address_tells_its_vendor_and_for_whom_it_is() -> None:
    assert {address: (vendor_at(address), audience_at(address)) for address in ADDRESSES} == ADDRESSES
    assert vendor_at("https://fhir.nobody-knows.org/r4") is None
    assert [address for address in ADDRESSES if is_test_address(address)] == []
    assert [address for address in SANDBOXES if not is_test_address(address)] == []


def test_a_vendor_is_known_by_the_names_that_lists_use() -> None:
    assert {name: vendor_named(name) for name in NAMES} == NAMES
    assert vendor_named("") is None and vendor_named("Nobody") is None
    names = [name for each in vendors() for name in (each.name, *each.aliases)]
    assert len({name.lower() for name in names}) == len(names), "no two vendors share a name"


@pytest.mark.parametrize("name", GOOD)
def test_a_name_that_looks_odd_is_no_junk(name: str) -> None:
    found = cleaned(Listed(name=name, address="https://fhir.elmhealth.org/r4"))
    assert isinstance(found, Entry) and found.name == name
