"""Generated from the contract's own text: each key that it documents for a read is taken or answered here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest

from cobalt_link import app
from cobalt_link.web.conversion import aliases, convert
from cobalt_link.web.problems import UnknownField
from cobalt_link.web.table import Route
from tests.house.tree import ROOT

CONTRACT = (ROOT / "docs" / "develop" / "contract.md").read_text()
ROUTES = {path: route for routes in app.TABLE for route in routes if route.method == "GET" for path in route.paths}
# The contract's path of each read, its section, and ours where a parameter has another name.
READS = {
    "/settings": "4.1", "/providers": "4.3", "/locations": "4.4", "/appointments": "4.5", "/appointment/{id}": "4.5",
    "/availability": "4.6", "/patients": "4.7", "/insurance-providers": "4.8", "/eligibility-checks": "4.9",
    "/eligibility-checks/{id}/benefits": "4.9", "/orders": "4.12", "/referrals": "4.13", "/referring-providers": "4.14",
    "/pharmacies": "4.15", "/claims": "4.19",
}  # fmt: skip
# Words in the contract's code that are values, types, and examples, and the shapes' own names.
VALUES = frozenset(re.findall(r"\S+", """
true false null object array string success active inactive error unknown self dependent routine urgent stat lab
imaging medication procedure pending completed cancelled office telemedicine cobalt_operation gaps slots primary
secondary all x pagination sort ord_123456 new_patient televisit1 first last name code day days shifts hours
at_ref_123456789 dob sex results_url scheduled_date osa f u number ms facility_ sic dashes no uuid
"""))  # fmt: skip


def section(number: str) -> str:
    found = re.search(rf"^### {re.escape(number)} .*?(?=^### |^---$)", CONTRACT, re.MULTILINE | re.DOTALL)
    assert found, number
    return found[0]


def told(path: str) -> str:
    """What the contract says on a read: from its heading to that of the next call."""
    text = section(READS[path])
    found = re.search(
        rf"^`GET {re.escape(path)}`.*?(?=^`(?:GET|POST|PATCH|DELETE) |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, path
    return found[0].partition("\n`PATCH")[0]


def keys(text: str) -> set[str]:
    """The names in its code, without texts in quotes."""
    code = " ".join(one or two for one, two in re.findall(r"```json(.*?)```|`([^`]+)`", text, re.DOTALL))
    named = set(re.findall(r'"([a-z_]+)"\s*:', code))
    return (named | set(re.findall(r"(?<![\w.\"/-])[a-z][a-z_]*(?![\w\"/-])", re.sub(r'"[^"]*"', "", code)))) - VALUES


def ours(path: str) -> Route:
    path = path.replace("/eligibility-checks/{id}", "/eligibility-checks/{eligibility_check_id}")
    return ROUTES["/v1" + path.replace("/appointment/{id}", "/appointment/{appointment_id}")]


def fields(hint: Any) -> Iterator[str]:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        for field in msgspec.structs.fields(hint):
            yield field.encode_name
            yield from fields(field.type)
    for part in get_args(hint):
        yield from fields(part)


def taken(route: Route) -> set[str]:
    if route.body is None:
        return set()
    return {*route.body.__struct_fields__} | {name for names in aliases(route.body).values() for name in names}


def test_every_documented_key_of_a_read_is_taken_or_answered() -> None:
    lacking, seen = dict[str, set[str]](), set[str]()
    for path in READS:
        route, documented = ours(path), keys(told(path))
        known = {*fields(route.response)} | taken(route) | {"id"}
        known |= {"location"} if path == "/orders" else set()  # one of the small texts in `details`
        lacking[path] = documented - known
        seen |= documented & known
    assert {"order_name", "range_start", "claim_indicator", "raw_segment", "daily_limit_type", "document_ids"} <= seen
    assert not {path: names for path, names in lacking.items() if names}


def test_every_documented_parameter_is_accepted_in_its_form() -> None:
    samples: dict[str, str] = {
        "include_note": "true", "appointment_mode": "office", "page": "2", "page_size": "30", "active": "true",
        "coverage_status": "active", "priority": "stat", "sort": "created_at", "provider_type": "primary",
        "fallback_to_default_hours": "true", "calculation_method": "slots", "buffer": "15",
        "daily_appointment_limit": "3", "max_slot_duration": "32", "facility_scoped_scheduling": "false",
    }  # fmt: skip
    tried = 0
    for path in READS:
        route = ours(path)
        asked = told(path).partition("\nAnswer")[0].partition("\nResponse")[0].partition("D1/D2 item")[0]
        for name in (keys(asked) | {"page"}) & taken(route):
            assert route.body is not None
            convert({name: samples.get(name, "2026-01-31")}, route.body, query=True)
            tried += 1
        if route.body and route.body.__struct_config__.forbid_unknown_fields:
            with pytest.raises(UnknownField):
                convert({"no_such_filter": "1"}, route.body, query=True)
    assert tried > 45
