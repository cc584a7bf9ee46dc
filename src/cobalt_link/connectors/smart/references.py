"""References between FHIR resources: relative, absolute, contained, and by business identifier alone.

An id means something at one server only. So a reference to another server has a display, and never an id that could be
taken for one of this server (FHIR R4, references; the servers' own inner addresses count as others).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from cobalt_link.connectors.smart.values import Resource, every, text

ID = re.compile(r"[A-Za-z0-9\-._]{1,256}")  # FHIR says 64 characters, and some servers have more
_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-._]{1,256})(?:/_history/[^/?#]+)?")


class Reference(msgspec.Struct, frozen=True):
    """`kind` and `id` are None for what this server does not have under an id. `resource` is a contained one."""

    kind: str | None = None
    id: str | None = None
    display: str | None = None
    resource: Resource | None = None


def reference(value: Any, base: str, within: Resource | None = None) -> Reference:
    """One reference. `within` is the resource that it stands in, for what is contained there."""
    said, display = text(value, "reference") or "", text(value, "display")
    if said.startswith("#"):
        inside = next((each for each in every(within, "contained") if text(each, "id") == said[1:]), None)
        return Reference(text(inside, "resourceType"), None, display, inside if isinstance(inside, Mapping) else None)
    kind, ehr_id = local(said, base) or (text(value, "type"), None)
    return Reference(kind, ehr_id, display)


def references(value: Any, path: str, base: str) -> list[Reference]:
    """All references at a path."""
    return [reference(each, base, value) for each in every(value, path) if isinstance(each, Mapping)]


def first(value: Any, path: str, base: str, *kinds: str) -> Reference:
    """The first reference at a path to one of these types, or whatever stands there without a type."""
    found = references(value, path, base)
    return next((each for each in found if each.kind in kinds or each.kind is None), Reference())


def local(said: str, base: str) -> tuple[str, str] | None:
    """(type, id) of a relative reference, or of an absolute one to the server at `base`."""
    if said.startswith(f"{base.rstrip('/')}/"):
        said = said[len(base.rstrip("/")) + 1 :]
    found = _LOCAL.fullmatch(said)
    return (found[1], found[2]) if found else None
