"""`cobalt keys`: the master keys, without which nothing that was sealed can be opened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import print_result, table
from cobalt_link.vault.master_key import check_data_folder, open_keyring

if TYPE_CHECKING:
    from cobalt_link.settings import Settings
    from cobalt_link.vault import Keyring

app = App(name="keys", help="The master keys: generate, list, rotate, rewrap, add, promote, retire.")

KID = "The id of the key, as `cobalt keys list` shows it."
WAIT = timedelta(days=8)  # a link token may live 7 days, and a retried exchange is answered for one more


@app.command
def generate(*, options: CommonOptions = DEFAULTS) -> None:
    """Write a new master.key into the data folder. Only you can read it. An existing one is never replaced."""
    from cobalt_link.vault import Keyring

    settings = options.settings()
    check_data_folder(settings)
    path = settings.master_key_path
    if path.exists():
        raise Failure(
            f"{path} already exists, and without it, sealed data is lost. To add a new key to it, run"
            " `cobalt keys rotate`.",
            code="key_exists",
        )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    keyring = Keyring.generate()
    keyring.save(path)
    text = f"Wrote {path}. Copy it to a safe place, apart from the backups of the database. It cannot be recreated."
    print_result(options.json, {"path": str(path), "primary": keyring.primary}, text)


@app.command(name="list")
def list_(*, options: CommonOptions = DEFAULTS) -> None:
    """List the keys by their ids. The keys themselves are never shown."""
    settings = options.settings()
    keyring = open_keyring(settings)
    rows = [
        (key.id, _role(kind, key.id == keyring.primary, place), key.algorithm, key.created)
        for kind, keys in (("sealing", keyring.sealing.values()), ("hashing", keyring.hashing))
        for place, key in enumerate(keys)
    ]
    head = ("id", "role", "algorithm", "created")
    print_result(options.json, {"keys": [dict(zip(head, row, strict=True)) for row in rows]}, table(head, rows))


@app.command
async def rotate(*, options: CommonOptions = DEFAULTS) -> None:
    """Add a master key that seals from now on, then seal the key of every account again with it.

    Running servers load the changed file by themselves. Former keys stay in the file and still open what they sealed.
    """
    settings = options.settings()
    keyring = open_keyring(settings)
    _require_key_file(settings)
    keyring.rotate()
    keyring.save(settings.master_key_path)
    await rewrap(options=options)


@app.command
async def rewrap(*, options: CommonOptions = DEFAULTS) -> None:
    """Seal the key of every account again with the current master key. Continues an interrupted rotation."""
    from cobalt_link.store.data_keys import DataKeys

    async with open_installation(options) as installation:
        count = await DataKeys(installation.db, installation.vault).rewrap_all()
        primary = installation.vault.primary
    text = f"The key {primary} seals from now on. {count} account keys were sealed again with it."
    print_result(options.json, {"primary": primary, "rewrapped": count}, text)


@app.command
def add(
    *,
    hashing: Annotated[bool, Parameter(negative="", help="Add a hash key, which finds tokens and secrets.")] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Add a key that only opens, or only finds. Copy the file to every machine, then promote the key there."""
    kid = _change(options, lambda keyring: keyring.add_hash_key() if hashing else keyring.add())
    text = f"Added {kid}. Copy master.key to every machine, then run `cobalt keys promote {kid}` on one and copy again."
    print_result(options.json, {"added": kid}, text)


@app.command
def promote(kid: Annotated[str, Parameter(help=KID)], *, options: CommonOptions = DEFAULTS) -> None:
    """Seal with this key from now on, or hash with it. Every machine has to have it already."""
    _change(options, lambda keyring: keyring.promote(kid))
    if kid == open_keyring(options.settings()).primary:
        text = f"{kid} seals from now on. Copy master.key to every machine, then run `cobalt keys rewrap`."
        print_result(options.json, {"primary": kid}, text)
    else:
        text = f"{kid} hashes new tokens from now on. Older hash keys stay and find the others. Copy master.key."
        print_result(options.json, {"hashing": kid}, text)


@app.command
async def retire(
    kid: Annotated[str, Parameter(help=KID)],
    *,
    now: Annotated[
        bool, Parameter(negative="", help="Do not wait. Open links and retried exchanges may fail.")
    ] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Remove a former key, once nothing needs it any more. Refuses while an account's key is sealed with it."""
    from cobalt_link.store.data_keys import DataKeys

    async with open_installation(options) as installation:
        left = (await DataKeys(installation.db, installation.vault).by_master_key()).get(kid, 0)
    if left:
        raise Failure(
            f"{left} account keys are still sealed with {kid}. Run `cobalt keys rewrap` first.", code="in_use"
        )
    keyring = open_keyring(options.settings())
    since = date.fromisoformat(keyring.sealing[keyring.primary].created)
    if not now and (ready := since + WAIT) > datetime.now(UTC).date():
        raise Failure(
            f"Link tokens and exchanges from before the rotation may still need {kid}. Retire it on {ready} or later,"
            " or use --now after a leak.",
            code="in_use",
        )
    _change(options, lambda keyring: keyring.retire(kid))
    text = f"Removed {kid}. Backups made before the rotation need it: keep the former file as long as them."
    print_result(options.json, {"retired": kid}, text)


def _change(options: CommonOptions, change: Callable[[Keyring], str | None]) -> str:
    """Changes the key file. Returns what the change returns."""
    settings = options.settings()
    keyring = open_keyring(settings)
    _require_key_file(settings)
    result = change(keyring)
    keyring.save(settings.master_key_path)
    return result or ""


def _role(kind: str, primary: bool, place: int) -> str:
    if kind == "sealing":
        return "seals" if primary else "opens"
    return "hashes" if place == 0 else "finds"


def _require_key_file(settings: Settings) -> None:
    if settings.master_key:
        raise Failure(
            f"The master key comes from {settings.origins['master_key']}, which this command cannot change. Copy it to"
            f" {settings.master_key_path} (mode 0600), unset {settings.origins['master_key']}, rotate, and put the new"
            " content back.",
            code="key_elsewhere",
        )
