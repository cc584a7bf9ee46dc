"""Writes into the sandbox EHR: a file for each kind of record, with how it is written, read back, and checked."""

from __future__ import annotations

from cobalt_link.connector import Writings
from cobalt_link.connectors.sandbox.writes.appointments import APPOINTMENT, APPOINTMENT_CHANGE
from cobalt_link.connectors.sandbox.writes.claims import CLAIMS
from cobalt_link.connectors.sandbox.writes.documents import DOCUMENT
from cobalt_link.connectors.sandbox.writes.insurances import INSURANCE, INSURANCE_CHANGE
from cobalt_link.connectors.sandbox.writes.messages import MESSAGES
from cobalt_link.connectors.sandbox.writes.notes import NOTE, NOTE_CHANGE
from cobalt_link.connectors.sandbox.writes.patient_notes import PATIENT_NOTES
from cobalt_link.connectors.sandbox.writes.patients import PATIENT, PATIENT_CHANGE
from cobalt_link.connectors.sandbox.writes.payments import PAYMENT
from cobalt_link.connectors.sandbox.writes.referrals import REFERRAL
from cobalt_link.connectors.sandbox.writes.referring_providers import REFERRING_PROVIDER
from cobalt_link.connectors.sandbox.writes.tasks import TASK_NOTES, TASKS
from cobalt_link.connectors.sandbox.writes.telephone import ACTION, CALLS

WRITINGS: Writings = {
    "appointments.create": APPOINTMENT,
    "appointments.update": APPOINTMENT_CHANGE,
    "patients.create": PATIENT,
    "patients.update": PATIENT_CHANGE,
    "insurances.create": INSURANCE,
    "insurances.update": INSURANCE_CHANGE,
    "notes.create": NOTE,
    "notes.update": NOTE_CHANGE,
    "patient_notes.create": PATIENT_NOTES.creates(),
    "documents.create": DOCUMENT,
    "referrals.create": REFERRAL,
    "referring_providers.create": REFERRING_PROVIDER,
    "tasks.create": TASKS.creates(),
    "task_notes.create": TASK_NOTES.creates(),
    "messages.create": MESSAGES.creates(),
    "telephone_encounters.create": CALLS.creates(),
    "telephone_encounters.add_action": ACTION,
    "claims.create": CLAIMS.creates(),
    "payments.create": PAYMENT,
}
