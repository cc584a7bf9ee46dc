"""Checks connectors: their manifest and texts, the syntax tree of their sign-in, and their cases against an EHR."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cobalt_link.conformance.cases import Cases, Given, read_cases
from cobalt_link.conformance.imports import forbidden_imports
from cobalt_link.conformance.lines import at_key
from cobalt_link.conformance.manifests import manifest_findings, reads_findings, shared_names, writes_findings
from cobalt_link.conformance.names import names_in
from cobalt_link.conformance.report import Finding, Report
from cobalt_link.conformance.rules import SIGN_IN_RULES
from cobalt_link.conformance.scenarios import run_cases
from cobalt_link.conformance.texts import LinkTexts, text_findings
from cobalt_link.conformance.tree import Folder
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.installed import Installed, installed

NOTHING: Given = {}


async def check_connectors(
    names: Sequence[str],
    link_texts: LinkTexts,
    *,
    address: str | None = None,
    given: Given = NOTHING,
    wrong_passwords: bool = True,
) -> list[Report]:
    """Checks the installed connectors of these names, or all of them if there are no names. See `check`.

    Raises KeyError for a name that is not installed.
    """
    found = {each.name: each for each in installed()}
    wanted = [found[name] for name in names or found]
    return await check(wanted, link_texts, address=address, given=given, wrong_passwords=wrong_passwords)


async def check(
    found: Iterable[Installed],
    link_texts: LinkTexts,
    *,
    address: str | None = None,
    given: Given = NOTHING,
    wrong_passwords: bool = True,
) -> list[Report]:
    """Gives one report for each connector.

    link_texts: Link's own texts, by locale and key. address: a running EHR for the cases, used instead of the program
    that they start. given: values for the {names} in the cases, such as a login that the EHR knows.
    wrong_passwords: whether to run the cases that type wrong passwords or codes on purpose (see `wrong_tries`).
    """
    listed = list(found)
    shared = [*shared_names(each.connector.manifest for each in listed if each.connector)]
    reports = []
    for each in listed:
        report = await _check_one(each, link_texts, address, given, wrong_passwords)
        ours = tuple(finding for key, finding in shared if each.connector and key == each.connector.manifest.key)
        reports.append(msgspec.structs.replace(report, findings=(*report.findings, *ours)))
    return reports


async def _check_one(
    found: Installed, link_texts: LinkTexts, address: str | None, given: Given, wrong_passwords: bool
) -> Report:
    if found.connector is None:
        finding = Finding("manifest", f"{found.name} (entry point)", f"The connector cannot be loaded: {found.trouble}")
        return Report(connector=found.name, findings=(finding,))
    kind = found.connector
    folder = Folder(kind.folder)
    names = names_in(folder)
    findings = [*manifest_findings(kind, names), *reads_findings(kind), *writes_findings(kind), *names.unclear]
    if found.name != kind.manifest.key:
        findings.append(
            Finding(
                "manifest",
                at_key(kind.folder / "manifest.toml", "key"),
                f"The entry point is named {found.name!r}. Name it {kind.manifest.key!r}, as the key.",
            )
        )
    findings += forbidden_imports(folder, kind.__module__)
    findings += [finding for rule in SIGN_IN_RULES for finding in rule(folder)]
    cases, trouble = _cases(kind)
    if cases is None:
        return Report(connector=found.name, findings=(*findings, Finding("cases", "cases.toml:1", trouble)))
    run = await run_cases(kind, cases, names, address, given, wrong_passwords=wrong_passwords)
    findings += text_findings(kind, folder, names, run.seen, link_texts)
    if not run.ran and not run.stopped:
        text = f"No case ran, so nothing is proved. {'. '.join(run.skipped)}."
        run.findings.append(Finding("cases", "cases.toml:1", text))
    return Report(
        connector=found.name,
        findings=(*dict.fromkeys(findings), *run.findings),
        ran=tuple(run.ran),
        skipped=tuple(run.skipped),
    )


def _cases(kind: type[Connector]) -> tuple[Cases | None, str]:
    try:
        cases = read_cases(kind.folder)
    except (msgspec.ValidationError, ValueError) as error:
        return None, f"The file cannot be read: {error}"
    if cases is None or not cases.case:
        return None, "There are no cases. Write one for each way through the sign-in, with the answers that lead there."
    return cases, ""
