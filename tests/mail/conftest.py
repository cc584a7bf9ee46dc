"""The house with an SMTP server, and a client whose owner has an address."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cobalt_link.app import House
from cobalt_link.developers.clients import Client
from cobalt_link.kit.clock import MovedClock
from tests.mail.server import URL_LOGIN, MailServer, mail_server
from tests.net.test_http_tls import Authority
from tests.support.world import Sandbox, opened, settings_for


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MailServer]:
    authority = Authority(tmp_path)
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    with mail_server(authority.serves("127.0.0.1")) as server:
        yield server


class Scanner:
    """A secret scanner with a key on P-256, and the file with its public key as GitHub publishes it."""

    def __init__(self, file: Path, name: str = "scanner-1") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = file
        self.name = name

    def publish(self, *others: dict[str, Any]) -> None:
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        own = {"key_identifier": self.name, "key": pem, "is_current": True}
        self.file.write_text(json.dumps({"public_keys": [own, *others]}))

    def signed(self, body: bytes) -> dict[str, str]:
        signature = base64.b64encode(self.key.sign(body, ec.ECDSA(SHA256()))).decode()
        return {"Github-Public-Key-Identifier": self.name, "Github-Public-Key-Signature": signature}


@pytest.fixture
def scanner(tmp_path: Path) -> Scanner:
    scanner = Scanner(tmp_path / "scanners.json")
    scanner.publish()
    return scanner


@pytest.fixture
async def house(
    server: MailServer, scanner: Scanner, dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> AsyncIterator[House]:
    """Our rooms with an SMTP server; no worker."""
    given = {
        "smtp_url": f"smtp://{URL_LOGIN}@127.0.0.1:{server.port}",
        "mail_from": "link@example.com",
        "ca_file": tmp_path / "ca.pem",
        "scanner_keys": scanner.file,
    }
    async with opened(settings_for(tmp_path, dsn, sandbox.address, **given), clock) as house:
        yield house


@pytest.fixture
async def owned(house: House) -> Client:
    client, _ = await house.developers.clients.create("Larkspur Notes", contact_email="ops@app.example.com")
    return client
