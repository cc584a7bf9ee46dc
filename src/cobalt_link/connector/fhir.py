"""The EHR's own FHIR, for connectors that have it: one request goes through as it is, and so does its response."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import msgspec

from cobalt_link.connector.chart import Chart


class FhirRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`path` is below the FHIR base, without a slash before it: "Patient/123". `query` keeps its order. `headers` are
    those that mean something in FHIR (R4, http), by lower-case names."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = {}
    body: bytes | None = None


class FhirResponse(msgspec.Struct, frozen=True, kw_only=True):
    """As the EHR sent it, whatever its status, but for links: they are relative to the base ("Patient?page=2")."""

    status: int
    headers: dict[str, str]
    body: bytes


@runtime_checkable
class PassesFhir(Protocol):
    """Optional, and not declared."""

    async def fhir(self, chart: Chart, request: FhirRequest) -> FhirResponse:
        """Sends one request. Raises SessionEnded for a session that is over, NoRights for what the grant leaves out,
        and Unsupported for a path that is none of FHIR's plain interactions."""
        ...
