"""`cobalt doctor`: each line is ok, or says what is wrong and how to fix it. The exit code is 1 if a check fails."""

from __future__ import annotations

from cobalt_link.cli.check_address import check_address
from cobalt_link.cli.check_database import check_database, check_programs
from cobalt_link.cli.check_files import check_files
from cobalt_link.cli.diagnostics import Diagnostic, fail
from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.output import print_result
from cobalt_link.settings import Settings
from cobalt_link.store.binaries import find_binaries
from cobalt_link.store.database_address import open_database_address

LABELS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


async def doctor(*, options: CommonOptions = DEFAULTS) -> int:
    """Check master key, folders, database, clock, public address, proxy and host names."""
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
            return [*programs, *await check_database(dsn)]
    except Exception as error:
        return [
            fail("database", " ".join(str(error).split()), "follow the message; `cobalt config` shows the settings")
        ]


def _line(finding: Diagnostic) -> str:
    fix = f"\n      fix: {finding.fix}" if finding.fix else ""
    return f"{LABELS[finding.state]}  {finding.what}: {finding.text}{fix}"
