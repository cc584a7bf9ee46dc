"""A secret scanner reports tokens that it found in public: they end, and their owner is told (S-047)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cobalt_link.accounts.leak_api import ScannerKeys
from cobalt_link.accounts.leaks import Leak
from cobalt_link.app import House
from cobalt_link.kit import tokens
from cobalt_link.kit.clock import MovedClock
from cobalt_link.settings import SettingsError
from tests.mail.conftest import Scanner
from tests.mail.server import MailServer
from tests.support.world import Sandbox, Shop, open_for_business, opened, settings_for
from tests.webhooks.receiver import linked, receiving, register

PATH = "/v1/leaked-tokens"
PLACE = "https://github.com/octocat/notes/blob/12345600b9cbe38a219f39a9941c9319b600c002/settings.py"


def report(*found: str, url: Any = PLACE) -> bytes:
    """As GitHub sends it."""
    return json.dumps(
        [{"token": each, "type": "cobalt_link", "url": url, "source": "content"} for each in found]
    ).encode()


async def works(shop: Shop, token: str) -> bool:
    answer = await shop.call("GET", "/v1/locations", access_token=token)
    assert answer.status_code in (200, 401)
    return answer.status_code == 200


# S-047
async def test_a_signed_report_ends_the_token_and_its_owner_is_told(
    house: House, acme: Shop, rival: Shop, scanner: Scanner, server: MailServer
) -> None:
    await house.developers.clients.update(acme.record, contact_email="ops@app.example.com")
    leaked, kept, theirs = await linked(acme), await linked(acme), await linked(rival)
    unknown = tokens.mint(tokens.ACCESS, tokens.TEST)
    async with receiving() as receiver:
        await register(acme, receiver.url)
        body = report(
            leaked["access_token"], leaked["access_token"], unknown, "x", url=f"{PLACE}#{leaked['access_token']}"
        )
        answer = await acme.http.post(PATH, content=body, headers=scanner.signed(body))
        assert (answer.status_code, answer.json()) == (200, {"success": True, "revoked": 1})
        assert not await works(acme, leaked["access_token"])
        assert await works(acme, kept["access_token"]) and await works(rival, theirs["access_token"])
        (told,) = await receiver.gets(1)
    assert told.json["type"] == "access_token.revoked"
    assert told.json["data"]["account_id"] == leaked["account"] and told.json["data"]["reason"] == "leaked"
    assert told.json["data"]["found_at"].startswith(PLACE)
    await house.mail.mail.sweep()
    (message,) = server.mails
    text = message.get_content()
    assert message["To"] == "ops@app.example.com" and "Acme Scribe" in message["Subject"]
    assert f"an access token of the account {leaked['account']}" in text and PLACE in text
    secret = leaked["access_token"].split("_")[2]
    assert secret not in text + told.body.decode()
    rows = await house.db.rows(
        "SELECT what, detail FROM audit WHERE account = %s ORDER BY id DESC", (leaked["account"],)
    )
    assert rows[0] == {"what": "token_revoked", "detail": "leaked"}

    # The same report again ends nothing more. The account gets a new token as after every leak.
    again = await acme.http.post(PATH, content=body, headers=scanner.signed(body))
    assert again.json()["revoked"] == 0
    fresh = (await acme.call("POST", f"/v1/accounts/{leaked['account']}/rotate-token")).json()["access_token"]
    assert await works(acme, fresh)


async def test_a_leaked_client_secret_ends_and_many_leaks_are_one_letter(
    house: House, acme: Shop, rival: Shop, scanner: Scanner, server: MailServer
) -> None:
    await house.developers.clients.update(rival.record, contact_email="ops@rival.example.com")
    access = [(await linked(rival))["access_token"] for _ in range(22)]
    others = [tokens.mint(kind, tokens.TEST) for kind in (tokens.LINK, tokens.PUBLIC, tokens.CLIENT_ID)]
    body = report(rival.secret, *access, *others, rival.record.client_id, url=None)
    answer = await acme.http.post(PATH, content=body, headers=scanner.signed(body))
    assert answer.json()["revoked"] == 23
    fresh = await house.developers.clients.known(rival.record.client_id)
    assert fresh is None  # without a secret, nobody gets in
    assert (await acme.call("GET", "/v1/accounts")).status_code == 200
    await house.mail.mail.sweep()
    (message,) = server.mails
    assert message.get_content().count("an access token of the account") == 20
    assert "and 3 more" in message.get_content() and "The scanner did not say." in message.get_content()
    assert rival.secret not in message.get_content()


def test_what_a_file_is_called_writes_no_line_of_the_letter() -> None:
    assert Leak("x", PLACE).place == PLACE
    for url in (f"{PLACE}\n\nPay at https://evil.example.net", f"{PLACE} x", "javascript:x", "\nhttps://x", None):
        assert Leak("x", url).place is None
    for line in ("\n", "\r", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"):
        assert (Leak("x", f"{PLACE}{line}x").place or "").isprintable(), line


async def test_a_report_without_a_signature_is_refused_before_its_body_is_read(house: House, acme: Shop) -> None:
    where = urlsplit(house.settings.public_url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 1000000\r\n\r\n".encode())
    async with asyncio.timeout(10):
        assert b" 403 " in await reader.readline()
    writer.close()


# S-047
async def test_a_forged_or_broken_report_has_no_effect(
    house: House, acme: Shop, scanner: Scanner, tmp_path: Path
) -> None:
    who = await linked(acme)
    body = report(who["access_token"])
    good, stranger = scanner.signed(body), Scanner(tmp_path / "other.json").signed(body)
    name, sign = good
    forged: list[tuple[bytes, dict[str, str]]] = [
        (body, {}),
        (body, {name: good[name]}),
        (body, {sign: good[sign]}),
        (body, stranger),
        (body, {**good, name: "scanner-2"}),
        (body + b" ", good),
        (body.replace(b"content", b"comment"), good),
        (body, {**good, sign: good[sign][:-8] + "AAAAAAA="}),
        (body, {**good, sign: ""}),
        (body, {**good, sign: "AAAA"}),
        (body, {**good, sign: "MAYCAQACAQA="}),  # the numbers 0 and 0
        (body, {**good, sign: "not base64"}),
    ]
    for content, headers in forged:
        answer = await acme.http.post(PATH, content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (403, "report_refused"), headers
    for broken in (b"", b"{}", b"[1]", b'[{"token": 1}]', b"[" * 5000, b'[{"url": "x"}]', b"\xff"):
        answer = await acme.http.post(PATH, content=broken, headers=scanner.signed(broken))
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), broken[:20]
    assert await works(acme, who["access_token"])
    assert await house.db.rows("SELECT FROM mails") == []

    scanner.file.write_text("{")
    answer = await acme.http.post(PATH, content=body, headers=good)
    assert answer.status_code == 503
    # A new key counts without a restart.
    new = Scanner(scanner.file, "scanner-2")
    new.publish()
    assert (await acme.http.post(PATH, content=body, headers=good)).status_code == 403
    assert (await acme.http.post(PATH, content=body, headers=new.signed(body))).json()["revoked"] == 1
    assert not await works(acme, who["access_token"])


def test_a_file_of_keys_that_cannot_be_used_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    curves = [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)]
    pems = [each.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for each in curves]
    keys = [{"public_keys": [{"key_identifier": "k", "key": each}]} for each in [*pems, "no key"]]
    for text in ("{", "[]", "{}", *map(json.dumps, keys)):
        file.write_text(text)
        with pytest.raises(SettingsError, match="scanner_keys names"):
            ScannerKeys(file)
    file.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        ScannerKeys(file)


async def test_without_keys_there_is_nothing_at_this_address(
    dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> None:
    async with opened(settings_for(tmp_path, dsn, sandbox.address), clock) as house, open_for_business(house) as http:
        answer = await http.post(PATH, content=report("x"))
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
