"""What requests of several kinds of writes have in common."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.kit.text import as_code, trimmed
from cobalt_link.web import Alias, Cleaned
from cobalt_link.web.problems import InvalidRequest, MissingField

Text = Annotated[str | None, Cleaned(trimmed)]
Waits = (
    Annotated[int, Meta(ge=60, le=30 * 86400, description="Seconds for which it may wait to begin. 86400 by default.")]
    | None
)
DryRun = Annotated[bool, Meta(description="Only validate it, by the EHR's rules too. Nothing is written.")]
PHONE = re.compile(r"[0-9]{3}-[0-9]{3}-[0-9]{4}")
ZIP = re.compile(r"[0-9]{5}(-[0-9]{4})?")


class WriteAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A write waits for its EHR, or for its user to sign in, as long as `expires_in` says."""

    expires_in: Waits = None


class ForPatientAsked(WriteAsked, frozen=True, kw_only=True):
    """The patient by the record number, or by our id."""

    patient_mrn: Annotated[
        str | None,
        Cleaned(trimmed),
        Alias("mrn"),
        Meta(description="The medical record number. Required without patient_id."),
    ] = None
    patient_id: Annotated[str | None, Cleaned(trimmed), Meta(description="Our id of the patient, instead.")] = None


def need_patient(asked: ForPatientAsked, name: str = "patient_mrn") -> None:
    """Raises MissingField unless the request names a patient."""
    if not asked.patient_mrn and not asked.patient_id:
        raise MissingField(name)


def need_phone(name: str, phone: str | None) -> str | None:
    """`222-333-4444`, from any spelling with ten digits. Raises InvalidRequest."""
    if phone is None:
        return None
    digits = re.sub(r"\D", "", as_code(phone))
    digits = digits[1:] if len(digits) == 11 and digits.startswith("1") else digits
    if len(digits) != 10:
        raise InvalidRequest(f"Invalid {name}: send ten digits as 222-333-4444.")
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def cents(amount: Decimal) -> str:
    """With two digits after the point. One with more digits keeps them, and the EHR may refuse it."""
    return f"{amount:.2f}" if amount == round(amount, 2) else f"{amount:f}"


def need_zip(name: str, code: str | None) -> str | None:
    if code is not None and not ZIP.fullmatch(code):
        raise InvalidRequest(f"Invalid {name}: send a ZIP code as 85004 or 85004-1234.")
    return code


def need_state(name: str, code: str | None) -> str | None:
    if code is not None and not re.fullmatch(r"[A-Za-z]{2}", code):
        raise InvalidRequest(f"Invalid {name}: send the two letters of the state, such as AZ.")
    return code.upper() if code else None
