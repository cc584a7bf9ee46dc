"""`cobalt connectors`: list the EHRs that can be linked, and check connectors."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.output import print_result, table

if TYPE_CHECKING:
    from cobalt_link.conformance.report import Report
    from cobalt_link.connector import Connector

app = App(name="connectors", help="The EHRs that can be linked: list, check.")

GIVEN = "COBALT_CHECK_"


@app.command(name="list")
def list_(*, options: CommonOptions = DEFAULTS) -> None:
    """List the EHRs that can be linked, by the names that emr_name may hold."""
    from cobalt_link.app import connector_classes

    found = [each.manifest for each in connector_classes().values()]
    rows = [(each.key, each.name, each.aliases, each.summary) for each in found]
    value = [
        {"key": each.key, "name": each.name, "aliases": each.aliases, "reads": sorted(each.reads)} for each in found
    ]
    print_result(options.json, {"connectors": value}, table(("key", "name", "also", "what it is"), rows))


@app.command
async def check(
    *names: Annotated[str, Parameter(help="Keys of connectors; none means all.")],
    address: Annotated[
        str | None,
        Parameter(help="A running EHR for the cases of one connector. COBALT_CHECK_<NAME> fills its {name}."),
    ] = None,
    skip_wrong_passwords: Annotated[
        bool, Parameter(negative="", help="Skip the cases that type a wrong password or code on purpose.")
    ] = False,
    options: CommonOptions = DEFAULTS,
) -> int:
    """Check connectors: manifest, texts, declared reads, the sign-in under forced replay, and leaked secrets."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance import check_connectors
    from cobalt_link.link.pages.texts import by_locale

    if address is not None and len(names) != 1:
        raise Failure("--address is one EHR's: name the one connector to check.", code="bad_usage", status=2)
    given = {name.removeprefix(GIVEN).lower(): value for name, value in os.environ.items() if name.startswith(GIVEN)}
    if address is not None and not skip_wrong_passwords:
        _warn_of_lockouts(names[0], address, given)
    try:
        reports = await check_connectors(
            names, by_locale(), address=address, given=given, wrong_passwords=not skip_wrong_passwords
        )
    except KeyError as missing:
        raise _not_installed(str(missing.args[0])) from None
    passed = all(each.passed for each in reports)
    lines = [line for each in reports for line in _lines(each)]
    print_result(options.json, {"passed": passed, "connectors": reports}, "\n".join(lines))
    return 0 if passed else 1


def _warn_of_lockouts(name: str, address: str, given: dict[str, str]) -> None:
    """Says on stderr which logins the cases type wrong passwords for. A person at a terminal has to agree."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance.cases import read_cases
    from cobalt_link.conformance.lockouts import wrong_tries

    cases = read_cases(_class_of(name).folder)
    tries = wrong_tries(cases.case if cases else (), given)
    if not tries:
        return
    print(
        f"Warning: these cases type wrong passwords or codes at {address}, and it may lock the account:",
        file=sys.stderr,
    )
    for case, logins in tries.items():
        for login, count in logins.items():
            print(f"  {case}: {count} times for {login}", file=sys.stderr)
    print("Use a test account, or add --skip-wrong-passwords.", file=sys.stderr, flush=True)
    if sys.stdin.isatty() and input("Continue? [y/N] ").strip().lower() not in ("y", "yes"):
        raise Failure("Nothing was run.", code="not_confirmed")


def _class_of(name: str) -> type[Connector]:
    from cobalt_link.cli.main import Failure
    from cobalt_link.connector.installed import installed

    found = {each.name: each for each in installed()}.get(name)
    if found is None:
        raise _not_installed(name)
    if found.connector is None:
        raise Failure(f"The connector {name} cannot be loaded: {found.trouble}", code="connector_broken")
    return found.connector


def _not_installed(name: str) -> Exception:
    from cobalt_link.cli.main import Failure

    text = f"No connector {name!r} is installed. `cobalt connectors list` names those that are."
    return Failure(text, code="unknown_connector")


def _lines(report: Report) -> Iterator[str]:
    ran, findings = _counted(len(report.ran), "case"), _counted(len(report.findings), "finding")
    yield f"{'ok  ' if report.passed else 'FAIL'}  {report.connector}: {ran} run, {findings}"
    yield from (f"      {each.rule}: {each.where}: {each.text}" for each in report.findings)
    yield from (f"      skipped: {each}" for each in report.skipped)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
