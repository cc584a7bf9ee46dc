from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cobalt_link.kit.clock import MovedClock
from cobalt_link.net.http import Http
from cobalt_link.oauth.registration import AuthMethod
from cobalt_link.registrations.registration import Registration, Urls
from cobalt_link.registrations.registrations import RegistrationChange, Registrations
from cobalt_link.store.database import Database
from cobalt_link.vault import Keyring, Vault

ISSUER = "https://ehr.example/fhir/r4"


@pytest.fixture
def vault() -> Vault:
    return Vault(Keyring.generate())


@pytest.fixture
def known(db: Database, vault: Vault, clock: MovedClock) -> Registrations:
    return Registrations(db, vault, clock, Urls("https://link.example"))


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    client = Http(allow_private=True)
    yield client
    await client.close()


async def add(
    known: Registrations, name: str = "northlake", method: AuthMethod = "private_key_jwt", address: str = ISSUER,
    **more: str,
) -> Registration:  # fmt: skip
    """A registration with the client id c-1; one with keys signs with the quickest algorithm."""
    change = RegistrationChange(
        client_id=more.pop("client_id", "c-1"), algorithm="ES384", secret=more.pop("secret", None)
    )
    return await known.add(name, more.pop("vendor", "other"), method, address, change)


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "client-secret"
    file.write_text(text)
    file.chmod(mode)
    return file
