"""Writes the page of the SMART connector: what each vendor's FHIR can do, computed as for an account that got all."""

from __future__ import annotations

from cobalt_link.connector import GrantedScopes
from cobalt_link.connectors.smart.capabilities import READS, WRITES, offers
from cobalt_link.connectors.smart.statement import Offered, Statement
from cobalt_link.connectors.smart.vendors import Vendor, vendors
from sandbox_ehr.twins import load
from tests.docs.samples import DOCS

MARK, END = "<!-- table -->\n", "<!-- end of the table -->"
PAGE = DOCS / "reference" / "smart.md"
# The twins hold what each vendor's public CapabilityStatement says. Veradigm's says what its developer portal does.
TWINS = ("epic", "oracle", "athenahealth", "eclinicalworks", "meditech", "nextgen")
NAMES = {
    "appointments": "list appointments", "slots": "list open times", "patients": "find patients",
    "patient_insurances": "read insurance plans", "notes": "read notes", "documents": "list documents",
    "document_files": "download documents", "orders": "read orders", "tasks": "list tasks",
    "providers": "list providers", "locations": "list locations", "appointments.create": "book appointments",
    "appointments.update": "change appointments", "notes.create": "write notes", "documents.create": "file documents",
    "patient_notes.create": "write notes without a visit", "tasks.create": "create tasks",
    "messages.create": "send messages",
}  # fmt: skip
BY_ID = "by its id only"


def table() -> str:
    """One line for each capability, one column for each vendor."""
    found = [_offered(vendors()[name]) for name in TWINS]
    head = ["", *(vendors()[name].name for name in TWINS)]
    lines = [head, ["---"] * len(head)]
    lines += [[NAMES[each], *(said[each] for said in found)] for each in (*READS, *WRITES)]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


def page() -> str:
    """The page with its table as the code has it now."""
    before, _, rest = PAGE.read_text("utf-8").partition(MARK)
    return f"{before}{MARK}\n{table()}\n\n{END}{rest.partition(END)[2]}"


def _offered(vendor: Vendor) -> dict[str, str]:
    found = offers(vendor.corrected(_statement(vendor.key)), GrantedScopes.of("user/*.cruds"), vendor)
    return {each: _word(found.reasons.get(each)) for each in (*READS, *WRITES)}


def _word(reason: str | None) -> str:
    """How the table says why a vendor's server does not have something."""
    if reason is None:
        return "yes"
    return "by id" if BY_ID in reason else "–"


def _statement(twin: str) -> Statement:
    types = {
        kind: Offered(interactions=each.interactions, parameters=each.search, includes=each.include)
        for kind, each in load(twin).resources.items()
    }
    return Statement(types=types)
