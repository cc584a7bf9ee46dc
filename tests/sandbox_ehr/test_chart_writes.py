"""What every create of the chart has in common: its answer, reading back, references, rights, and refusals."""

from datetime import datetime
from typing import Any

from sandbox_ehr.login.accounts import ALL_RIGHTS
from tests.sandbox_ehr.chart_cases import CREATES, Create
from tests.support.sandbox_client import SandboxClient, refusal

# The EHR adds something of its own to these members.
REWRITTEN = {"text": "call-actions"}


async def listed(ehr: SandboxClient, session: str, case: Create, client_ref: str) -> list[dict[str, Any]]:
    days = {"start": "2026-11-29", "end": "2026-11-29"} if case.path in ("slots", "blocks") else {}
    return (await ehr.read(case.path, session, client_ref=client_ref, **days))[case.plural]


async def test_what_a_create_wrote_is_read_back_and_found_by_its_reference(ehr: SandboxClient, session: str) -> None:
    for number, case in enumerate(CREATES):
        ref = f"ours-{number}"
        response = await ehr.send("POST", case.path, session, case.body | {"client_ref": ref})
        assert response.status_code == 201, (case.path, response.text)
        (row,) = response.json().values()
        assert response.headers["location"] == f"/api/{case.path}/{row['id']}"
        (found,) = await listed(ehr, session, case, ref)
        assert found == {name: value for name, value in row.items() if name != "progress_note"}
        assert await listed(ehr, session, case, "somebody-else") == []
        if case.path not in ("slots", "blocks"):
            (one,) = (await ehr.read(f"{case.path}/{row['id']}", session)).values()
            assert one == row
        if case.path != "appointments":  # its patient is in its member `patient`
            for name, value in case.body.items():
                assert row[name] == value or REWRITTEN.get(name) == case.path, (case.path, name)
        assert (row["client_ref"], row["created_by"]) == (ref, "u1")
        assert datetime.fromisoformat(row["created_at"]).isoformat() == "2026-11-24T12:00:00-05:00"
        assert row["updated_at"] == row["created_at"]
        assert list((await ehr.written(ref)).values()) == [1]


async def test_the_same_create_sent_twice_makes_two_rows_which_the_lab_counts(ehr: SandboxClient, session: str) -> None:
    for case in CREATES:
        if case.path in ("patients", "referring-providers", "insurances"):
            continue  # These have a rule against it.
        rows = [await ehr.make(case.path, session, **case.body, client_ref=case.path) for _ in range(2)]
        assert rows[0]["id"] != rows[1]["id"]
        assert list((await ehr.written(case.path)).values()) == [2]


async def test_each_reference_to_nothing_is_refused_by_the_name_of_its_member(ehr: SandboxClient, session: str) -> None:
    for case in CREATES:
        for member in case.references:
            response = await ehr.send("POST", case.path, session, case.body | {member: "999999", "client_ref": "no"})
            assert refusal(response) == (422, "unknown_reference"), (case.path, member)
            assert response.json()["field"] == member
    assert await ehr.written("no") == {}


async def test_no_row_of_another_clinic_is_seen_or_referred_to(ehr: SandboxClient, session: str) -> None:
    made = {case.path: await ehr.make(case.path, session, **case.body, client_ref="here") for case in CREATES}
    challenge = await ehr.challenge("user_clinics")
    elsewhere = (await ehr.step("clinic", challenge, clinic="2")).json()["session"]
    for case in CREATES:
        assert await listed(ehr, elsewhere, case, "here") == []
        if case.path not in ("slots", "blocks"):
            one = await ehr.get(f"{case.path}/{made[case.path]['id']}", elsewhere)
            assert refusal(one) == (404, "not_found"), case.path
        if case.path not in ("patients", "referring-providers"):  # these two name no other row
            response = await ehr.send("POST", case.path, elsewhere, case.body)
            assert refusal(response) == (422, "unknown_reference")


async def test_each_create_and_each_list_needs_its_own_right(ehr: SandboxClient, session: str) -> None:
    for right in sorted({case.right for case in CREATES} | {case.reading for case in CREATES}):
        await ehr.lab("users/user_good", {"rights": [other for other in ALL_RIGHTS if other != right]})
        lacking = await ehr.session()
        for case in CREATES:
            days = {"start": "2026-11-29", "end": "2026-11-29"} if case.plural in ("slots", "blocks") else {}
            if case.right == right:
                response = await ehr.send("POST", case.path, lacking, case.body)
            elif case.reading == right:
                response = await ehr.get(case.path, lacking, client_ref="x", **days)
            else:
                continue
            assert refusal(response) == (403, "no_rights"), case.path
            assert response.json()["missing"] == right


async def test_an_odd_body_an_odd_query_and_no_session_are_refused(ehr: SandboxClient, session: str) -> None:
    for case in CREATES:
        for odd in ({"surprise": 1}, {"client_ref": "x" * 65}, {"client_ref": None}):
            assert refusal(await ehr.send("POST", case.path, session, case.body | odd)) == (400, "bad_request"), odd
        assert refusal(await ehr.send("POST", case.path, session, [])) == (400, "bad_request")
        assert refusal(await ehr.get(case.path, session, surprise="1")) == (400, "bad_request")
        assert refusal(await ehr.send("POST", case.path, "nobody", case.body)) == (401, "session_expired")
        assert refusal(await ehr.get(case.path, "nobody")) == (401, "session_expired")


ODD_VALUES = (None, "", -1, 10**30, [], {}, "\x00\u2028", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")


async def test_no_odd_value_of_any_member_or_page_crashes_the_ehr(ehr: SandboxClient, session: str) -> None:
    for case in CREATES:
        for member in case.body:
            for value in ODD_VALUES:
                response = await ehr.send("POST", case.path, session, case.body | {member: value})
                assert response.status_code in (201, 400, 409, 422), (case.path, member, value)
        for query in ({"offset": 10**30}, {"limit": 10**30}, {"client_ref": "\x00"}):
            assert (await ehr.get(case.path, session, **query)).status_code in (200, 400), (case.path, query)


async def test_lists_have_stable_pages(ehr: SandboxClient, session: str) -> None:
    for path in ("notes", "documents", "orders", "referrals", "claims", "payments", "eligibility-checks", "insurances"):
        everything = (await ehr.read(path, session, limit=500))[path.replace("-", "_")]
        assert [row["created_at"] for row in everything] == sorted(
            (row["created_at"] for row in everything), key=datetime.fromisoformat
        )
        pages = []
        for offset in range(0, len(everything), 90):
            page = await ehr.read(path, session, offset=offset, limit=90)
            assert page["total"] >= len(everything) > 90, path
            pages += page[path.replace("-", "_")]
        assert [row["id"] for row in pages[: len(everything)]] == [row["id"] for row in everything]


async def test_any_session_reads_the_lists_to_choose_from(ehr: SandboxClient, session: str) -> None:
    await ehr.lab("users/user_good", {"rights": []})
    session = await ehr.session()
    sizes = {}
    names = ("document-folders", "note-types", "call-types", "payment-methods", "claim-statuses", "pharmacies", "users")
    for name in names:
        rows = (await ehr.read(name, session))[name.replace("-", "_")]
        assert len({row["id"] for row in rows}) == len(rows) == len({row["name"] for row in rows})
        sizes[name] = len(rows)
    assert min(sizes.values()) >= 4
    users = (await ehr.read("users", session))["users"]
    assert {"u1", "u501"} <= {user["id"] for user in users}
    assert "u505" not in {user["id"] for user in users}  # a provider who left
