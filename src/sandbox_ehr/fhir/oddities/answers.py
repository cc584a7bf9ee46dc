"""Oddities of answers: what stands in a Bundle, and when a read fails (1 to 6, 15, 23 to 25, 31)."""

from datetime import UTC, datetime

from starlette.requests import Request

from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.fhir.oddities.ids import outward
from sandbox_ehr.fhir.oddities.resources import CHANGES, MERGED, Seen
from sandbox_ehr.fhir.outcome import FhirRefused, Resource, outcome
from sandbox_ehr.oauth.oddities import active
from sandbox_ehr.oauth.places import places_of

GUARDED = "10003"
READS_A_DAY = 3
CAP = 100


def shown(request: Request, resource: Resource) -> Resource:
    """A resource as this server sends it. Raises FhirRefused for one behind the glass."""
    on = active(request)
    if "fhir_31" in on and f"Patient/{GUARDED}" in _owner(resource):
        raise FhirRefused(403, "security", "Break-the-glass security applies to this patient.", coded="4130")
    if on:
        ehr = ehr_of(request)
        now = datetime.fromtimestamp(ehr.clock.now(), UTC).isoformat()
        number = sum(map(ord, resource["id"]))
        for name, change in CHANGES.items():
            if name in on:
                resource = change(resource, Seen(places_of(request).fhir, now, number))
    return outward(on, resource)


def hidden(request: Request, found: list[Resource]) -> list[Resource]:
    """17: who was merged is found by id only. 31: a guarded chart is in no search."""
    on = active(request)
    if "fhir_17" in on:
        found = [each for each in found if (each["resourceType"], each["id"]) != ("Patient", MERGED)]
    if "fhir_31" in on:
        found = [each for each in found if f"Patient/{GUARDED}" not in _owner(each)]
    return found


def bundled(request: Request, whole: Resource, total: int) -> Resource:
    """A Bundle with what does not belong there. Raises FhirRefused where the server fails as a whole."""
    on, entries = active(request), whole.get("entry", [])
    if "fhir_25" in on and len([each for each in entries if each["search"]["mode"] == "match"]) > 1:
        missing = f"/f:{entries[1]['resource']['resourceType']}/f:status"
        refused = FhirRefused(500, "required", "A required element is missing.", severity="fatal")
        refused.body["issue"][0]["location"] = [missing]
        raise refused
    added: list[Resource] = []
    if "fhir_01" in on and not total:
        added.append(outcome("warning", "processing", "Resource request returns no results.", coded="4101"))
    elif "fhir_01" in on:
        added.append(outcome("information", "informational", "Some of it may be old."))
    if "fhir_03" in on:
        added.append(outcome("warning", "incomplete", "Additional data may be present.", coded="59133"))
    if "fhir_02" in on:
        entries, added = [], [outcome("error", "invalid", "The search failed.")]
    entries = [*({"search": {"mode": "outcome"}, "resource": each} for each in added), *entries]
    links = whole["link"]
    if "fhir_15" in on:
        links = [each | {"url": each["url"].replace(places_of(request).fhir, f"{places_of(request).origin}/inner/fhir")}
                 if each["relation"] == "self" else each for each in links]  # fmt: skip
    if "fhir_03" in on:
        entries, links = entries[: CAP + len(added)], [each for each in links if each["relation"] == "self"]
    return {name: value for name, value in (whole | {"link": links, "entry": entries}).items() if value != []}


def page_size(request: Request, count: int) -> int:
    """3: a hundred at most, and no page after it. 6: the client's own count is not known here."""
    on = active(request)
    return min(CAP, count or CAP) if "fhir_03" in on else 7 if "fhir_06" in on else count


def check_page(request: Request) -> None:
    """4: the session of a page is over at once."""
    if "fhir_04" in active(request):
        raise FhirRefused(400, "processing", "The paging session has expired.", coded="4113")


def check_binary(request: Request, row_id: str, media_type: str) -> None:
    """23: only what `Accept` names. 24: a few reads a day."""
    on, accept, ehr = active(request), request.headers.get("accept", "*/*"), ehr_of(request)
    if "fhir_23" in on and "json" not in accept and media_type not in accept:
        raise FhirRefused(406, "not-supported", f"Ask for application/fhir+json or {media_type}.")
    if "fhir_24" in on:
        day = f"binary {row_id} {int(ehr.clock.now() // 86400)}"
        ehr.seen[day] = ehr.seen.get(day, 0) + 1
        if ehr.seen[day] > READS_A_DAY:
            raise FhirRefused(403, "throttled", "Please try again tomorrow.", coded="4135")


def _owner(resource: Resource) -> str:
    """The reference to the patient whose record this is."""
    if resource["resourceType"] == "Patient":
        return f"Patient/{resource['id']}"
    subject = resource.get("subject") or resource.get("patient") or resource.get("beneficiary") or resource.get("for")
    found = [subject, *(each.get("actor") for each in resource.get("participant", ()))]
    return " ".join(each["reference"] for each in found if isinstance(each, dict) and "reference" in each)
