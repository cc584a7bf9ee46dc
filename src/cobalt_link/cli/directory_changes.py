"""`cobalt directory add`, `hide` and `pin`: what an operator changes in the directory by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import print_result, table

if TYPE_CHECKING:
    from cobalt_link.directory.entries import Entries

Name = Annotated[str, Parameter(help="The whole name of the organization, or the key that `search` shows.")]
VendorName = Annotated[str | None, Parameter(help="Only the entries of this vendor.")]


async def add(
    name: Annotated[str, Parameter(help="The organization's name, as users know it.")],
    /,
    *,
    address: Annotated[str, Parameter(help="The FHIR base URL, or the address of the EHR.")],
    vendor: Annotated[str, Parameter(help="The EHR vendor, such as Epic or GNU Health.")],
    city: Annotated[str, Parameter(help="Its city, which users may search for.")] = "",
    state: Annotated[str, Parameter(help="Its state, as two letters or by name.")] = "",
    zip_code: Annotated[str, Parameter(help="Its ZIP code.")] = "",
    also: Annotated[tuple[str, ...], Parameter(help="A nickname or an acronym. Repeat it for several.")] = (),
    options: CommonOptions = DEFAULTS,
) -> None:
    """Add an organization, or change the one of this name at this address."""
    from cobalt_link.directory.cleaning import cleaned, trusted
    from cobalt_link.directory.entry import Entry, Listed
    from cobalt_link.directory.room import directory
    from cobalt_link.kit.clock import SystemClock

    async with open_installation(options) as installation:
        private = installation.settings.allow_private_networks
        listed = Listed(
            name=name, address=address, vendor=vendor, city=city, state=state, postal_code=zip_code, aliases=also
        )
        entry = trusted(listed) if private else cleaned(listed)
        if not isinstance(entry, Entry):
            raise Failure(f"This organization cannot be added: {entry}. Check its name and address.", code="refused")
        await directory(installation.db, SystemClock(), installation.settings).put([entry])
    value = {"key": entry.key, "name": entry.name, "vendor": entry.vendor, "address": entry.address}
    print_result(options.json, value, f"Added {entry.name} ({entry.vendor}) at {entry.address}.")


async def hide(
    name: Name,
    /,
    *,
    vendor: VendorName = None,
    undo: Annotated[bool, Parameter(negative=(), help="Show it again.")] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Hide an organization from users, also when its list is imported again."""

    async def change(entries: Entries, keys: list[str]) -> None:
        await entries.hide(keys, not undo)

    await _change(name, vendor, options, change, "shown again" if undo else "hidden")


async def pin(
    name: Name,
    /,
    *,
    vendor: VendorName = None,
    undo: Annotated[bool, Parameter(negative=(), help="Rank it like the others again.")] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Show an organization before all others that fit what a user types."""

    async def change(entries: Entries, keys: list[str]) -> None:
        await entries.pin(keys, not undo)

    await _change(name, vendor, options, change, "ranked like the others" if undo else "pinned")


async def _change(name: str, vendor: str | None, options: CommonOptions, change: Any, done: str) -> None:
    from cobalt_link.directory.entries import Entries

    async with open_installation(options) as installation:
        entries = Entries(installation.db)
        rows = await entries.named(name, vendor)
        await change(entries, [row["key"] for row in rows])
    shown = [{key: row[key] for key in ("key", "name", "vendor", "address", "city", "state")} for row in rows]
    head = ("name", "vendor", "address", "state")
    text = table(head, [tuple(row[key] for key in head) for row in rows])
    print_result(options.json, {"entries": shown}, f"{text}\n\n{len(rows)} entries are {done}.")
