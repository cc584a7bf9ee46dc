"""The consent covers every field that any answer of the API can hold, for what the EHR's connector reads."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx2
import msgspec
import pytest

from cobalt_link.app import TABLE, House
from cobalt_link.connector.capabilities import Capability
from cobalt_link.connector.manifest import flat
from cobalt_link.connector.topics import TOPICS, Topic, can_lack
from cobalt_link.link.pages import consent
from cobalt_link.net.http import Http
from cobalt_link.records.fetches.fetch import FETCHES
from cobalt_link.records.writes.operations import OPERATIONS
from cobalt_link.web import Auth
from cobalt_link.web.table import Route
from tests.link.pages.reading import Element, read
from tests.link.pages.told import DAY, Told
from tests.support.text_browser import Browser, go_on, public_token_of
from tests.support.world import Shop, connected

# Each field of an answer that tells something of the EHR, with words of the consent's line that covers it.
COVERED: dict[str, str] = {
    "AppointmentView.ehr_appointment_id": "Visits:",
    "AppointmentView.datetime": "when",
    "AppointmentView.duration": "how long",
    "AppointmentView.status": "kind and state",
    "AppointmentView.cancelled": "kind and state",
    "AppointmentView.appointment_type": "kind and state",
    "AppointmentView.appointment_mode": "kind and state",
    "AppointmentView.location": "where",
    "AppointmentView.location_name": "where",
    "AppointmentView.created_at": "when booked",
    "AppointmentView.updated_at": "when booked",
    "Metadata.created_at": "when booked",
    "AppointmentView.provider_ehr_id": "with whom",
    "AppointmentView.provider_name": "with whom",
    "AppointmentView.provider_npi": "with whom",
    "AppointmentView.secondary_provider_ehr_id": "with whom",
    "AppointmentView.reason": "Why patients come",
    "AppointmentView.complaint_type": "Why patients come",
    "AppointmentView.note": "remarks in the schedule",
    "AppointmentView.diagnoses": "Diagnoses",
    "AppointmentView.medications": "Medications",
    "AppointmentView.progress_note": "Clinicians’ notes",
    "AppointmentView.patient_name": "Patients: name",
    "AppointmentView.patient_first_name": "Patients: name",
    "AppointmentView.patient_last_name": "Patients: name",
    "AppointmentView.patient_mrn": "record number",
    "AppointmentView.patient_ehr_id": "record number",
    "AppointmentView.patient_dob": "birth date",
    "AppointmentView.patient_sex": "sex",
    "AppointmentView.patient_gender": "sex",
    "AppointmentView.patient_phone": "phone numbers",
    "AppointmentView.insurance": "Insurance: company",
    "AppointmentView.insurance_number": "member and group numbers",
    "AppointmentView.insurance_group_number": "member and group numbers",
    "AppointmentView.insurance_subscriber": "policyholder",
    "AppointmentView.secondary_insurance": "Insurance: company",
    "AppointmentView.secondary_insurance_number": "member and group numbers",
    "Insurance.insurance_name": "Insurance: company",
    "Insurance.insurance_subscriber_number": "member and group numbers",
    "Insurance.group_id": "member and group numbers",
    "Insurance.insurance_subscriber": "policyholder",
    "PatientView.ehr_id": "record number",
    "PatientView.updated_at": "Patients:",
    "PatientView.mrn": "record number",
    "PatientView.first_name": "Patients: name",
    "PatientView.middle_name": "Patients: name",
    "PatientView.last_name": "Patients: name",
    "PatientView.dob": "birth date",
    "PatientView.date_of_birth": "birth date",
    "PatientView.sex": "sex",
    "PatientView.gender": "sex",
    "PatientView.phone": "phone numbers",
    "PatientView.cell_phone": "phone numbers",
    "PatientView.email": "email addresses",
    "PatientView.address_street": "home addresses",
    "PatientView.address_line2": "home addresses",
    "PatientView.address_city": "home addresses",
    "PatientView.address_state": "home addresses",
    "PatientView.address_zip": "home addresses",
    "ProviderView.ehr_id": "Providers:",
    "ProviderView.name": "Providers: name",
    "ProviderView.npi": "NPI",
    "ProviderView.timezone": "time zone",
    "ProviderView.status": "active",
    "DayView.day": "working hours",
    "ShiftView.start": "working hours",
    "ShiftView.end": "working hours",
    "ShiftView.facility_id": "working hours",
    "ShiftView.facility_name": "working hours",
    "LocationView.ehr_id": "Locations:",
    "LocationView.name": "Locations: name",
    "LocationView.status": "active",
    "LocationView.phone": "phone",
    "LocationView.fax": "fax",
    "Address.address1": "address",
    "Address.address2": "address",
    "Address.city": "address",
    "Address.state": "address",
    "Address.zip": "address",
    "CodedView.code": "kinds and states of visits",
    "CodedView.description": "kinds and states of visits",
    "SettingsView.required_patient_fields": "fields that new patients need",
    "SettingsView.timezone": "Settings: time zone",
    "AccountView.emr_name": "You: your name and username at",
    "AccountView.ehr_user_name": "You: your name and username at",
    "AccountView.tenant": "where that is",
    "AccountView.emr_instance_domain": "where that is",
    "AccountView.practice": "where that is",
    "AccountView.health": "whether your sign-in works",
    "AccountView.health_reason": "whether your sign-in works",
    "LinkEvent.code": "whether your sign-in works",
}
# Views of which all fields have one line, but for what they say on the patient.
WHOLE = {
    "OrderView": "Orders:", "LabResults": "Orders:", "LabValue": "Orders:",
    "NoteView": "Clinicians’ notes", "NoteParts": "Clinicians’ notes",
    "DocumentView": "Documents:", "ReferralView": "Referrals:", "TaskView": "Tasks of the staff:",
    "TaskNoteView": "Tasks of the staff:", "TelephoneEncounterView": "Tasks of the staff:",
    "EncounterActionView": "Tasks of the staff:", "PatientInsuranceView": "Insurance: company",
    "EligibilityCheckView": "Insurers’ answers", "BenefitView": "Insurers’ answers",
    "BenefitsSummary": "Insurers’ answers",
    "ClaimView": "Billing:", "ClaimInsurance": "Billing:", "ClaimLineView": "Billing:", "ClaimPaymentView": "Billing:",
    "ClaimBalances": "Billing:", "DirectoryEntry": "Lists of the practice:", "EhrUserView": "Lists of the practice:",
    "PharmacyView": "Lists of the practice:", "PharmacyAddress": "Lists of the practice:",
    "InsuranceProviderView": "Lists of the practice:", "ReferringProviderView": "Lists of the practice:",
}  # fmt: skip
OF_PATIENTS = {
    "patient_name": "Patients: name", "patient_first_name": "Patients: name", "patient_last_name": "Patients: name",
    "patient_dob": "birth date", "patient_mrn": "record number", "patient_ehr_id": "record number",
    "emr_patient_id": "record number",
}  # fmt: skip
OF_CALLS = {
    "TelephoneEncounterView.reason": "Why patients come",
    "TelephoneEncounterView.refill_medication_name": "Medications",
    "TelephoneEncounterView.pharmacy_ehr_id": "Medications",
}
# Fields that tell nothing of the EHR: ids and tokens of ours, what the app itself sent, and times of our own.
OURS = re.compile(
    r"\w+\.(success|token|link_token|access_token|public_token|account_id|expires_at|message|id|patient_id)"
    r"|(Pagination|StateMachine|Transition|HealthStatus|OpenApi|OrgView|VisitType|Reference|ClientAddress|Continuation)\.\w+"
    r"|AccountView\.not_granted|LinkTokenStatus\.state|LinkEvent\.(seq|name|at|pane)"
    # The app is told of a request before it is sent (refusal.unsupported.sends).
    r"|EhrRequest\.\w+"
    # What happened to what the app itself asked for. An event tells no more of the chart than the call before it.
    r"|(Webhook\w+|LeaksTaken|EhrView|EhrInstanceView|OrganizationView|JwkSet|RotatedAnswer|DeliveryView|Redelivered|Replayed)\.\w+"
    # What the app itself asked to write, and what came of it. The lines of "Do" say what it may write.
    r"|Pending\w+\.\w+|\w+\.job_id|\w+(Create|Update|AddAction)(Accepted|Data)\.\w+|(JobView|Step|DryRun|ReceiptAnswer|ReceiptKeySet)\.\w+"
    r"|(FetchAccepted|SyncAnswer)\.\w+|SandboxAccountLinked\.ehr_(username|password)"
    r"|AccountView\.(user_id|org_id|linked_at|last_used_at)|\w+\.access_token_reference_ids?"
    r"|\w+\.(appointment_id|order_id|document_ids|location_id|provider_id|partial|partial_reason)"
    r"|(CountedPages|RecordPages|ReadView|WriteView|CapabilitiesAnswer)\.\w+"
    # Computed of working hours, visits, and blocked times, which have lines of their own.
    r"|(Opening|AvailabilityAnswer)\.\w+"
    # Set by the app itself.
    r"|ShiftView\.set_\w+|VisitTypeRule\.\w+|\w+\.synced_at"
    # Always the same: no connector fills them.
    r"|PatientView\.status|Insurance\.priority|Metadata\.source|ProviderView\.hide_in_availability|Recurrence\.\w+"
)
TOPIC_OF_ID = {
    "appointment_id": "visits", "patient_id": "people", "patient_mrn": "people", "note_id": "notes",
    "document_id": "documents", "task_id": "tasks",
    "telephone_encounter_id": "tasks", "eligibility_check_id": "eligibility",
}  # fmt: skip
MAIN_PATHS = ("/v1/appointments", "/v1/patients", "/v1/providers", "/v1/locations", "/v1/settings")
MAIN: tuple[Capability, ...] = ("appointments", "patients", "providers", "locations", "settings")
# What passes through /v1/fhir has its own test: tests/connectors/smart/test_api.py.
OF_ACCOUNTS = [
    route
    for routes in TABLE
    for route in routes
    if route.auth is Auth.ACCOUNT and not route.path.startswith("/v1/fhir")
]
READS = [route for route in OF_ACCOUNTS if route.method == "GET"]


def structs(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """Every struct in a type."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
        for field in msgspec.structs.fields(hint):
            yield from structs(field.type)
    for part in get_args(hint):
        yield from structs(part)


def answered(value: Any) -> Iterator[tuple[str, Any]]:
    """Each plain field of an answer, with its value."""
    for each in value if isinstance(value, list | tuple) else [value]:
        if isinstance(each, msgspec.Struct):
            for field in msgspec.structs.fields(type(each)):
                inner = getattr(each, field.name)
                if any(structs(field.type)):
                    yield from answered(inner)
                else:
                    yield f"{type(each).__name__}.{field.name}", inner


ENGLISH = flat(tomllib.loads((Path(consent.__file__).parent / "locales" / "en.toml").read_text()))
FIELDS = {
    f"{struct.__name__}.{field.name}"
    for routes in TABLE
    for route in routes
    if not route.page
    for struct in structs(route.response)
    for field in msgspec.structs.fields(struct)
    if not any(structs(field.type))
}


COVERED |= {
    field: OF_CALLS.get(field) or OF_PATIENTS.get(name, WHOLE[view])
    for field in FIELDS
    for view, _, name in [field.partition(".")]
    if view in WHOLE and not OURS.fullmatch(field)
}


def lines_of(page: Element) -> list[str]:
    """The complete list of a consent pane."""
    (every,) = (each for each in page.all("details") if "all" in each.classes())
    return [line.text for line in every.all("li")]


@pytest.fixture
def told(house: House) -> Iterator[type[Told]]:
    """The EHR that fills everything, installed."""
    connectors = house.deps.connectors
    assert isinstance(connectors, dict)
    connectors["told"] = Told(Http())
    yield Told
    Told.changed = None


async def test_every_field_of_every_answer_has_a_line_in_the_consent(
    told: type[Told], acme: Shop, client: httpx2.AsyncClient
) -> None:
    unknown = sorted(field for field in FIELDS if field not in COVERED and not OURS.fullmatch(field))
    assert not unknown, f"Say which line of the consent covers {unknown}, or that they tell nothing of the EHR"
    assert not sorted(COVERED.keys() - FIELDS), "these fields are gone"
    asked = await consent_of(acme, client)
    for field, words in COVERED.items():
        assert [line for line in lines_of(asked) if words in line], (field, words)


async def test_what_an_ehr_says_arrives_only_under_the_line_of_its_topic(
    house: House, told: type[Told], acme: Shop
) -> None:
    async with connected(house) as http:
        lines = dict(zip((*TOPICS, "you"), lines_of(await consent_of(acme, http)), strict=True))
        token = await linked(acme, http)
    before = await everything(acme, token)
    seen: set[str] = set()
    for topic in TOPICS:
        Told.changed = topic
        after = await everything(acme, token)
        changed = {field for field in after if after[field] != before.get(field)}
        assert changed, topic
        for field in changed:
            assert OURS.fullmatch(field) or COVERED[field] in lines[topic], (field, topic)
        seen |= changed
    assert not [field for field in before if field not in seen and not OURS.fullmatch(field)]


async def test_what_the_consent_leaves_out_never_arrives(
    house: House, told: type[Told], acme: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    without: tuple[Topic, ...] = tuple(topic for topic in TOPICS if can_lack(topic, MAIN))
    reads = {name: filters for name, filters in Told.manifest.reads.items() if name in MAIN}
    monkeypatch.setattr(Told, "manifest", msgspec.structs.replace(Told.manifest, reads=reads, without=without))
    async with connected(house) as http:
        text = " ".join(lines_of(await consent_of(acme, http)))
        token = await linked(acme, http)
    answers = await everything(acme, token, MAIN_PATHS, "/insurances")
    left_out = {field for field, words in COVERED.items() if words not in text}
    assert {"AppointmentView.insurance_number", "PatientView.email", "AppointmentView.diagnoses"} <= left_out
    for field in left_out & answers.keys():
        assert all(value in (None, (), [], "") for value in answers[field]), field


async def test_a_connector_that_reads_less_asks_for_less(
    told: type[Told], acme: Shop, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_patients = ("notes", "documents", "orders", "referrals", "tasks", "eligibility_checks", "claims")
    lines = {"appointments": 8, "patients": 3, "telephone_encounters": 4, "patient_insurances": 2} | dict.fromkeys(
        of_patients, 2
    )
    for capability in get_args(Capability):
        monkeypatch.setattr(Told, "manifest", msgspec.structs.replace(Told.manifest, reads={capability: ()}))
        asked = await consent_of(acme, client)
        assert len(lines_of(asked)) == lines.get(capability, 1) + 1, capability


def test_an_access_token_changes_nothing_in_the_ehr_but_by_the_writes_of_the_consent() -> None:
    changing = {str(route) for route in OF_ACCOUNTS if route.method != "GET"}
    # These change what we keep for the app, and the fetches only read.
    ours = {"POST /v1/settings", "PATCH /v1/locations/{location_id}", "PATCH /v1/providers/{provider_id}"}
    ours |= {"PATCH /v1/providers/ehr/{ehr_id}"} | {f"POST {fetch.path}" for fetch in FETCHES.values()}
    assert changing - ours == {f"{each.method} {each.path}" for each in OPERATIONS.values()}
    assert {write for writes in consent.WRITES.values() for write in writes} == set(OPERATIONS)


async def test_the_consent_says_what_the_app_writes_and_only_that(
    told: type[Told], acme: Shop, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "change charts" in (await consent_of(acme, client)).text
    for write in OPERATIONS:
        manifest = msgspec.structs.replace(Told.manifest, writes={write: ()})
        monkeypatch.setattr(Told, "manifest", manifest)
        asked = await consent_of(acme, client)
        (group,) = (name for name, writes in consent.WRITES.items() if write in writes)
        text = " ".join(lines_of(asked))
        said = {name for name in consent.WRITES if ENGLISH[f"consent.adds.{name}"] in text}
        assert said == {group}, write
        assert "change charts" not in asked.text and "Add and change" in asked.text, write


async def consent_of(acme: Shop, http: httpx2.AsyncClient) -> Element:
    token = await acme.link_token(emr_name="told", emr_instance_domain="told.example", org_id="told")
    page = await Browser(http).open(f"/?token={token}")
    assert page.pane == "consent", page.text
    return read(page.response.text)


async def linked(acme: Shop, http: httpx2.AsyncClient) -> str:
    browser = Browser(http)
    token = await acme.link_token(emr_name="told", emr_instance_domain="told.example", org_id="told")
    page = await go_on(browser, await browser.open(f"/?token={token}"), "", "")
    public = public_token_of(await browser.submit(page) if page.pane == "done" else page)
    return (await acme.exchange(public)).json()["access_token"]


async def everything(
    acme: Shop, token: str, paths: tuple[str, ...] = ("/",), left_out: str = "-"
) -> dict[str, list[Any]]:
    """Each field of all that the access token may read, with its values."""
    found: dict[str, list[Any]] = {}
    for route in (each for each in READS if each.path.startswith(paths) and not each.path.endswith(left_out)):
        for field, value in answered(await read_with(acme, route, token)):
            found.setdefault(field, []).append(value)
    return found


async def read_with(acme: Shop, route: Route, token: str) -> Any:
    days = {"start_date": str(DAY), "end_date": str(DAY)}
    queries: dict[str, dict[str, str]] = {
        "/v1/appointments": days | {"include_note": "true"},
        "/v1/availability": days,
        "/v1/referrals": days,
        "/v1/orders": {"patient_mrn": "mrn-0"},
    }
    # The id of a record is told under the line of its topic.
    path = re.sub(r"{(\w+)}", lambda found: f"ehr_id-{Told.changed == TOPIC_OF_ID.get(found[1], ''):d}", route.path)
    answer = await acme.call("GET", path, access_token=token, params=queries.get(path, {}))
    assert answer.status_code == 200, (path, answer.text)
    if route.media != "application/json":
        return None
    # A record that a write is to make has a shape of its own, and nothing of the EHR yet.
    shape, *_ = get_args(route.response) or (route.response,)
    return msgspec.json.decode(answer.content, type=shape)
