"""The doctor's check of the files: the master key, and that no other user can open the folders."""

from __future__ import annotations

import stat
from pathlib import Path

from cobalt_link.cli.diagnostics import Diagnostic, fail, ok, warn
from cobalt_link.kit.private_files import NotPrivate
from cobalt_link.settings import Settings
from cobalt_link.vault import KeyringError
from cobalt_link.vault.master_key import check_data_folder, open_keyring


def check_files(settings: Settings) -> list[Diagnostic]:
    return [_key(settings), *_folders(settings), *_secrets(settings)]


def _key(settings: Settings) -> Diagnostic:
    try:
        keyring = open_keyring(settings)
    except NotPrivate:
        return fail("master key", f"not read, because of {settings.data}", "see the data folder")
    except KeyringError as problem:
        return fail("master key", str(problem), "run `cobalt keys generate`, or restore the copy of the key")
    origin = settings.origins["master_key"] if settings.master_key else settings.master_key_path
    return ok("master key", f"{origin}, sealing with {keyring.primary}")


def _folders(settings: Settings) -> list[Diagnostic]:
    """The data folder, and every folder inside it that other users could open."""
    if not settings.data.is_dir():
        return [warn("data folder", f"{settings.data} does not exist yet", "run `cobalt keys generate` to create it")]
    try:
        check_data_folder(settings)
    except NotPrivate as problem:
        return [fail("data folder", str(problem), "follow the message, then look who changed it")]
    inside = [each for each in sorted(settings.data.iterdir()) if each.is_dir() and not each.is_symlink()]
    open_ones = [each for each in inside if _others(each)]
    if open_ones:
        names = " ".join(str(each) for each in open_ones)
        return [fail("data folder", f"other users can open {names}", f"chmod 700 {names}")]
    return [ok("data folder", f"{settings.data}; other users cannot open its folders")]


def _secrets(settings: Settings) -> list[Diagnostic]:
    file = settings.data / "cobalt.toml"
    if file.is_file() and _others(file) and any(settings.origins[name] == str(file) for name in ("database_url",)):
        return [
            warn("cobalt.toml", f"other users can read the password of the database in {file}", f"chmod 600 {file}")
        ]
    return []


def _others(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
