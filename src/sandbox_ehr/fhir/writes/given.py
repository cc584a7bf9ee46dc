"""Reads what an app sent: the members of a resource, and a refusal for what is missing (FHIR R4, http.html)."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from sandbox_ehr.fhir.matching import last_part
from sandbox_ehr.fhir.outcome import FhirRefused, Resource
from sandbox_ehr.fhir.values import CLIENT_REF, at


def first(resource: Resource, *paths: str) -> Any:
    """The first value at any of these paths, or an empty text."""
    return next((value for path in paths for value in at(resource, path)), "")


def require(value: Any, member: str) -> Any:
    if value in ("", None, [], ()):
        raise FhirRefused(422, "required", f"{member} is missing.")
    return value


def pointed_to(resource: Resource, path: str, kind: str) -> list[str]:
    """The ids of that type that a member points to."""
    found = [value.get("reference", "") for value in at(resource, path) if isinstance(value, dict)]
    return [row_id for text in found if f"{kind}/" in text and (row_id := last_part(text, kind))]


def code_in(concepts: Any, known: Any) -> str:
    """The first code of a CodeableConcept, or of several, that `known` has."""
    concepts = concepts if isinstance(concepts, list) else [concepts] if concepts else []
    codes = [coding.get("code", "") for each in concepts for coding in each.get("coding", ())]
    return next((code for code in codes if code in known), "")


def text_of(concept: Any) -> str:
    """The text of a CodeableConcept, or what its first coding is called."""
    concept = concept[0] if isinstance(concept, list) and concept else concept
    if not isinstance(concept, dict):
        return ""
    return concept.get("text") or first(concept, "coding.display") or first(concept, "coding.code")


def client_ref(resource: Resource) -> str:
    found = [each["value"] for each in at(resource, "identifier") if each.get("system") == CLIENT_REF]
    return found[0][:64] if found else ""


def built(shape: type[msgspec.Struct], **values: Any) -> Any:
    """A body of the chart. What it refuses is an OperationOutcome, too."""
    given = {name: value for name, value in values.items() if not isinstance(value, UnsetType)}
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        raise FhirRefused(422, "invalid", str(error)) from None


def changed(before: Any, after: Any) -> Any:
    """`after` if it is something else, otherwise nothing to change."""
    return UNSET if after == before else after
