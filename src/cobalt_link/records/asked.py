"""Fields that several requests of this API take, and how their texts become days and times."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from cobalt_link.kit.text import as_searched, trimmed
from cobalt_link.records.days import day
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.problems import InvalidRequest

Text = Annotated[str | None, Cleaned(trimmed)]
FirstDay = Annotated[str | None, Cleaned(trimmed), Meta(description="First day, YYYY-MM-DD.")]
LastDay = Annotated[str | None, Cleaned(trimmed), Meta(description="Last day, YYYY-MM-DD. It is included.")]
PatientMrn = Annotated[
    str | None,
    Cleaned(trimmed),
    Alias("mrn"),
    Meta(description="The patient's whole record number, or our id of the patient."),
]
PatientId = Annotated[
    str | None, Cleaned(trimmed), Meta(description="Our id of the patient. Takes the place of patient_mrn.")
]
EhrId = Annotated[str | None, Cleaned(trimmed), Meta(description="The EHR's own id.")]
PartOfIt = Annotated[str | None, Cleaned(as_searched), Meta(description="Part of it, in any case.")]
Phone = Annotated[str | None, Cleaned(as_searched), Meta(description="In any spelling.")]
UpdatedSince = Annotated[
    str | None,
    Cleaned(trimmed),
    Meta(description="Only what the EHR changed at that time or later, as an ISO 8601 date and time."),
]
HundredMost = Annotated[int, Meta(ge=1, le=100, description="How many on one page.")]
FiveHundredMost = Annotated[int, Meta(ge=1, le=500, description="How many on one page.")]


class NothingAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a list that cannot be narrowed down. A filter that it does not have would be ignored silently."""


def moment(text: str, name: str) -> datetime:
    """2026-01-31T09:30:00-05:00; without an offset it is in UTC, and a day alone is its beginning. Raises
    InvalidRequest, which names the field."""
    # If a client does not encode its query, the + of an offset arrives as a blank.
    for form in (text, "+".join(text.rsplit(" ", 1))):
        try:
            found = datetime.fromisoformat(form)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        except ValueError:
            continue
    raise InvalidRequest(f"Invalid {name}. Use an ISO 8601 date and time such as 2026-01-31T09:30:00-05:00.")


def as_in_query(value: Any, query: type[msgspec.Struct], field: str, name: str) -> Any:
    """A value of a request in the type that a connector's query has. `name` is the request's name of it."""
    kinds = {kind for each in msgspec.structs.fields(query) if each.name == field for kind in _kinds(each.type)}
    if not isinstance(value, str):
        return value
    if datetime in kinds:
        return moment(value, name)
    return day(value) if date in kinds else value


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) or (hint,)
