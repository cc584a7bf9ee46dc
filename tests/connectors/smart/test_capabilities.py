"""What each of seven vendors' servers offers, from their own statements, against the table of the vendors' facts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cobalt_link.connector import GrantedScopes
from cobalt_link.connectors.smart.capabilities import offers
from cobalt_link.connectors.smart.statement import Statement, statement_of
from cobalt_link.connectors.smart.vendors import Vendor, vendor_of, vendors
from cobalt_link.oauth.discovery import configuration

# Captured documents of real servers, which are read from beside the project and never copied into it.
SHARED = next(
    (each / "shared" for each in Path(__file__).parents if (each / "shared" / "data" / "vendors").is_dir()), None
)
EVERYTHING = GrantedScopes.of("user/*.cruds")
SERVERS = {
    "Epic": ("epic", "https://fhir.epic.com/interconnect-fhir-oauth/api/FHIR/R4", "epic"),
    "Oracle": ("oracle", "https://fhir-ehr-code.cerner.com/r4/ec2458f2-1e24-41c8-b71b-0e701af7583d", "oracle"),
    "athenahealth": ("athenahealth", "https://api.preview.platform.athenahealth.com/fhir/r4", "athenahealth"),
    "eClinicalWorks": ("ecw", "https://fhir4.eclinicalworks.com/fhir/r4/FEIGCD", "eclinicalworks"),
    "MEDITECH": ("meditech", "https://greenfield-prod-apis.meditech.com/v2/uscore/STU6", "meditech"),
    "NextGen Enterprise": ("nextgen-enterprise", "https://fhir.nextgen.com/nge/prod/fhir-api-r4/fhir/r4", "nextgen"),
    "NextGen Office": ("nextgen-office", "https://fhir.meditouchehr.com/api/fhir/r4", "nextgen"),
}
needs_captures = pytest.mark.skipif(SHARED is None, reason="the captured documents are not beside the project")


def captured(name: str, kind: str) -> dict[str, object]:
    assert SHARED
    return json.loads((SHARED / "data" / "vendors" / f"{name}-{kind}.json").read_text("utf-8"))


def server(name: str) -> tuple[Vendor, Statement]:
    file, address, _ = SERVERS[name]
    statement = statement_of(captured(file, "capability"))
    vendor = vendor_of(address, statement)
    return vendor, vendor.corrected(statement)


def table() -> dict[str, dict[str, str]]:
    """The rows of the table of vendor facts: letters by server and resource type."""
    assert SHARED
    lines = [
        line
        for line in (SHARED / "vendor-facts").with_suffix(".md").read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    rows = [[cell.replace("*", "").strip() for cell in line.strip("|").split("|")] for line in lines]
    head = next(row for row in rows if row[0] == "server")
    found = {}
    for name in SERVERS:
        row = next(row for row in rows if row[0].startswith(name) and len(row) == len(head))
        found[name] = dict(zip(head[1:], row[1:], strict=True))
    return found


@needs_captures
def test_each_server_offers_what_the_table_of_vendors_says() -> None:
    for name, row in table().items():
        vendor, statement = server(name)
        assert vendor.key == SERVERS[name][2]
        for kind, said in row.items():
            letters = re.match(r"[rsCU]*", said.replace("–", ""))
            assert letters and statement.of(kind).letters == letters[0], (name, kind)
        found = offers(statement, EVERYTHING, vendor)
        wanted = {
            "appointments": "s" in row["Appointment"] and "by id only" not in row["Appointment"],
            "appointments.create": "C" in row["Appointment"],
            "appointments.update": "U" in row["Appointment"],
            "slots": "s" in row["Slot"],
            "patients": "s" in row["Patient"],
            "notes": "s" in row["DocumentReference"],
            "documents": "s" in row["DocumentReference"],
            "notes.create": "C" in row["DocumentReference"],
            "documents.create": "C" in row["DocumentReference"],
            "orders": "s" in row["ServiceRequest"],
            "tasks": "s" in row["Task"] or row["Task"].startswith("rs"),
            "tasks.create": "C" in row["Task"],
            "messages.create": "C" in row["Communication"],
            "patient_insurances": "s" in row["Coverage"],
        }
        has = {each: each in found.reads or each in found.writes for each in wanted}
        assert has == wanted, name
        assert {each for each, is_there in has.items() if not is_there} <= set(found.reasons), name
        assert found.not_granted == () and found.ehr == vendor.name


@needs_captures
def test_what_was_not_granted_is_told_apart_from_what_is_not_there() -> None:
    vendor, statement = server("Oracle")
    found = offers(statement, GrantedScopes.of("user/Patient.read user/Appointment.read"), vendor)
    assert set(found.reads) == {"patients", "appointments"}
    assert {"appointments.create", "notes", "notes.create", "slots", "patient_insurances"} <= set(found.not_granted)
    assert set(found.reasons) == {"tasks", "tasks.create"}
    assert not set(found.reasons) & set(found.not_granted)


@needs_captures
def test_the_by_id_only_list_says_why() -> None:
    vendor, statement = server("athenahealth")
    reason = offers(statement, EVERYTHING, vendor).reasons["appointments"]
    assert reason == "athenahealth’s FHIR server finds an Appointment by its id only."


@needs_captures
def test_every_captured_discovery_document_can_be_signed_in_with() -> None:
    # S-041
    assert SHARED
    for file in sorted((SHARED / "data" / "vendors").glob("*-smart.json")):
        found = configuration("https://ehr.example/fhir", json.loads(file.read_text("utf-8")))
        assert found.authorization_endpoint.startswith("https://"), file.name


def test_a_vendor_is_told_by_its_hosts_and_else_by_what_it_says() -> None:
    statement = Statement(software="Epic", publisher=None)
    assert vendor_of("https://fhir.northlake.example/api/FHIR/R4", statement).key == "epic"
    assert vendor_of("https://fhir.northlake.example/api/FHIR/R4").key == "other"
    assert vendor_of("https://fhir.epic.com.evil.example/r4").key == "other"
    assert vendor_of("https://notepic.com/r4").key == "other"
    assert vendor_of("https://fhir-myrecord.cerner.com/r4/x").key == "oracle"
    assert all(each.key == key and each.name for key, each in vendors().items()) and len(vendors()) == 8


def test_a_vendor_known_to_write_nothing_offers_no_write() -> None:
    vendor = vendors()["veradigm"]
    every = {kind: {"interactions": ["read", "search-type", "create", "update"]} for kind in
             ("Patient", "Appointment", "DocumentReference", "Task", "Communication")}  # fmt: skip
    rest = [{"resource": [{"type": kind, "interaction": [{"code": code} for code in each["interactions"]]}
                          for kind, each in every.items()]}]  # fmt: skip
    statement = vendor.corrected(statement_of({"resourceType": "CapabilityStatement", "rest": rest}))
    found = offers(statement, EVERYTHING, vendor)
    assert found.writes == {} and {"patients", "appointments", "notes"} <= set(found.reads)
