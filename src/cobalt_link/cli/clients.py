"""`cobalt clients`: the apps that may call the API, and their secrets, which are shown once."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, Installation, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import fields, print_result, table

if TYPE_CHECKING:
    from cobalt_link.developers.clients import Client

app = App(name="clients", help="The apps that may call the API: create, list, show, update, disable, rotate-secret.")

Name = Annotated[str, Parameter(help="The client's client_id or name.")]
Callbacks = Annotated[
    tuple[str, ...] | None,
    Parameter(name="--callback-url", help="Address that users return to with their token. Repeat it for several."),
]
Origins = Annotated[
    tuple[str, ...] | None,
    Parameter(
        name="--origin", help="Origin of pages that open Link, such as https://app.example.com. Repeat it for several."
    ),
]
Mark = Annotated[
    str | None, Parameter(help="One or two letters that stand for the app on its pages. `none` means its initials.")
]
Accent = Annotated[str | None, Parameter(help="Color of the app's pages, such as '#0a7a5c'. `none` means the default.")]
Contact = Annotated[
    str | None,
    Parameter(
        name="--contact", help="E-mail address of the app's owner, for what no webhook can tell. `none` removes it."
    ),
]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.command
async def create(
    name: Annotated[str, Parameter(help="The name of the app, as users see it when they link.")],
    /,
    *,
    callback_url: Callbacks = None,
    origin: Origins = None,
    contact: Contact = None,
    test: Annotated[bool, Parameter(negative=(), help="A client that sees only the sandbox EHR.")] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Create a client. Its client_secret is shown only now."""
    async with open_installation(options) as installation:
        client, secret = await installation.clients.create(
            name,
            test=test,
            callback_urls=callback_url or (),
            origins=origin or (),
            contact_email=_named(contact),
        )
    shown = _as_dict(client) | {"client_secret": secret}
    text = fields([(key, shown[key]) for key in ("name", "client_id", "client_secret", "callback_urls", "origins")])
    print_result(
        options.json, shown, f"{text}\n\nThe client_secret is not shown again. Store it as a secret of your server."
    )


@app.command(name="list")
async def list_(*, options: CommonOptions = DEFAULTS) -> None:
    """List all clients."""
    async with open_installation(options) as installation:
        found = await installation.clients.all()
    head = ("client_id", "name", "env", "created", "disabled")
    rows = [(each.client_id, each.name, each.env, each.created_at, each.disabled_at) for each in found]
    text = table(head, rows) if rows else "There are no clients yet. Create one: cobalt clients create NAME"
    print_result(options.json, {"clients": [_as_dict(each) for each in found]}, text)


@app.command
async def show(client: Name, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Show a client and its secrets by their last four characters."""
    async with open_installation(options) as installation:
        found = await installation.clients.find(client)
        await _print_details(installation, options, found)


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
    contact: Contact = None,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Change the name, addresses, look or contact of a client. A list replaces the whole former list."""
    given = {"name": name, "callback_urls": callback_url, "origins": origin}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if contact is not None:
        changes["contact_email"] = _named(contact)
    look = {key: value for key, value in (("mark", mark), ("accent", accent)) if value is not None}
    if not changes and not look:
        raise Failure(
            "There is nothing to change. Add --name, --callback-url, --origin, --mark, --accent or --contact.",
            code="bad_usage",
            status=2,
        )
    async with open_installation(options) as installation:
        found = await installation.clients.find(client)
        if look:
            look = found.branding | look
            changes["branding"] = {key: value for key, value in look.items() if value != "none"}
        await _print_details(installation, options, await installation.clients.update(found, **changes))


@app.command
async def disable(client: Name, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Refuse every call of a client from now on. `enable` undoes it."""
    async with open_installation(options) as installation:
        await _print_details(
            installation, options, await installation.clients.disable(await installation.clients.find(client))
        )


@app.command
async def enable(client: Name, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Allow a disabled client to call again."""
    async with open_installation(options) as installation:
        await _print_details(
            installation, options, await installation.clients.enable(await installation.clients.find(client))
        )


@app.command
async def rotate_secret(
    client: Name,
    /,
    *,
    overlap: Annotated[str, Parameter(help="How long the former secret still works, such as 30m, 24h or 7d.")] = "24h",
    now: Annotated[bool, Parameter(negative=(), help="End the former secret at once.")] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Create a new secret. The former one still works for a while, and older ones end now."""
    lasting = timedelta() if now else _duration(overlap)
    async with open_installation(options) as installation:
        found = await installation.clients.find(client)
        secret = await installation.clients.rotate_secret(found, lasting)
        live = await installation.clients.secrets(found)
    ends = next((each.expires_at for each in live if each.expires_at), None)
    value = {"client_id": found.client_id, "client_secret": secret, "former_secret_ends_at": ends}
    print_result(options.json, value, fields([*list(value.items())[:2], ("former secret ends", ends or "now")]))


async def _print_details(installation: Installation, options: CommonOptions, client: Client) -> None:
    secrets = await installation.clients.secrets(client)
    shown = _as_dict(client) | {
        "secrets": [
            {"hint": each.hint, "created_at": each.created_at, "expires_at": each.expires_at} for each in secrets
        ]
    }
    lines = [
        f"…{each.hint}{f' until {each.expires_at:%Y-%m-%d %H:%M UTC}' if each.expires_at else ''}" for each in secrets
    ]
    print_result(options.json, shown, fields([*list(shown.items())[:-1], ("secrets", lines)]))


def _as_dict(client: Client) -> dict[str, Any]:
    keys = ("client_id", "name", "env", "callback_urls", "origins", "contact_email", "created_at", "disabled_at")
    look = {"mark": client.branding.get("mark"), "accent": client.branding.get("accent")}
    return {key: getattr(client, key) for key in keys} | look


def _named(contact: str | None) -> str | None:
    return None if contact == "none" else contact


def _duration(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,4})([smhd])", text)
    span = timedelta(**{UNITS[match[2]]: int(match[1])}) if match else None
    if span is None or span > timedelta(days=90):
        raise Failure(
            f"--overlap cannot be {text}. Use a value such as 30m, 24h or 7d, at most 90d.", code="bad_usage", status=2
        )
    return span
