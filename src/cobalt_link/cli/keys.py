"""`cobalt keys`: the master keys that everything sealed depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import App

from cobalt_link.cli.output import say, table
from cobalt_link.cli.main import Failure
from cobalt_link.cli.installation import HERE, Where, opened
from cobalt_link.vault.master_key import open_keyring

if TYPE_CHECKING:
    from cobalt_link.settings import Settings

app = App(name="keys", help="The master keys: generate, list, rotate, rewrap.")


@app.command
def generate(*, where: Where = HERE) -> None:
    """Write a new master.key (only for you to read) into the data folder; never over an existing one."""
    from cobalt_link.vault import Keyring

    path = where.settings().master_key_path
    if path.exists():
        raise Failure(
            f"{path} exists and stays: without it nothing that it sealed opens again. To add a fresh key to it, run"
            " `cobalt keys rotate`.",
            code="key_exists",
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring = Keyring.generate()
    keyring.save(path)
    text = f"{path} is written. Copy it to a safe place, apart from the database's backups: nothing replaces it."
    say(where.json, {"path": str(path), "primary": keyring.primary}, text)


@app.command(name="list")
def list_(*, where: Where = HERE) -> None:
    """List the keys by id; the keys themselves are never shown."""
    settings = where.settings()
    keyring = open_keyring(settings)
    rows = [
        (key.id, _role(kind, key.id == keyring.primary, place), key.algorithm, key.created)
        for kind, keys in (("sealing", keyring.sealing.values()), ("hashing", keyring.hashing))
        for place, key in enumerate(keys)
    ]
    head = ("id", "role", "algorithm", "created")
    say(where.json, {"keys": [dict(zip(head, row, strict=True)) for row in rows]}, table(head, rows))


@app.command
async def rotate(*, where: Where = HERE) -> None:
    """Add a master key that seals from now on, then seal every account's key again under it.

    Running servers follow the changed file by themselves. Former keys stay in the file and still open what they sealed.
    """
    settings = where.settings()
    keyring = open_keyring(settings)
    _refuse_foreign(settings)
    keyring.rotate()
    keyring.save(settings.master_key_path)
    await rewrap(where=where)


@app.command
async def rewrap(*, where: Where = HERE) -> None:
    """Seal every account's key again under the current master key; goes on where an interrupted rotation stopped."""
    from cobalt_link.accounts.keys import DataKeys

    async with opened(where) as desk:
        count = await DataKeys(desk.db, desk.vault).rewrap_all()
        primary = desk.vault.primary
    text = f"The key {primary} seals from now on; {count} account keys were sealed again under it."
    say(where.json, {"primary": primary, "rewrapped": count}, text)


def _role(kind: str, primary: bool, place: int) -> str:
    if kind == "sealing":
        return "seals" if primary else "opens"
    return "hashes" if place == 0 else "finds"


def _refuse_foreign(settings: Settings) -> None:
    if settings.master_key:
        raise Failure(
            f"The master key comes from {settings.origins['master_key']}, which cannot be written here. Take it into a"
            f" file {settings.master_key_path} (mode 0600), rotate there, and put the new content back.",
            code="key_elsewhere",
        )
