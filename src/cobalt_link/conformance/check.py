"""Judges connectors: by their manifest and texts, by the syntax tree of their story, and by telling it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from cobalt_link.conformance.cases import Cases, Given, read_cases
from cobalt_link.conformance.imports import forbidden_imports
from cobalt_link.conformance.manifests import manifest_findings, reads_findings, shared_names
from cobalt_link.conformance.names import names_in
from cobalt_link.conformance.report import Finding, Verdict
from cobalt_link.conformance.rules import STORY_RULES
from cobalt_link.conformance.scenarios import rehearse
from cobalt_link.conformance.texts import House, text_findings
from cobalt_link.conformance.tree import Folder
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.installed import Installed, installed

NOTHING: Given = {}


async def check_connectors(
    names: Sequence[str], house: House, *, address: str | None = None, given: Given = NOTHING
) -> list[Verdict]:
    """Checks the installed connectors of these names, or all of them when there are none.

    Raises KeyError for a name that is not installed.
    """
    found = {each.name: each for each in installed()}
    return await judge([found[name] for name in names or found], house, address=address, given=given)


async def judge(
    found: Iterable[Installed], house: House, *, address: str | None = None, given: Given = NOTHING
) -> list[Verdict]:
    """One verdict for each.

    house: what Link itself can say, by locale and key. address: an EHR to tell the cases against, instead of the one
    that they start. given: values for the {names} in the cases, such as a login that the EHR knows.
    """
    listed = list(found)
    shared = [*shared_names(each.connector.manifest for each in listed if each.connector)]
    verdicts = []
    for each in listed:
        verdict = await _judged(each, house, address, given)
        ours = tuple(finding for key, finding in shared if each.connector and key == each.connector.manifest.key)
        verdicts.append(msgspec.structs.replace(verdict, findings=(*verdict.findings, *ours)))
    return verdicts


async def _judged(found: Installed, house: House, address: str | None, given: Given) -> Verdict:
    if found.connector is None:
        finding = Finding("manifest", found.name, f"It cannot be loaded: {found.trouble}")
        return Verdict(connector=found.name, findings=(finding,))
    kind = found.connector
    folder = Folder(kind.folder)
    names = names_in(folder)
    findings = [*manifest_findings(kind, names), *reads_findings(kind), *names.unclear]
    if found.name != kind.manifest.key:
        findings.append(
            Finding("manifest", "manifest.toml", f"the entry point is {found.name!r}: give it the key's name.")
        )
    findings += forbidden_imports(folder, kind.__module__)
    findings += [finding for rule in STORY_RULES for finding in rule(folder)]
    cases, trouble = _cases(kind)
    if cases is None:
        return Verdict(connector=found.name, findings=(*findings, Finding("cases", "cases.toml", trouble)))
    run = await rehearse(kind, cases, names, address, given)
    findings += text_findings(kind, folder, names, run.seen, house)
    return Verdict(
        connector=found.name,
        findings=(*dict.fromkeys(findings), *run.findings),
        told=tuple(run.told),
        skipped=tuple(run.skipped),
    )


def _cases(kind: type[Connector]) -> tuple[Cases | None, str]:
    try:
        cases = read_cases(kind.folder)
    except (msgspec.ValidationError, ValueError) as error:
        return None, f"It cannot be read: {error}"
    if cases is None or not cases.case:
        return None, "There is none. Write down each way through the sign-in, with the answers that lead there."
    return cases, ""
