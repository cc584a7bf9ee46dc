"""What is sent is accepted by every verifier: the official ones, the contract's, and those of our page (S-065)."""

from __future__ import annotations

import math
import random
import struct
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cobalt_link.webhooks import envelope, signing
from cobalt_link.webhooks.javascript_json import encoded
from cobalt_link.webhooks.signing import WebhookSecret
from tests.support import proof
from tests.webhooks.samples import Node, Request, node_in, python_sample

JAVASCRIPT = ("verify.mjs", "verify_body.mjs", "published.mjs")
CHARACTERS = 'aZ09 "\\/\b\f\n\r\t\0\x1f\x7f\u00e9\u2028\u2029\ufeff\U0001f600\ud800<>&'
KEYS = ("a", "10", "9", "1", "0", "01", "-1", "4294967294", "4294967295", "__proto__", "é", "")


@pytest.fixture(scope="module")
async def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    return await node_in(tmp_path_factory.mktemp("verifiers"))


def any_value(chance: random.Random, depth: int = 0) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: "".join(chance.choices(CHARACTERS, k=chance.randrange(12))),
        lambda: chance.randrange(-(2**60), 2**60) >> chance.randrange(60),
        lambda: any_float(chance),
        lambda: chance.choice([None, True, False, 1.0, -0.0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308]),
    ]
    if depth < 3:
        size = chance.randrange(4)
        kinds.append(lambda: [any_value(chance, depth + 1) for _ in range(size)])
        kinds.append(lambda: {chance.choice(KEYS): any_value(chance, depth + 1) for _ in range(size)})
    return chance.choice(kinds)()


def any_float(chance: random.Random) -> float:
    if chance.random() < 0.5:
        return chance.uniform(-1, 1) * 10 ** chance.randrange(-25, 25)
    (value,) = struct.unpack("<d", chance.randbytes(8))
    return value if math.isfinite(value) else 0.5


def request_for(secret: WebhookSecret, data: dict[str, Any], number: int) -> Request:
    now = datetime.now(UTC)
    parts = envelope.EnvelopeParts(
        id=f"evt{number}",
        type="task.created",
        at=now,
        reference="r",
        job=number,
        user_id="u",
        live_fetch=number % 3 == 0,
    )
    body = envelope.body(parts, data)
    return secret.text, signing.headers([secret], parts.id, str(int(now.timestamp())), 1, body), body


def edited(request: Request) -> list[Request]:
    """The same request with another id, another time, or another body."""
    secret, headers, body = request
    time = str(int(headers["webhook-timestamp"]) - 1)
    return [
        (secret, {**headers, "webhook-id": headers["webhook-id"] + "0"}, body),
        (secret, {**headers, "webhook-timestamp": time}, body),
        (secret, headers, body.replace(b'"task.created"', b'"task.creates"')),
    ]


def is_v1a(request: Request, public_key: str) -> bool:
    _, headers, body = request
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    (signature,) = [each[4:] for each in headers["webhook-signature"].split(" ") if each.startswith("v1a,")]
    key = Ed25519PublicKey.from_public_bytes(b64decode(public_key.removeprefix("whpk_")))
    try:
        key.verify(b64decode(signature), signed)
    except InvalidSignature:
        return False
    return True


# S-065
async def test_every_verifier_accepts_what_is_sent_and_nothing_that_was_edited(node: Node) -> None:
    chance = random.Random(65)
    secrets = [WebhookSecret.new() for _ in range(10)]
    assert all(24 <= len(b64decode(each.text.removeprefix("whsec_"))) <= 64 for each in secrets)
    count = proof.SIGNED_PAYLOADS.times
    sent = [request_for(secrets[n % 10], {"x": any_value(chance), "y": any_value(chance)}, n) for n in range(count)]
    changed = [each for request in sent[: count // 5] for each in edited(request)]
    standard, by_hand = python_sample("verify.py"), python_sample("verify_body.py")
    assert all(standard(*each) is not None and by_hand(*each) for each in sent)
    assert not any(standard(*each) for each in changed)
    for name in JAVASCRIPT:
        assert all(await node.accepts(name, sent)), name
    assert not any(await node.accepts("verify.mjs", changed))
    bodies = [each for each in changed if b"task.creates" in each[2]]
    assert bodies and not any(by_hand(*each) for each in bodies)
    for name in ("verify_body.mjs", "published.mjs"):
        assert not any(await node.accepts(name, bodies)), name
    keys = {each.text: each.public_key for each in secrets}
    assert all(is_v1a(each, keys[each[0]]) for each in sent)
    assert not any(is_v1a(each, keys[each[0]]) for each in changed)


async def test_a_body_is_as_javascript_would_write_it_again(node: Node) -> None:
    chance = random.Random(62)
    values = [{"value": any_value(chance)} for _ in range(proof.SIGNED_PAYLOADS.times)]
    values += [{"value": [any_float(chance) for _ in range(20)]} for _ in range(50)]
    texts = [encoded(each).decode() for each in values]
    assert await node.again(texts) == texts


def test_values_keep_their_meaning_in_javascript() -> None:
    day = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    value = {"b": 1.0, "a": 2**53, "at": day, "10": "é/", "9": None, "nan": math.nan, "lone": "\ud800"}
    assert encoded(value) == (
        '{"9":null,"10":"é/","b":1,"a":"9007199254740992","at":"2026-01-02T03:04:05Z","nan":null,"lone":"\ufffd"}'.encode()
    )


def test_a_thin_payload_has_only_ids_codes_and_times() -> None:
    # S-075
    data = {
        "appointment_id": "a1", "mrn": "1001", "date_time": "2026-01-02T10:00:00Z", "provider_name": "Dr. Ann Example",
        "failure_reason": "Jane Roe was not found.", "reasons": [{"code": "PATIENT_NOT_FOUND", "description": "Jane"}],
        "appointments": [{"id": "a2", "patient_name": "Jane Roe", "created_at": None}], "notes": ["Jane Roe"],
        "location": {"id": "l1", "name": "Main Street"}, "appointment_type": "HIV test", "success": False,
    }  # fmt: skip
    parts = envelope.EnvelopeParts(
        id="e", type="appointment.failed", at=datetime.now(UTC), reference="r", job=7, user_id=None, live_fetch=False
    )
    found = envelope.thin(envelope.body(parts, data))
    assert b"Jane" not in found and b"1001" not in found and b"HIV" not in found and b"Ann" not in found
    for kept in (b'"appointment_id":"a1"', b'"code":"PATIENT_NOT_FOUND"', b'{"id":"a2"', b'"job_id":"7"', b'"id":"l1"'):
        assert kept in found
