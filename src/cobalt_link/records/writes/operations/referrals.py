"""Writes of referrals and of referring providers (contract §4.13, §4.14)."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobalt_link.kit.text import trimmed
from cobalt_link.records.writes.operation import Fields, Operation
from cobalt_link.records.writes.shapes import (
    PHONE,
    ForPatientAsked,
    Text,
    WriteAsked,
    need_patient,
    need_state,
    need_zip,
)
from cobalt_link.web import Cleaned
from cobalt_link.web.problems import InvalidRequest

NPI = re.compile(r"[12][0-9]{9}")


class DocumentAsked(msgspec.Struct, frozen=True):
    filename: Annotated[str, Meta(pattern=r"\.[A-Za-z0-9]{1,8}$", description="With its extension.")]
    content_base64: str


class NewReferralAsked(ForPatientAsked, frozen=True, kw_only=True):
    """`incoming`: from one of GET /v1/referring-providers to one of GET /v1/providers; `outgoing` the other way round.
    "0" is nobody."""

    referring_from_provider_ehr_id: Annotated[str, Cleaned(trimmed), Meta(description="Who sends the patient.")]
    referring_to_provider_ehr_id: Annotated[str, Cleaned(trimmed), Meta(description="Who gets the patient.")]
    direction: Annotated[Literal["incoming", "outgoing"], Meta(description="Seen from this practice.")]
    priority: Annotated[Literal["routine", "urgent", "stat"], Meta(description="How urgent it is.")]
    reason: Annotated[str, Meta(min_length=1), Meta(description="Why.")]
    diagnosis_codes: Annotated[tuple[str, ...], Meta(description="ICD-10, such as I10.")] = ()
    documents: Annotated[
        tuple[DocumentAsked, ...], Meta(max_length=20), Meta(description="Files to send with it.")
    ] = ()


class NewReferringProviderAsked(WriteAsked, frozen=True, kw_only=True):
    """Phones are written as 222-333-4444."""

    first_name: Annotated[str, Cleaned(trimmed), Meta(description="Given name.")]
    last_name: Annotated[str, Cleaned(trimmed), Meta(description="Family name.")]
    npi: Annotated[str, Cleaned(trimmed), Meta(description="National Provider Identifier, ten digits.")]
    phone: Annotated[Text, Meta(description="222-333-4444.")] = None
    fax: Annotated[Text, Meta(description="222-333-4444.")] = None
    email: Annotated[Text, Meta(description="An e-mail address.")] = None
    address: Annotated[Text, Meta(description="Street and number.")] = None
    city: Annotated[Text, Meta(description="City.")] = None
    state: Annotated[Text, Meta(description="Two letters, such as AZ.")] = None
    zip_code: Annotated[Text, Meta(description="85004 or 85004-1234.")] = None


def _referral(asked: NewReferralAsked) -> Fields:
    need_patient(asked)
    for number, each in enumerate(asked.documents):
        try:
            base64.b64decode(each.content_base64, validate=True)
        except ValueError:
            text = f"Invalid documents[{number}].content_base64: send the file in Base64, padded with =."
            raise InvalidRequest(text) from None
    documents = [{"filename": each.filename, "content": each.content_base64} for each in asked.documents]
    return {"documents": documents}


def _provider(asked: NewReferringProviderAsked) -> Fields:
    if not NPI.fullmatch(asked.npi) or not _checks(asked.npi):
        raise InvalidRequest("Invalid npi: send the ten digits of a National Provider Identifier.")
    for name in ("phone", "fax"):
        # The contract takes one spelling here (§4.14).
        if (value := getattr(asked, name)) and not PHONE.fullmatch(value):
            raise InvalidRequest(f"Invalid {name}: send it as 222-333-4444.")
    need_zip("zip_code", asked.zip_code)
    return {"state": need_state("state", asked.state)}


def _checks(npi: str) -> bool:
    """The check digit of an NPI: Luhn over 80840 and its digits (45 CFR 162.406)."""
    digits = [int(each) for each in "80840" + npi]
    doubled = [sum(divmod(each * 2, 10)) if place % 2 else each for place, each in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


OPERATIONS = (
    Operation(
        name="referrals.create",
        path="/v1/referrals",
        asked=NewReferralAsked,
        record="referral_id",
        kind="referral",
        message="Referral queued for creation. A webhook event will be sent upon completion.",
        summary="Create a referral.",
        done="referral.created",
        failed="referral.failed",
        names={
            "referring_from_provider_ehr_id": "from_provider_ehr_id",
            "referring_to_provider_ehr_id": "to_provider_ehr_id",
        },
        shape=_referral,
        data=lambda done: {"ehr_id": done.held.ehr_id, "patient_mrn": done.write.patient_mrn},
        max_body=28 * 2**20,
    ),
    Operation(
        name="referring_providers.create",
        path="/v1/referring-providers",
        asked=NewReferringProviderAsked,
        record="referring_provider_id",
        kind="referring_provider",
        message="Referring provider processing. A webhook event will be sent upon completion.",
        summary="Add a referring provider.",
        done="referring_provider.created",
        failed="referring_provider.failed",
        shape=_provider,
        data=lambda done: {"ehr_id": done.held.ehr_id, "npi": done.write.npi},
    ),
)
