"""A lab result of GNU Health's lab module: the analytes with their values, ranges and marks."""

from __future__ import annotations

from typing import Any

from cobalt_link.connectors.gnuhealth.appointments import timezone
from cobalt_link.connectors.gnuhealth.server import Server
from cobalt_link.connectors.gnuhealth.values import inside

RESULT = "gnuhealth.lab"
ANALYTE = ["name", "code", "result", "to_integer", "result_text", "units.name", "normal_range", "lower_limit",
           "upper_limit", "warning", "excluded", "sequence"]  # fmt: skip
RESULTS = ["test", "test.name", "test.code", "request_order", "state", "date_requested", "date_analysis", "done_date",
           "validation_date", "requestor", "specimen_type", "results", "diagnosis",
           *(f"patient.party.{name}" for name in ("name", "lastname", "ref", "dob")),
           *(f"critearea.{name}" for name in ANALYTE)]  # fmt: skip
DONE = ("done", "validated")


def lab_results(server: Server, row: dict[str, Any]) -> dict[str, Any]:
    """`values` as the analytes stand in the report, without those that the lab left out."""
    known = [each for each in row["critearea."] or [] if not each["excluded"]]
    resulted = row["validation_date"] or row["done_date"]
    return {
        "status": row["state"],
        "resulted_at": resulted.astimezone(timezone(server)) if resulted else None,
        "results": row["results"] or None,
        "diagnosis": row["diagnosis"] or None,
        "values": [_value(each) for each in sorted(known, key=lambda each: (each["sequence"] or 0, each["id"]))],
    }


def _value(row: dict[str, Any]) -> dict[str, str | None]:
    return {
        "name": row["name"] or "",
        "code": row["code"] or None,
        "value": _text(row),
        "unit": inside(row, "units", "name") if row["result"] is not None else None,
        "reference_range": row["normal_range"] or None,
        "flag": _flag(row),
    }


def _text(row: dict[str, Any]) -> str | None:
    if row["result"] is None:
        return row["result_text"] or None
    return str(int(row["result"])) if row["to_integer"] else f"{row['result']:.10g}"


def _flag(row: dict[str, Any]) -> str | None:
    """ "L" and "H" as GNU Health's report marks them, "A" for what the lab warns of otherwise (HL7 table 0078)."""
    result, lower, upper = row["result"], row["lower_limit"], row["upper_limit"]
    if result is not None and lower is not None and result < lower:
        return "L"
    if result is not None and upper is not None and result > upper:
        return "H"
    return "A" if row["warning"] else None
