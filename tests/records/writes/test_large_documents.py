"""Files that are as large as this API takes them, and one byte larger."""

from __future__ import annotations

from tests.support.clinic import Clinic


async def test_a_document_goes_up_and_down_up_to_the_same_size(clinic: Clinic) -> None:
    mrn = (await clinic.new_appointment())["mrn"]
    form, most = {"patient_mrn": mrn, "folder_name": "Lab results"}, 25 * 2**20
    content = bytes(range(256)) * (most // 256)
    large = await clinic.call("POST", "/v1/documents", data=form, files={"document": ("a.bin", content + b"x")})
    assert (large.status_code, large.json()["error"]) == (413, "document_too_large")
    accepted = await clinic.call("POST", "/v1/documents", data=form, files={"document": ("a.bin", content)})
    job = await clinic.job(accepted.json()["job_id"], wait=60)
    assert job["state"] == "succeeded", job
    assert (await clinic.call("GET", f"/v1/documents/{job['record_id']}")).content == content
    # Staff may file a larger one.
    patient = (await clinic.chart("patients", mrn=mrn))["patients"][0]["id"]
    headers = {"Authorization": f"Bearer {clinic.session}"}
    fields = {"patient_id": patient, "folder_id": (await clinic.chart("document-folders"))["document_folders"][0]["id"]}
    files = {"file": ("b.bin", content + b"x")}
    theirs = await clinic.sandbox.http.post("/api/documents", data=fields, files=files, headers=headers, timeout=60)
    refused = await clinic.call("GET", f"/v1/documents/{theirs.json()['document']['id']}")
    assert (refused.status_code, refused.json()["error"]) == (413, "document_too_large")
