"""`cobalt clients`: the apps that may call, and their secrets, which are shown once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from cobalt_link.cli.output import fields, say, table
from cobalt_link.cli.main import Failure
from cobalt_link.cli.installation import HERE, OpenInstallation, Where, opened

if TYPE_CHECKING:
    from cobalt_link.developers.clients import Client

app = App(name="clients", help="Apps that may call: create, list, show, update, disable, rotate-secret.")

Name = Annotated[str, Parameter(help="The client's client_id or name.")]
Callbacks = Annotated[
    tuple[str, ...] | None,
    Parameter(name="--callback-url", help="Where users return to with their token; repeat for several."),
]
Origins = Annotated[
    tuple[str, ...] | None,
    Parameter(name="--origin", help="Origin of the pages that open Link, such as https://app.example.com; repeatable."),
]
Mark = Annotated[str | None, Parameter(help="One or two letters for the app on its pages, or none for its initials.")]
Accent = Annotated[str | None, Parameter(help="Color of the app's pages, such as '#0a7a5c', or none for ours.")]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.command
async def create(
    name: Annotated[str, Parameter(help="The app's name, as users read it when they link.")],
    /,
    *,
    callback_url: Callbacks = None,
    origin: Origins = None,
    test: Annotated[bool, Parameter(negative=(), help="A client that sees only the sandbox EHR.")] = False,
    where: Where = HERE,
) -> None:
    """Make a client; its client_secret is shown this once."""
    async with opened(where) as desk:
        client, secret = await desk.clients.create(
            name, test=test, callback_urls=callback_url or (), origins=origin or ()
        )
    shown = _shown(client) | {"client_secret": secret}
    text = fields([(key, shown[key]) for key in ("name", "client_id", "client_secret", "callback_urls", "origins")])
    say(where.json, shown, f"{text}\n\nThe client_secret is not shown again: keep it where your server reads secrets.")


@app.command(name="list")
async def list_(*, where: Where = HERE) -> None:
    """List all clients."""
    async with opened(where) as desk:
        found = await desk.clients.all()
    head = ("client_id", "name", "env", "created", "disabled")
    rows = [(each.client_id, each.name, each.env, each.created_at, each.disabled_at) for each in found]
    text = table(head, rows) if rows else "There are no clients yet. Make one: cobalt clients create NAME"
    say(where.json, {"clients": [_shown(each) for each in found]}, text)


@app.command
async def show(client: Name, /, *, where: Where = HERE) -> None:
    """Show a client and its live secrets by their last four signs."""
    async with opened(where) as desk:
        found = await desk.clients.find(client)
        await _tell(desk, where, found)


@app.command
async def update(
    client: Name,
    /,
    *,
    name: Annotated[str | None, Parameter(help="A new name.")] = None,
    callback_url: Callbacks = None,
    origin: Origins = None,
    mark: Mark = None,
    accent: Accent = None,
    where: Where = HERE,
) -> None:
    """Change name, callbacks, origins or look; a list that is given takes the place of the whole old one."""
    given = {"name": name, "callback_urls": callback_url, "origins": origin}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    look = {key: value for key, value in (("mark", mark), ("accent", accent)) if value is not None}
    if not changes and not look:
        raise Failure(
            "Nothing to change: give --name, --callback-url, --origin, --mark or --accent.", code="bad_usage", status=2
        )
    async with opened(where) as desk:
        found = await desk.clients.find(client)
        if look:
            look = found.branding | look
            changes["branding"] = {key: value for key, value in look.items() if value != "none"}
        await _tell(desk, where, await desk.clients.update(found, **changes))


@app.command
async def disable(client: Name, /, *, where: Where = HERE) -> None:
    """Refuse every call of a client from now on; `enable` takes it back."""
    async with opened(where) as desk:
        await _tell(desk, where, await desk.clients.disable(await desk.clients.find(client)))


@app.command
async def enable(client: Name, /, *, where: Where = HERE) -> None:
    """Let a disabled client call again."""
    async with opened(where) as desk:
        await _tell(desk, where, await desk.clients.enable(await desk.clients.find(client)))


@app.command
async def rotate_secret(
    client: Name,
    /,
    *,
    overlap: Annotated[str, Parameter(help="How long the secret before goes on, such as 30m, 24h or 7d.")] = "24h",
    now: Annotated[bool, Parameter(negative=(), help="End the secret before at once.")] = False,
    where: Where = HERE,
) -> None:
    """Make a new secret and let the one before go on for a while; any older one ends now."""
    lasting = timedelta() if now else _span(overlap)
    async with opened(where) as desk:
        found = await desk.clients.find(client)
        secret = await desk.clients.rotate_secret(found, lasting)
        live = await desk.clients.secrets(found)
    ends = next((each.expires_at for each in live if each.expires_at), None)
    value = {"client_id": found.client_id, "client_secret": secret, "former_secret_ends_at": ends}
    say(where.json, value, fields([*list(value.items())[:2], ("former secret ends", ends or "now")]))


async def _tell(desk: OpenInstallation, where: Where, client: Client) -> None:
    secrets = await desk.clients.secrets(client)
    shown = _shown(client) | {
        "secrets": [
            {"hint": each.hint, "created_at": each.created_at, "expires_at": each.expires_at} for each in secrets
        ]
    }
    lines = [
        f"…{each.hint}{f' until {each.expires_at:%Y-%m-%d %H:%M UTC}' if each.expires_at else ''}" for each in secrets
    ]
    say(where.json, shown, fields([*list(shown.items())[:-1], ("secrets", lines)]))


def _shown(client: Client) -> dict[str, Any]:
    keys = ("client_id", "name", "env", "callback_urls", "origins", "created_at", "disabled_at")
    look = {"mark": client.branding.get("mark"), "accent": client.branding.get("accent")}
    return {key: getattr(client, key) for key in keys} | look


def _span(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([smhd])", text)
    span = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None
    if span is None or span > timedelta(days=90):
        raise Failure(
            f"--overlap {text} is not understood: give 30m, 24h or 7d, at most 90d.", code="bad_usage", status=2
        )
    return span
