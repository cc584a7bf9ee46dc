"""`cobalt connectors`: list the EHRs that can be linked, and create, check, and try connectors."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions
from cobalt_link.cli.output import print_result, table

if TYPE_CHECKING:
    from cobalt_link.conformance.report import Report
    from cobalt_link.connector import Connector
    from cobalt_link.connector.installed import Installed

app = App(name="connectors", help="The EHRs that can be linked: list, new, check, try.")

GIVEN = "COBALT_CHECK_"
Folder = Annotated[Path | None, Parameter(help="Where the connector's package is, if it is not installed.")]


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
def new(
    name: Annotated[str, Parameter(help="The connector's key, such as larkspur.")],
    *,
    kind: Annotated[
        Literal["json", "smart", "browser"], Parameter(help="json: an API of the EHR's own. The others come later.")
    ] = "json",
    folder: Annotated[Path, Parameter(help="Where to create the package.")] = Path(),
    options: CommonOptions = DEFAULTS,
) -> None:
    """Create a connector: a package that passes the check with a small EHR of its own, to be changed from there."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance.new import CannotCreate, create

    try:
        created = create(folder, name, kind)
    except CannotCreate as error:
        raise Failure(str(error), code="cannot_create") from None
    text = (
        f"Created {created}. Check it:\n\n"
        f"    cobalt connectors check {name} --folder {created}\n\n"
        f"Then read {created / 'README.md'}."
    )
    print_result(options.json, {"created": created.as_posix()}, text)


@app.command
async def check(
    *names: Annotated[str, Parameter(help="Keys of connectors; none means all.")],
    address: Annotated[
        str | None,
        Parameter(help="A running EHR for the cases of one connector. COBALT_CHECK_<NAME> fills its {name}."),
    ] = None,
    folder: Folder = None,
    skip_wrong_passwords: Annotated[
        bool, Parameter(negative="", help="Skip the cases that type a wrong password or code on purpose.")
    ] = False,
    options: CommonOptions = DEFAULTS,
) -> int:
    """Check connectors: manifest, texts, declared reads, the sign-in under forced replay, and leaked secrets."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance import check as check_all
    from cobalt_link.link.pages.texts import by_locale

    for option, value in (("--address", address), ("--folder", folder)):
        if value is not None and len(names) != 1:
            raise Failure(f"{option} is for one connector: name the one connector.", code="bad_usage", status=2)
    given = {name.removeprefix(GIVEN).lower(): value for name, value in os.environ.items() if name.startswith(GIVEN)}
    found = [_found(name, folder) for name in names or _all_names()]
    if address is not None and not skip_wrong_passwords:
        _warn_of_lockouts(_loaded(found[0]), address, given)
    reports = await check_all(
        found, by_locale(), address=address, given=given, wrong_passwords=not skip_wrong_passwords
    )
    passed = all(each.passed for each in reports)
    lines = [line for each in reports for line in _lines(each)]
    print_result(options.json, {"passed": passed, "connectors": reports}, "\n".join(lines))
    return 0 if passed else 1


@app.command(name="try")
async def try_(
    name: Annotated[str, Parameter(help="The connector's key.")],
    *,
    address: Annotated[str, Parameter(help="The EHR's address.")],
    answers: Annotated[
        Path | None, Parameter(help="A TOML file with the answers, for tests: steps as in a case.")
    ] = None,
    folder: Folder = None,
    options: CommonOptions = DEFAULTS,
) -> int:
    """Sign in at an EHR from the terminal, and print each pane and what the connector reads. Shows real patients."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance.cases import CaseBroken
    from cobalt_link.conformance.trial import Prompts, read_answers, try_connector
    from cobalt_link.connector import HttpError, Refusal
    from cobalt_link.connector.manifest import read_texts
    from cobalt_link.kit.logs import configure_logging
    from cobalt_link.link.pages.texts import by_locale

    kind = _loaded(_found(name, folder))
    configure_logging(json=False)  # to stderr: the log says where a step broke
    # With --json, stdout is for the records alone.
    prompts = Prompts(lambda text: print(text, file=sys.stderr if options.json else sys.stdout), _line, getpass.getpass)
    known = {**by_locale()["en"], **read_texts(kind.folder, "en")}
    all_records = []
    try:
        steps = read_answers(answers) if answers else None
    except (OSError, ValueError) as error:
        raise Failure(f"{answers} cannot be read: {error}", code="bad_answers") from None
    try:
        async for records in try_connector(kind, address, steps, prompts, known):
            all_records.append(records)
            if not options.json:
                print(f"\n{records.capability}: {records.error or _counted(len(records.rows), 'record')}")
                print(table(records.head, records.rows) if records.rows else "", flush=True)
    except (Refusal, HttpError) as no:
        text = f"The sign-in ended in {getattr(no, 'code', no)} {getattr(no, 'details', '') or ''}".strip()
        raise Failure(f"{text}.", code="refused") from None
    except CaseBroken as broken:
        raise Failure(f"The answers do not fit: {broken}.", code="answers_do_not_fit") from None
    except EOFError:
        raise Failure("The input ended before the sign-in did.", code="refused") from None
    if options.json:
        print_result(
            True,
            {each.capability: [dict(zip(each.head, row, strict=True)) for row in each.rows] for each in all_records},
            "",
        )
    return 1 if any(each.error for each in all_records) else 0


def _line(prompt: str) -> str:
    # The prompt goes to stderr, so that stdout can be kept in a file.
    print(prompt, end="", file=sys.stderr, flush=True)
    return input().strip()


def _warn_of_lockouts(kind: type[Connector], address: str, given: dict[str, str]) -> None:
    """Says on stderr which logins the cases type wrong passwords for. A person at a terminal has to agree."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance.cases import read_cases
    from cobalt_link.conformance.lockouts import wrong_tries

    cases = read_cases(kind.folder)
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


def _all_names() -> list[str]:
    from cobalt_link.connector.installed import installed

    return [each.name for each in installed()]


def _found(name: str, folder: Path | None) -> Installed:
    """The connector of this name, from the folder or from what is installed."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance.folder import connector_in
    from cobalt_link.connector.installed import installed

    if folder is not None:
        return connector_in(folder.absolute(), name)
    found = {each.name: each for each in installed()}.get(name)
    if found is None:
        text = f"No connector {name!r} is installed. `cobalt connectors list` names those that are."
        raise Failure(text, code="unknown_connector")
    return found


def _loaded(found: Installed) -> type[Connector]:
    from cobalt_link.cli.main import Failure

    if found.connector is None:
        raise Failure(f"The connector {found.name} cannot be loaded: {found.trouble}", code="connector_broken")
    return found.connector


def _lines(report: Report) -> Iterator[str]:
    ran, findings = _counted(len(report.ran), "case"), _counted(len(report.findings), "finding")
    yield f"{'ok  ' if report.passed else 'FAIL'}  {report.connector}: {ran} run, {findings}"
    yield from (f"      {each.rule}: {each.where}: {each.text}" for each in report.findings)
    yield from (f"      skipped: {each}" for each in report.skipped)


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
