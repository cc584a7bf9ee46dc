"""The house with an SMTP server, and a client whose owner has an address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

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


@pytest.fixture
async def house(
    server: MailServer, dsn: str, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> AsyncIterator[House]:
    """Our rooms with an SMTP server; no worker."""
    given = {
        "smtp_url": f"smtp://{URL_LOGIN}@127.0.0.1:{server.port}",
        "mail_from": "link@example.com",
        "ca_file": tmp_path / "ca.pem",
    }
    async with opened(settings_for(tmp_path, dsn, sandbox.address, **given), clock) as house:
        yield house


@pytest.fixture
async def owned(house: House) -> Client:
    client, _ = await house.developers.clients.create("Larkspur Notes", contact_email="ops@app.example.com")
    return client
