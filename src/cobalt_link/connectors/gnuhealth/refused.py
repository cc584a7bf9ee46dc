"""What the server's refusals of a write mean, and what is looked up before one.

Tryton gives every broken rule as a `UserError` with a text in the user's language: a wrong value and a missing right
look the same. Its transaction is rolled back then (trytond/protocols/dispatcher.py of Tryton 7.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from cobalt_link.connector import NotWritten, Reason
from cobalt_link.connectors.gnuhealth import practice
from cobalt_link.connectors.gnuhealth.server import Fault, Server
from cobalt_link.connectors.gnuhealth.values import number

TEXT_AT = {"UserError": 0, "UserWarning": 1}
RULE = "EHR_VALIDATION_ERROR"
CHANGED = Reason(RULE, "Somebody changed this record in GNU Health just now. Read it again, then repeat the change.")
FORBIDDEN = Reason(
    "NO_RIGHTS", "The user's groups in GNU Health do not allow this. An administrator can add one: Health Doctor."
)


class Sought(NamedTuple):
    """What a write refers to: its model, our code if it is not there, and what people call it."""

    model: str
    code: str
    name: str


PATIENT = Sought("gnuhealth.patient", "PATIENT_NOT_FOUND", "patient")
PROVIDER = Sought("gnuhealth.healthprofessional", "PROVIDER_NOT_FOUND", "health professional")
LOCATION = Sought("gnuhealth.institution", "LOCATION_NOT_FOUND", "institution")


async def changed(
    server: Server, model: str, method: str, *params: Any, meanwhile: Reason = CHANGED, **context: Any
) -> Any:
    """One request that changes the chart. Raises NotWritten if the server says that it did nothing.

    `meanwhile` is the reason if a record is no longer what `_timestamp` in the context says.
    """
    try:
        return await server.change(model, method, *params, **context)
    except Fault as fault:
        if fault.kind == "ConcurrencyException":
            raise NotWritten(meanwhile) from None
        if fault.kind not in TEXT_AT:
            raise
        await may(server, model, "create" if method == "create" else "write")
        raise NotWritten(Reason(RULE, _text(fault))) from None


async def may(server: Server, model: str, what: str) -> None:
    """Raises NotWritten unless the user's groups have this right ("create", "write") on the model."""
    rights = await server.model("ir.model.access", "get_access", [model])
    if not rights[model][what]:
        raise NotWritten(FORBIDDEN)


async def row(server: Server, model: str, ehr_id: str, fields: list[str], *more: Any) -> dict[str, Any] | None:
    """One active record by our id, None if there is none."""
    wanted = number(ehr_id)
    if wanted is None:
        return None
    found = await server.model(model, "search_read", [*more, ["id", "=", wanted]], 0, 1, None, fields)
    return found[0] if found else None


async def missing(server: Server, sought: Sought, ehr_id: str | None, field: str) -> list[Reason]:
    """A reason if there is no such active record. None is nothing to look for."""
    if ehr_id is None or await row(server, sought.model, ehr_id, ["id"]):
        return []
    return [Reason(sought.code, f"GNU Health has no active {sought.name} {ehr_id}.", field)]


async def unknown_codes(server: Server, visit_type: str | None, status: str | None) -> list[Reason]:
    if visit_type is None and status is None:
        return []
    known = await practice.codes(server)
    reasons = []
    if visit_type is not None and visit_type not in known["visit_type"]:
        reasons.append(Reason("INVALID_VISIT_TYPE", f"GNU Health has no visit type {visit_type!r}.", "type"))
    if status is not None and status not in known["state"]:
        reasons.append(Reason(RULE, f"GNU Health has no visit status {status!r}.", "status"))
    return reasons


def holds(asked: msgspec.Struct, held: Mapping[str, Any], *, answered: bool) -> bool:
    """Whether the EHR has the values that the app asked for: one of them if the server said that it wrote, else all,
    because it writes all or none. A signature is a request of its own, so it counts only if it is all that was asked.
    """
    texts = {name: getattr(asked, name) for name in held if getattr(asked, name) not in (None, False)}
    counted = [name for name in texts if name != "sign"] or list(texts)
    return (any if answered else all)(_same(name, texts[name], held[name]) for name in counted)


def _same(name: str, asked: Any, held: Any) -> bool:
    """GNU Health keeps no spaces around a text, and some servers write the hosts of mail addresses small."""
    if isinstance(asked, msgspec.Struct):
        return holds(asked, msgspec.structs.asdict(held), answered=False)
    if isinstance(asked, str) and name == "email":
        return asked.strip().casefold() == (held or "").casefold()
    return ((asked.strip() or None) if isinstance(asked, str) else asked) == held


def _text(fault: Fault) -> str:
    texts = fault.detail if isinstance(fault.detail, list) else []
    at = TEXT_AT[fault.kind]
    return str(texts[at]) if len(texts) > at and texts[at] else "GNU Health refused it without a reason."
