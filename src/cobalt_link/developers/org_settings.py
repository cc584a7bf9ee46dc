"""The settings of an org, as developers send them, as they are stored, and as they are shown.

Everything is optional. A field that is left out of a change stays as it is. null clears it.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cobalt_link.developers import addresses

MOST = 500  # visit types or domains


class OrgProblem(ValueError):
    """Org settings that cannot be used. The text says how to write them."""


class VisitType(msgspec.Struct, frozen=True):
    """A kind of visit: the EHR's code, and what people call it."""

    code: str
    description: str


class OrgSettings(msgspec.Struct, frozen=True):
    """As stored. `time_zone` is an IANA name. `allowed_ehr_domains` are the only ones that Link accepts for this org
    (empty: all).

    `branding_name` is the practice's name, as the app says. `place` ("Tucson, AZ") distinguishes practices of the same
    name. `listed` shows the org in the picker.
    """

    time_zone: str | None = None
    visit_types: tuple[VisitType, ...] = ()
    allowed_ehr_domains: tuple[str, ...] = ()
    branding_name: str | None = None
    place: str | None = None
    listed: bool = False


class OrgView(msgspec.Struct, frozen=True):
    """An org. `emr_name` and `emr_instance_domain` are null until somebody names the EHR."""

    id: str
    org_id: str
    emr_name: str | None
    emr_instance_domain: str | None
    time_zone: str | None
    visit_types: tuple[VisitType, ...]
    allowed_ehr_domains: tuple[str, ...]
    branding_name: str | None
    place: str | None
    listed: bool
    created_at: datetime


class OrgChange(msgspec.Struct, frozen=True):
    """A change. A field that is not set stays as it is."""

    time_zone: str | UnsetType | None = UNSET
    visit_types: Annotated[list[VisitType] | UnsetType | None, Meta(description="Replaces the EHR's list.")] = UNSET
    allowed_ehr_domains: Annotated[
        list[str] | UnsetType | None,
        Meta(description="The only hosts that Link accepts. *.example.org includes all names below it."),
    ] = UNSET
    branding_name: Annotated[
        str | UnsetType | None, Meta(description="The practice's name. The pages show it as what your app says.")
    ] = UNSET
    place: Annotated[
        str | UnsetType | None, Meta(description="Distinguishes practices of the same name, such as Tucson, AZ.")
    ] = UNSET
    listed: Annotated[bool | UnsetType | None, Meta(description="Whether users find the org in the picker.")] = UNSET


def changed(settings: OrgSettings, change: OrgChange) -> OrgSettings:
    """The settings after the change. Raises OrgProblem."""
    given = {name: getattr(change, name) for name in CHECKS if getattr(change, name) is not UNSET}
    defaults = msgspec.structs.asdict(OrgSettings())
    values = {name: defaults[name] if value is None else CHECKS[name](value) for name, value in given.items()}
    return msgspec.structs.replace(settings, **values)


@cache
def _zones() -> dict[str, str]:
    """Every zone by its name in lower case."""
    # Files beside the zones: `localtime` is whatever the server's machine has.
    return {name.lower(): name for name in available_timezones() - {"localtime", "Factory"}}


def _time_zone(name: str) -> str:
    zone = _zones().get(name.lower())
    if zone is None:
        raise OrgProblem(f"time_zone {name[:80]!r} is unknown. Use an IANA name, such as America/Phoenix.")
    return zone


def _visit_types(kinds: list[VisitType]) -> tuple[VisitType, ...]:
    codes = [kind.code for kind in kinds]
    if len(kinds) > MOST or not all(0 < len(kind.code) <= 100 and len(kind.description) <= 200 for kind in kinds):
        raise OrgProblem(
            f"visit_types must be a list of up to {MOST} {{code, description}}. A code must have 1 to 100 characters,"
            " and a description up to 200."
        )
    if twice := sorted({code for code in codes if codes.count(code) > 1}):
        raise OrgProblem(f"visit_types has the code {twice[0]!r} twice. Send each code once.")
    return tuple(kinds)


def _domains(rules: list[str]) -> tuple[str, ...]:
    if len(rules) > MOST:
        raise OrgProblem(f"allowed_ehr_domains must have at most {MOST} domains.")
    try:
        return tuple(dict.fromkeys(addresses.domain_rule(rule) for rule in rules))
    except addresses.AddressProblem as problem:
        raise OrgProblem(f"allowed_ehr_domains: {problem}") from None


def _line(name: str, longest: int) -> Any:
    def check(text: str) -> str | None:
        line = " ".join(text.split())
        if len(line) > longest or not line.isprintable():
            raise OrgProblem(f"{name} must be one line of up to {longest} characters.")
        return line or None

    return check


CHECKS: dict[str, Any] = {
    "time_zone": _time_zone,
    "visit_types": _visit_types,
    "allowed_ehr_domains": _domains,
    "branding_name": _line("branding_name", 80),
    "place": _line("place", 80),
    "listed": bool,
}
