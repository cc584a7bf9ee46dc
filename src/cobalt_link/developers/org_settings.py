"""The settings that an org has of its own, as developers send them and as they are kept.

Everything is optional; a field left out of a change stays, null takes it back to nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cobalt_link.developers import addresses

MOST = 500  # visit types or domains


class OrgProblem(ValueError):
    """Org settings that cannot be used; the text says how to write them."""


class VisitType(msgspec.Struct, frozen=True):
    """A kind of visit by the EHR's code and what people call it."""

    code: str
    description: str


class OrgSettings(msgspec.Struct, frozen=True):
    """As kept. `time_zone` is an IANA name, `allowed_ehr_domains` the only ones Link accepts for this org (empty: any).

    `branding_name` is what the pages call the practice, `place` ("Tucson, AZ") tells practices of one name apart, and
    `listed` lets the picker find the org.
    """

    time_zone: str | None = None
    visit_types: tuple[VisitType, ...] = ()
    allowed_ehr_domains: tuple[str, ...] = ()
    branding_name: str | None = None
    place: str | None = None
    listed: bool = False


class OrgChange(msgspec.Struct, frozen=True):
    """A change: what is unset stays as it is."""

    time_zone: str | UnsetType | None = UNSET
    visit_types: Annotated[list[VisitType] | UnsetType | None, Meta(description="In place of the EHR's list.")] = UNSET
    allowed_ehr_domains: Annotated[
        list[str] | UnsetType | None, Meta(description="The only hosts that Link accepts; *.example.org for all below.")
    ] = UNSET
    branding_name: Annotated[str | UnsetType | None, Meta(description="What the pages call the practice.")] = UNSET
    place: Annotated[str | UnsetType | None, Meta(description="Tells practices apart: Tucson, AZ.")] = UNSET
    listed: Annotated[bool | UnsetType | None, Meta(description="Whether users find it in the picker.")] = UNSET


def changed(settings: OrgSettings, change: OrgChange) -> OrgSettings:
    """The settings after the change; raises OrgProblem."""
    given = {name: getattr(change, name) for name in CHECKS if getattr(change, name) is not UNSET}
    defaults = msgspec.structs.asdict(OrgSettings())
    values = {name: defaults[name] if value is None else CHECKS[name](value) for name, value in given.items()}
    return msgspec.structs.replace(settings, **values)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _time_zone(name: str) -> str:
    if name not in _zones() or name in {"localtime", "Factory"}:
        raise OrgProblem(f"time_zone {name[:80]!r} is unknown. Use an IANA name such as America/Phoenix.")
    return name


def _visit_types(kinds: list[VisitType]) -> tuple[VisitType, ...]:
    codes = [kind.code for kind in kinds]
    if len(kinds) > MOST or not all(0 < len(kind.code) <= 100 and len(kind.description) <= 200 for kind in kinds):
        raise OrgProblem(f"visit_types takes up to {MOST} of {{code, description}}; a code has 1 to 100 signs.")
    if twice := sorted({code for code in codes if codes.count(code) > 1}):
        raise OrgProblem(f"visit_types has the code {twice[0]!r} twice. Each code stands for one kind of visit.")
    return tuple(kinds)


def _domains(rules: list[str]) -> tuple[str, ...]:
    if len(rules) > MOST:
        raise OrgProblem(f"allowed_ehr_domains takes up to {MOST} domains.")
    try:
        return tuple(dict.fromkeys(addresses.domain_rule(rule) for rule in rules))
    except addresses.AddressProblem as problem:
        raise OrgProblem(f"allowed_ehr_domains: {problem}") from None


def _line(name: str, longest: int) -> Any:
    def check(text: str) -> str | None:
        line = " ".join(text.split())
        if len(line) > longest or not line.isprintable():
            raise OrgProblem(f"{name} is one line of up to {longest} signs.")
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
