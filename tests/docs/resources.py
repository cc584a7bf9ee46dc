"""docs/reference/resources.md: the endpoints, events, and EHRs of each resource, from the route table and manifests."""

import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from cobalt_link import app
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.models import Capability
from cobalt_link.records import resources
from cobalt_link.records.resource import Resource
from cobalt_link.records.resources.capabilities import filters_of
from cobalt_link.records.writes.operation import Operation
from cobalt_link.records.writes.operations import OPERATIONS
from cobalt_link.web.table import Route
from tests.docs.samples import DOCS

PAGE = DOCS / "reference" / "resources.md"
# By the first word of a path after /v1, or after the patient's. What is left is a list to choose from.
TITLES = {
    "appointments": "Appointments",
    "availability": "Availability",
    "patients": "Patients",
    "insurances": "Insurances of a patient",
    "eligibility-checks": "Eligibility",
    "notes": "Notes of visits",
    "patient-notes": "Notes on patients",
    "documents": "Documents",
    "orders": "Orders",
    "referrals": "Referrals",
    "referring-providers": "Referring providers",
    "tasks": "Tasks",
    "messages": "Messages",
    "telephone-encounters": "Telephone encounters",
    "claims": "Claims",
    "payments": "Payments",
    "providers": "Providers",
    "locations": "Locations",
    "settings": "Settings",
    "capabilities": "Capabilities",
}
# Reads that are made of the lists of several capabilities, or of one that is no list.
MADE_OF: dict[str, tuple[Capability, ...]] = {
    "/v1/appointments": ("appointments",),
    "/v1/availability": ("appointments", "slots", "blocks"),
    "/v1/locations": ("locations",),
    "/v1/providers": ("providers",),
    "/v1/settings": ("settings",),
}
LISTS = "Lists to choose from"
NO_RESOURCES = {"accounts", "jobs"}

HEAD = """\
# Resources

{written}
A running server says the same of one account: `GET /v1/capabilities`.

Each section has the calls of a resource, with links to their fields, the events that tell of it, and what each EHR
supports. "yes" is a read with no filters, or a write with nothing but its required fields. A filter or a field that is
not listed for an EHR is refused with a 400 `not_supported`. [Write to the EHR](../how-to/write-to-the-ehr.md) says how
a write is done, and [receive webhooks](../how-to/webhooks.md) how events arrive.

"""


def page(written: str) -> str:
    rows = [row for routes in app.TABLE for row in routes if row.room == "records" and not row.page]
    sections: dict[str, list[Route]] = {}
    for row in rows:
        if word(row.path) not in NO_RESOURCES:
            sections.setdefault(TITLES.get(word(row.path), LISTS), []).append(row)
    ordered = [title for title in [*TITLES.values(), LISTS] if title in sections]
    parts = [f"## {title}\n\n" + "\n".join(filter(None, _section(sections[title]))) + "\n" for title in ordered]
    return (HEAD.format(written=written) + "".join(parts)).rstrip() + "\n"


def _section(rows: list[Route]) -> tuple[str, str, str]:
    return _calls(rows), _events(rows), _ehrs(rows)


def word(path: str) -> str:
    """What a path is about: its first word, or `insurances` below a patient."""
    plain = [part for part in path.removeprefix("/v1/").split("/") if not part.startswith("{")]
    return "insurances" if plain[:2] == ["patients", "insurances"] else plain[0]


def _calls(rows: list[Route]) -> str:
    lines = []
    for row in rows:
        anchor = re.sub(r"[^\w\- ]", "", f"{row.method} {row.path}".lower()).replace(" ", "-")
        lines.append(f"| [`{row.method} {row.path}`](api.md#{anchor}) | {row.summary} |")
    return "| call | what it does |\n|---|---|\n" + "\n".join(lines) + "\n"


def _events(rows: list[Route]) -> str:
    found = dict.fromkeys(name for each in _operations(rows) for name in each.events)
    return f"Events of writes: {', '.join(f'`{name}`' for name in found)}.\n" if found else ""


def _ehrs(rows: list[Route]) -> str:
    """A row for each capability, a column for each EHR."""
    ehrs = [each.manifest for each in app.connector_classes().values()]
    lines = [
        _line(f"read {capability.replace('_', ' ')}", [_read(each, capability) for each in ehrs])
        for capability in _capabilities(rows)
    ]
    lines += [_line(f"`{each.method} {each.path}`", [_write(ehr, each) for ehr in ehrs]) for each in _operations(rows)]
    if not lines:
        return ""
    return _line("", [each.name for each in ehrs]) + "|---" * (len(ehrs) + 1) + "|\n" + "".join(lines)


def _line(first: str, cells: list[str]) -> str:
    return f"| {' | '.join([first, *cells])} |\n"


def _read(manifest: Manifest, capability: Capability) -> str:
    if capability not in manifest.reads:
        return "no"
    return ", ".join(f"`{name}`" for name in filters_of(manifest, capability)) or "yes"


def _write(manifest: Manifest, operation: Operation) -> str:
    taken = manifest.writes.get(operation.name)
    if taken is None:
        return "no"
    required = {operation.in_request(name) for name in manifest.required.get(operation.name, ())}
    names = sorted({operation.in_request(name) for name in taken})
    return ", ".join(f"`{name}`{' (required)' if name in required else ''}" for name in names) or "yes"


def _operations(rows: list[Route]) -> list[Operation]:
    calls = {(row.method, row.path) for row in rows}
    return [each for each in OPERATIONS.values() if (each.method, each.path) in calls]


def _capabilities(rows: list[Route]) -> list[Capability]:
    paths = {row.path for row in rows if row.method == "GET"}
    found = [each.capability for each in _resources() if each.path in paths]
    return list(dict.fromkeys([*found, *(each for path in paths for each in MADE_OF.get(path, ()))]))


def _resources() -> Iterator[Resource]:
    for module in iter_modules(resources.__path__):
        for each in vars(import_module(f"{resources.__name__}.{module.name}")).values():
            if isinstance(each, Resource):
                yield each
