"""Notes that can be signed, and documents with their bytes."""

from typing import Any

from httpx2 import Response

from tests.sandbox_ehr.chart_cases import PATIENT, VISIT
from tests.support.sandbox_client import SandboxClient, refusal

SECTIONS = {"subjective": "Tired", "objective": "BP 120/80", "assessment": "Well", "plan": "Sleep"}
FIELDS = {"patient_id": PATIENT, "folder_id": "F1", "assigned_to": "u501", "reviewed": "true", "priority": "high"}


async def upload(ehr: SandboxClient, session: str, content: bytes, name: str = "läb.pdf", **fields: str) -> Response:
    headers = {"Authorization": f"Bearer {session}"}
    files = {"file": (name, content, "application/pdf")}
    return await ehr.http.post("/api/documents", data=FIELDS | fields, files=files, headers=headers)


async def test_a_text_and_a_structured_note_appear_in_the_visit(ehr: SandboxClient, session: str) -> None:
    before = (await ehr.read(f"appointments/{VISIT}", session))["appointment"]
    text = await ehr.make("notes", session, visit_id=VISIT, text="First line\nSecond – ü")
    assert (text["text"], text["sections"], text["signed"]) == ("First line\nSecond – ü", None, False)
    codes = {"icd10": ["I10", "R00.2"], "cpt": ["99213", "G0439"]}
    structured = await ehr.make("notes", session, visit_id=VISIT, sections=SECTIONS, **codes)
    assert structured["sections"] == SECTIONS
    assert structured["text"].startswith("Subjective:\nTired\n\nObjective:\nBP 120/80")
    assert {name: structured[name] for name in codes} == codes
    assert (structured["patient_id"], structured["provider_id"]) == (before["patient"]["id"], before["provider_id"])
    after = (await ehr.read(f"appointments/{VISIT}", session))["appointment"]
    assert after["progress_note"] == "\n\n".join([before["progress_note"], text["text"], structured["text"]])
    assert after["diagnoses"][len(before["diagnoses"]) :] == [
        {"code": "I10", "text": "Essential hypertension"},
        {"code": "R00.2", "text": ""},
    ]
    rows = (await ehr.read("notes", session, visit_id=VISIT, signed=False))["notes"]
    assert [row["id"] for row in rows] == [text["id"], structured["id"]]
    assert (await ehr.read("notes", session, visit_id=VISIT))["total"] == 3


async def test_a_note_is_edited_until_it_is_signed(ehr: SandboxClient, session: str) -> None:
    note = await ehr.make("notes", session, visit_id=VISIT, sections=SECTIONS)
    path = f"notes/{note['id']}"
    changed = await ehr.change(path, session, sections={"plan": "Rest"}, icd10=["I10"])
    assert (changed["text"], changed["icd10"]) == ("Plan:\nRest", ["I10"])
    changed = await ehr.change(path, session, text="Just text")
    assert (changed["text"], changed["sections"]) == ("Just text", None)
    signed = (await ehr.send("POST", f"{path}/sign", session, {})).json()["note"]
    assert (signed["signed"], signed["signed_by"], signed["signed_at"]) == (True, "u1", "2026-11-24T12:00:00-05:00")
    for method, where, body in (("PATCH", path, {"text": "Other"}), ("POST", f"{path}/sign", {})):
        assert refusal(await ehr.send(method, where, session, body)) == (409, "signed")
    assert (await ehr.read(path, session))["note"] == signed
    at_once = await ehr.make("notes", session, visit_id=VISIT, text="Done", sign=True)
    assert refusal(await ehr.send("PATCH", f"notes/{at_once['id']}", session, {"text": "x"})) == (409, "signed")
    rights = [right for right in (await ehr.lab("users/user_good"))["rights"] if right != "notes.sign"]
    await ehr.lab("users/user_good", {"rights": rights})
    response = await ehr.send("POST", f"{path}/sign", await ehr.session(), {})
    assert (refusal(response), response.json()["missing"]) == ((403, "no_rights"), "notes.sign")


async def test_odd_notes_are_refused(ehr: SandboxClient, session: str) -> None:
    cancelled = next(
        visit
        for visit in (await ehr.read("appointments", session, start="2026-11-01", end="2026-11-24"))["appointments"]
        if visit["status"] == "CANC"
    )
    cases: tuple[tuple[dict[str, Any], tuple[int, str]], ...] = (
        ({}, (422, "invalid_value")),
        ({"text": "  "}, (422, "invalid_value")),
        ({"text": "x", "sections": SECTIONS}, (422, "invalid_value")),
        ({"sections": {}}, (422, "invalid_value")),
        ({"text": "x", "icd10": ["10"]}, (400, "bad_request")),
        ({"text": "x", "icd10": ["I10."]}, (400, "bad_request")),
        ({"text": "x", "cpt": ["9921"]}, (400, "bad_request")),
        ({"text": "x", "cpt": ["99213-25"]}, (400, "bad_request")),
        ({"text": "x", "type": "poem"}, (400, "bad_request")),
        ({"text": "x", "visit_id": cancelled["id"]}, (409, "not_changeable")),
    )
    for members, said in cases:
        response = await ehr.send("POST", "notes", session, {"visit_id": VISIT, "client_ref": "odd", **members})
        assert refusal(response) == said, members
    assert await ehr.written("odd") == {}


async def test_a_document_keeps_its_bytes_its_name_and_who_should_look_at_it(ehr: SandboxClient, session: str) -> None:
    content = b"%PDF-1.4\r\n\x00\xff" + bytes(range(256)) * 300  # more than other bodies may have
    response = await upload(ehr, session, content, client_ref="scan", notes="From the lab")
    assert response.status_code == 201, response.text
    row = response.json()["document"]
    assert response.headers["location"] == f"/api/documents/{row['id']}"
    assert (row["filename"], row["size"], row["assigned_to"]) == ("läb.pdf", len(content), "u501")
    assert (row["reviewed"], row["priority"], row["notes"], row["filed_on"]) == (
        True,
        "high",
        "From the lab",
        "2026-11-24",
    )
    (found,) = (await ehr.read("documents", session, client_ref="scan", patient_id=PATIENT, reviewed=True))["documents"]
    assert found == row
    download = await ehr.get(f"documents/{row['id']}/content", session)
    assert download.content == content
    assert download.headers["content-type"] == "application/pdf"
    assert download.headers["content-disposition"] == "attachment; filename*=UTF-8''l%C3%A4b.pdf"
    changed = await ehr.change(f"documents/{row['id']}", session, reviewed=False, assigned_to="", folder_id="F2")
    assert (changed["reviewed"], changed["assigned_to"], changed["folder_id"]) == (False, "", "F2")
    assert (await ehr.get(f"documents/{row['id']}/content", session)).content == content


async def test_odd_uploads_are_refused(ehr: SandboxClient, session: str) -> None:
    for fields in ({"patient_id": "1"}, {"folder_id": "F9"}, {"assigned_to": "u999"}, {"visit_id": VISIT}):
        response = await upload(ehr, session, b"x", **fields)
        assert (refusal(response), response.json()["field"]) == ((422, "unknown_reference"), *fields)
    assert refusal(await upload(ehr, session, b"")) == (422, "invalid_value")
    for fields in ({"priority": "low"}, {"surprise": "1"}, {"reviewed": "perhaps"}):
        assert refusal(await upload(ehr, session, b"x", **fields)) == (400, "bad_request")
    headers = {"Authorization": f"Bearer {session}"}
    without = await ehr.http.post("/api/documents", data=FIELDS, files={"other": b"x"}, headers=headers)
    assert (refusal(without), without.json()["missing"]) == ((422, "missing_fields"), "file")
    assert refusal(await ehr.send("POST", "documents", session, FIELDS)) == (415, "bad_request")
    broken = headers | {"Content-Type": "multipart/form-data"}
    assert refusal(await ehr.http.post("/api/documents", content=b"x", headers=broken)) == (400, "bad_request")
    large = await upload(ehr, session, bytes(28 * 1024 * 1024))
    assert refusal(large) == (413, "too_large")
    assert refusal(await ehr.get("documents/D1/content", session)) == (404, "not_found")


async def test_a_made_up_document_is_a_valid_pdf_of_the_stated_size(ehr: SandboxClient, session: str) -> None:
    for row in (await ehr.read("documents", session, limit=5))["documents"]:
        pdf = (await ehr.get(f"documents/{row['id']}/content", session)).content
        assert len(pdf) == row["size"]
        assert (pdf[:5], pdf[-6:]) == (b"%PDF-", b"%%EOF\n")
        table = int(pdf.split(b"startxref\n")[1].split()[0])
        assert pdf[table:].startswith(b"xref\n0 6\n")
        for number, line in enumerate(pdf[table:].split(b"\n")[3:8], 1):
            assert pdf[int(line[:10]) :].startswith(b"%d 0 obj" % number)
