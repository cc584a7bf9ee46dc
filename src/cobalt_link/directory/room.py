"""Opens the room of the directory: organizations that users can find, by type-ahead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cobalt_link.directory.aliases import Aliases
from cobalt_link.directory.directory import Directory
from cobalt_link.directory.entries import Entries
from cobalt_link.directory.importing import Importer
from cobalt_link.directory.index_files import IndexFiles
from cobalt_link.directory.reading.limits import MOST_BYTES
from cobalt_link.directory.sources import Sources
from cobalt_link.directory.uses import Uses
from cobalt_link.kit.clock import Clock, SystemClock
from cobalt_link.net.http import Http, system_trust
from cobalt_link.room import Chore, Deps, Room
from cobalt_link.settings import Settings
from cobalt_link.store.database import Database

DOWNLOAD_SECONDS = 600.0
REFRESH_SECONDS = 5.0


class DirectoryRoom(Room, frozen=True, kw_only=True):
    directory: Directory


def open(deps: Deps) -> DirectoryRoom:  # noqa: A001 - every room opens by this name
    found = directory(deps.db, deps.clock, deps.settings)
    return DirectoryRoom(
        chores=(Chore("directory index", REFRESH_SECONDS, found.refresh),),
        directory=found,
    )


def directory(db: Database, clock: Clock, settings: Settings) -> Directory:
    """The directory of an installation. The files of its index are in the data folder."""
    return Directory(Entries(db), Aliases(db), Uses(db, clock), IndexFiles(settings.data / "directory"))


def importer(db: Database, settings: Settings) -> tuple[Importer, Callable[[], Awaitable[None]]]:
    """What imports lists, and how to close it."""
    http = Http(
        allow_private=settings.allow_private_networks,
        timeout=DOWNLOAD_SECONDS,
        max_body=MOST_BYTES,
        proxy=settings.outbound_proxy,
        tls=system_trust(settings.ca_file),
    )
    return Importer(Entries(db), Sources(db, SystemClock()), http), http.close
