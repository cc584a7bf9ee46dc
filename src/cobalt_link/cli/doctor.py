"""`cobalt doctor`: each line is ok, or says what is wrong and how to fix it. The exit code is 1 if a check fails."""

from __future__ import annotations

from psycopg.errors import UndefinedTable

from cobalt_link.cli.check_address import check_address
from cobalt_link.cli.check_database import check_database, check_programs
from cobalt_link.cli.check_ehr_domains import check_ehr_domains
from cobalt_link.cli.check_files import check_files
from cobalt_link.cli.diagnostics import Diagnostic, fail, ok
from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.output import print_result
from cobalt_link.kit.private_files import NotPrivate
from cobalt_link.settings import Settings
from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.database import Database
from cobalt_link.store.database_address import open_database_address
from cobalt_link.vault import KeyringError
from cobalt_link.vault.master_key import open_vault

LABELS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


async def doctor(*, options: CommonOptions = DEFAULTS) -> int:
    """Check master key, folders, database, EHR domains, clock, public address, proxy and host names."""
    settings = options.settings()
    findings = [*check_files(settings), *await _database(settings), *await check_address(settings)]
    failed = any(each.state == "fail" for each in findings)
    print_result(
        options.json, {"healthy": not failed, "findings": findings}, "\n".join(_line(each) for each in findings)
    )
    return 1 if failed else 0


async def _database(settings: Settings) -> list[Diagnostic]:
    try:
        programs = [] if settings.database_url else [check_programs(find_binaries(settings.postgres_bin))]
        async with open_database_address(settings) as dsn:
            findings = [*programs, *await check_database(dsn)]
            if not any(each.state == "fail" for each in findings):
                findings += await _accounts(settings, dsn)
            return findings
    except Exception as error:
        return [
            fail("database", " ".join(str(error).split()), "follow the message; `cobalt config` shows the settings")
        ]


async def _accounts(settings: Settings, dsn: str) -> list[Diagnostic]:
    database = await Database.open(dsn, size=1)
    try:
        return [*await _keys(settings, database), *await check_ehr_domains(settings, database)]
    except UndefinedTable:
        return []  # nothing is migrated yet
    finally:
        await database.close()


async def _keys(settings: Settings, database: Database) -> list[Diagnostic]:
    """Whether the keyring is the database's own: both may be sound and not belong together."""
    from cobalt_link.store.data_keys import DataKeys

    try:
        missing = await DataKeys(database, open_vault(settings)).missing_master_keys()
    except (KeyringError, NotPrivate):
        return []  # the check of the files says why
    if not missing:
        return [ok("keys of accounts", "the master key opens them")]
    text = f"some are sealed with {', '.join(missing)}, which the keyring does not have"
    return [fail("keys of accounts", text, "restore the copy of master.key that belongs to this database")]


def _line(finding: Diagnostic) -> str:
    fix = f"\n      fix: {finding.fix}" if finding.fix else ""
    return f"{LABELS[finding.state]}  {finding.what}: {finding.text}{fix}"
