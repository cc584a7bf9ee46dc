"""What a receipt calls a difference, and the keys that sign it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cobalt_link.connector.writes import NewAppointment, NewDocument, NewInsurance, NewNote, NewReferral, Soap, Write
from cobalt_link.connector.writes import ReferralDocument as File
from cobalt_link.connector.writing import Held
from cobalt_link.kit.clock import MovedClock
from cobalt_link.records.writes.receipts import TYPE, Difference, ReceiptKeys, differences, plain
from cobalt_link.store.database import Database
from cobalt_link.vault import CannotOpen, Context, Keyring, Vault
from cobalt_link.vault.signing import SigningKey

REF = "0" * 32
PATIENT = {"ref": REF, "patient_ehr_id": "p", "patient_mrn": "m"}
NINE = datetime(2026, 12, 1, 9, tzinfo=timezone(timedelta(hours=-5)))
VISIT = NewAppointment(
    **PATIENT, location_ehr_id="L", provider_ehr_id="P", type="FU", start=NINE, duration=20, note="Bring the card"
)
NOTE = NewNote(
    ref=REF,
    appointment_ehr_id="17",
    parts=Soap(subjective="Cough", plan="Rest"),
    icd_10_codes=("J20.9", "I10"),
    sign=True,
)
SCAN = NewDocument(**PATIENT, folder_name="Letters", filename="a.pdf", media_type="application/pdf", content=b"one")
REFERRAL = NewReferral(
    **PATIENT,
    from_provider_ehr_id="A",
    to_provider_ehr_id="0",
    direction="incoming",
    priority="stat",
    reason="Knee",
    documents=(File(filename="a.pdf", content=b"one"), File(filename="b.pdf", content=b"two")),
)
PLAN = NewInsurance(
    **PATIENT, plan_begin_date=date(2026, 1, 1), copayment="20.00", subscriber_demographics={"state": "AZ"}
)


def hash_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


TWO = [{"filename": "a.pdf", "content": hash_of(b"one")}, {"filename": "b.pdf", "content": hash_of(b"two")}]
SAME: list[tuple[Write, dict[str, Any]]] = [
    (VISIT, {}),
    (VISIT, {"start": NINE.astimezone(UTC), "duration": 20, "note": "Bring the card"}),
    (VISIT, {"start": NINE.astimezone(timezone(timedelta(hours=9)))}),
    # What was not asked for, and the reference, may be anything.
    (VISIT, {"ref": "other", "reason": "Cough", "secondary_provider_ehr_id": "S", "room": "4"}),
    (NOTE, {"parts": Soap(subjective="Cough", plan="Rest"), "icd_10_codes": ["J20.9", "I10"], "sign": True}),
    (NOTE, {"text": "Cough", "cpt_codes": ("99213",)}),
    (SCAN, {"content": b"one", "filename": "a.pdf"}),
    (REFERRAL, {"documents": REFERRAL.documents}),
    (REFERRAL, {"documents": [{"filename": "a.pdf", "content": b"one"}, {"filename": "b.pdf", "content": b"two"}]}),
    (PLAN, {"plan_begin_date": date(2026, 1, 1), "subscriber_demographics": {"state": "AZ"}, "copayment": "20.00"}),
]
OTHER: list[tuple[Write, dict[str, Any], list[Difference]]] = [
    (
        VISIT,
        {"start": NINE + timedelta(hours=1)},
        [Difference("start", "2026-12-01T14:00:00+00:00", "2026-12-01T15:00:00+00:00")],
    ),
    # The clock's time alone is not the time.
    (
        VISIT,
        {"start": NINE.replace(tzinfo=UTC)},
        [Difference("start", "2026-12-01T14:00:00+00:00", "2026-12-01T09:00:00+00:00")],
    ),
    (VISIT, {"note": None}, [Difference("note", "Bring the card", None)]),
    (
        VISIT,
        {"note": "Bring", "duration": 15, "type": "FU"},
        [Difference("duration", 20, 15), Difference("note", "Bring the card", "Bring")],
    ),
    (NOTE, {"icd_10_codes": ["I10", "J20.9"]}, [Difference("icd_10_codes", ["J20.9", "I10"], ["I10", "J20.9"])]),
    (NOTE, {"icd_10_codes": ()}, [Difference("icd_10_codes", ["J20.9", "I10"], [])]),
    (NOTE, {"sign": False}, [Difference("sign", True, False)]),
    (
        NOTE,
        {"parts": Soap(subjective="Cough", plan="Work")},
        [
            Difference(
                "parts",
                {"subjective": "Cough", "objective": None, "assessment": None, "plan": "Rest"},
                {"subjective": "Cough", "objective": None, "assessment": None, "plan": "Work"},
            )
        ],
    ),
    (SCAN, {"content": b"two"}, [Difference("content", hash_of(b"one"), hash_of(b"two"))]),
    (REFERRAL, {"documents": REFERRAL.documents[:1]}, [Difference("documents", TWO, TWO[:1])]),
    (
        PLAN,
        {"plan_begin_date": date(2026, 1, 2), "copayment": "25.00"},
        [Difference("plan_begin_date", "2026-01-01", "2026-01-02"), Difference("copayment", "20.00", "25.00")],
    ),
]


def held(fields: dict[str, Any]) -> Held:
    return Held(ehr_id="1", fields=fields)


def test_what_the_ehr_holds_as_asked_or_does_not_keep_is_no_difference() -> None:
    for write, fields in SAME:
        assert differences(write, held(fields)) == [], (write.capability, fields)


def test_every_field_that_the_ehr_holds_otherwise_is_a_difference_with_both_values() -> None:
    for write, fields, expected in OTHER:
        found = sorted(differences(write, held(fields)), key=lambda each: each.field)
        assert found == sorted(expected, key=lambda each: each.field), (write.capability, fields)


def test_a_receipt_shows_plain_json_with_the_hash_of_a_file_and_never_the_file() -> None:
    inside = {"at": NINE, "on": date(2026, 1, 1), "file": b"secret scan", "fee": Decimal("1.50")}
    found = plain({"flat": b"secret scan", "naive": datetime(2026, 12, 1, 9), "deep": {"list": [inside, (b"",)]}})
    print_ = hash_of(b"secret scan")
    shown = {"at": "2026-12-01T14:00:00+00:00", "on": "2026-01-01", "file": print_, "fee": "1.50"}
    assert found == {
        "flat": print_,
        "naive": "2026-12-01T09:00:00",
        "deep": {"list": [shown, [hash_of(b"")]]},
    }
    assert json.loads(json.dumps(found)) == found
    assert plain(VISIT)["start"] == "2026-12-01T14:00:00+00:00"


@pytest.fixture
def vault() -> Vault:
    return Vault(Keyring.generate())


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verified(receipt: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """The payload, checked with nothing but the published keys. Raises InvalidSignature."""
    header, payload, signature = receipt.split(".")
    told = json.loads(decoded(header))
    key = next(each for each in keys if each["kid"] == told["kid"])
    assert (told["alg"], told["typ"], key["crv"], key["use"]) == ("Ed25519", TYPE, "Ed25519", "sig")
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), f"{header}.{payload}".encode())
    return json.loads(decoded(payload))


async def test_a_receipt_is_verified_with_the_published_key_alone(db: Database, vault: Vault) -> None:
    keys = ReceiptKeys(db, vault, MovedClock())
    assert await keys.public() == []
    receipt = await keys.sign({"job_id": 17, "differences": [Difference("note", "ä", None)]})
    published = await keys.public()
    said = verified(receipt, published)
    assert said == {"job_id": 17, "differences": [{"field": "note", "asked": "ä", "holds": None}]}
    assert {*published[0]} == {"kty", "crv", "x", "kid", "alg", "use"}  # and nothing of the private key
    header, payload, signature = receipt.split(".")
    forged = base64.urlsafe_b64encode(decoded(payload).replace(b"17", b"18")).rstrip(b"=").decode()
    with pytest.raises(InvalidSignature):
        verified(f"{header}.{forged}.{signature}", published)


async def test_processes_that_need_the_first_key_at_once_make_one(dsn: str, vault: Vault) -> None:
    databases = [await Database.open(dsn, size=4) for _ in range(3)]
    try:
        for turn in range(5):
            await databases[0].run("DELETE FROM receipt_keys")
            rooms = [ReceiptKeys(db, vault, MovedClock()) for db in databases for _ in range(3)]
            receipts = await asyncio.gather(*(each.sign({"turn": turn}) for each in rooms))
            published = await rooms[0].public()
            assert len(published) == 1
            assert len({*receipts}) == 1 and verified(receipts[0], published) == {"turn": turn}
    finally:
        for db in databases:
            await db.close()


async def test_a_process_that_starts_later_signs_with_the_key_that_is_there(db: Database, vault: Vault) -> None:
    first = await ReceiptKeys(db, vault, MovedClock()).sign({"n": 1})
    assert await ReceiptKeys(db, vault, MovedClock(timedelta(days=400))).sign({"n": 1}) == first
    assert len(await ReceiptKeys(db, vault, MovedClock()).public()) == 1


async def test_an_older_key_is_still_published_and_only_the_newest_signs(db: Database, vault: Vault) -> None:
    old = await ReceiptKeys(db, vault, MovedClock()).sign({"n": 1})
    await db.run("CREATE TABLE older AS SELECT * FROM receipt_keys")
    await db.run("DELETE FROM receipt_keys")
    new = await ReceiptKeys(db, vault, MovedClock(timedelta(days=1))).sign({"n": 2})
    await db.run("INSERT INTO receipt_keys SELECT * FROM older")
    keys = ReceiptKeys(db, vault, MovedClock(timedelta(days=2)))
    published = await keys.public()
    assert [verified(each, published)["n"] for each in (old, new)] == [1, 2]
    assert len(published) == 2
    newest = await keys.sign({"n": 2})
    assert newest == new and newest.partition(".")[0] != old.partition(".")[0]
    assert json.loads(decoded(newest.partition(".")[0]))["kid"] == published[0]["kid"]


async def test_a_private_key_rests_sealed_for_its_own_row(db: Database, vault: Vault) -> None:
    await ReceiptKeys(db, vault, MovedClock()).sign({})
    row = await db.one("SELECT kid, sealed_private FROM receipt_keys")
    assert row is not None
    private = vault.open(row["sealed_private"], Context("receipt_keys", "", row["kid"], "private"))
    assert SigningKey(private).kid == row["kid"] and private not in row["sealed_private"]
    await db.run("UPDATE receipt_keys SET kid = 'moved'")
    with pytest.raises(CannotOpen):
        await ReceiptKeys(db, vault, MovedClock()).sign({})
