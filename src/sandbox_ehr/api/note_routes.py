"""Notes over JSON: of visits, and of patients."""

from sandbox_ehr.api.resources import NoBody, changes, creates, lists, reads
from sandbox_ehr.clinic import notes
from sandbox_ehr.clinic.notes import (
    NOTE,
    PATIENT_NOTE,
    NewNote,
    NewPatientNote,
    NoteChange,
    NoteQuery,
    PatientNoteQuery,
)

routes = [
    lists("notes.read", NOTE, NoteQuery),
    reads("notes.read", NOTE),
    creates("notes.write", "/api/notes", "note", NewNote, notes.create),
    changes("notes.write", "/api/notes/{id}", "note", NoteChange, notes.change),
    changes("notes.sign", "/api/notes/{id}/sign", "note", NoBody, notes.sign, method="POST"),
    lists("notes.read", PATIENT_NOTE, PatientNoteQuery),
    reads("notes.read", PATIENT_NOTE),
    creates("notes.write", "/api/patient-notes", "patient_note", NewPatientNote, notes.create_about_patient),
]
