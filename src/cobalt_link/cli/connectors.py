"""`cobalt connectors`: list the EHRs that can be linked, and check connectors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from cobalt_link.cli.answers import say, table
from cobalt_link.cli.opening import HERE, Where

if TYPE_CHECKING:
    from cobalt_link.conformance.report import Report

app = App(name="connectors", help="The EHRs that can be linked: list, check.")

GIVEN = "COBALT_CHECK_"


@app.command(name="list")
def list_(*, where: Where = HERE) -> None:
    """List the EHRs that can be linked, by the names that emr_name may hold."""
    from cobalt_link.app import connector_classes

    found = [each.manifest for each in connector_classes().values()]
    rows = [(each.key, each.name, each.aliases, each.summary) for each in found]
    value = [
        {"key": each.key, "name": each.name, "aliases": each.aliases, "reads": sorted(each.reads)} for each in found
    ]
    say(where.json, {"connectors": value}, table(("key", "name", "also", "what it is"), rows))


@app.command
async def check(
    *names: Annotated[str, Parameter(help="Keys of connectors; none means all.")],
    address: Annotated[
        str | None,
        Parameter(help="A running EHR for the cases of one connector. COBALT_CHECK_<NAME> fills its {name}."),
    ] = None,
    where: Where = HERE,
) -> int:
    """Check connectors: manifest, texts, declared reads, the sign-in under forced replay, and leaked secrets."""
    from cobalt_link.cli.main import Failure
    from cobalt_link.conformance import check_connectors
    from cobalt_link.link.pages.texts import by_locale

    if address is not None and len(names) != 1:
        raise Failure("--address is one EHR's: name the one connector to check.", code="bad_usage", status=2)
    given = {name.removeprefix(GIVEN).lower(): value for name, value in os.environ.items() if name.startswith(GIVEN)}
    try:
        reports = await check_connectors(names, by_locale(), address=address, given=given)
    except KeyError as missing:
        text = f"No connector {missing} is installed. `cobalt connectors list` names those that are."
        raise Failure(text, code="unknown_connector") from None
    passed = all(each.passed for each in reports)
    lines = [line for each in reports for line in _lines(each)]
    say(where.json, {"passed": passed, "connectors": reports}, "\n".join(lines))
    return 0 if passed else 1


def _lines(report: Report) -> Iterator[str]:
    ran = f"{len(report.ran)} case{'' if len(report.ran) == 1 else 's'} run"
    yield f"{'ok  ' if report.passed else 'FAIL'}  {report.connector}: {ran}, {len(report.findings)} findings"
    yield from (f"      {each.rule}: {each.where}: {each.text}" for each in report.findings)
    yield from (f"      skipped: {each}" for each in report.skipped)
