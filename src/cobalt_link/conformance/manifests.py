"""Is the manifest true: its own fields, and each read that it declares against the methods of the class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import get_args

from cobalt_link.conformance.names import Names
from cobalt_link.conformance.report import Finding
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.manifest import Capability, Manifest, fold
from cobalt_link.connector.models import AppointmentQuery, PatientQuery

KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")
MARK_MOST = 2
# What the records room calls a filter, by the query that carries it; `mode` goes by the contract's name there.
FILTERS: dict[str, frozenset[str]] = {
    "appointments": frozenset({"appointment_mode", *AppointmentQuery.__struct_fields__} - {"start", "end", "mode"}),
    "patients": frozenset(PatientQuery.__struct_fields__) - {"offset", "limit"},
}
METHODS = {"appointments": ("appointments", "appointment")}


def manifest_findings(connector: type[Connector], names: Names) -> Iterator[Finding]:
    """What the manifest says of itself and of the folder around it."""
    manifest, folder = connector.manifest, connector.folder
    for broken, text in (
        (manifest.key != folder.name, f"key is {manifest.key!r}, and the folder {folder.name!r}: make them one."),
        (not KEY.fullmatch(manifest.key), "key has lower-case letters, digits and _, and begins with a letter."),
        (not manifest.name.strip() or not manifest.summary.strip(), "people see name and summary: fill them in."),
        (not 0 < len(manifest.mark) <= MARK_MOST or not manifest.mark.isalnum(), "mark is one or two letters."),
        (manifest.sign_in_version < 1, "sign_in_version counts from 1."),
        (len(set(manifest.sees)) + len(set(manifest.does)) < len(manifest.sees) + len(manifest.does),
         "sees and does name each key once."),
        (not manifest.sees and not manifest.does, "sees or does is empty: the consent pane would promise nothing."),
        (bool(set(manifest.steps) - names.steps),
         f"steps names steps that the story has not: {_listed(set(manifest.steps) - names.steps)}."),
    ):  # fmt: skip
        if broken:
            yield Finding("manifest", "manifest.toml", text)
    yield from _locale_findings(connector)


def _locale_findings(connector: type[Connector]) -> Iterator[Finding]:
    declared = connector.manifest.locales
    present = {path.stem for path in (connector.folder / "texts").glob("*.toml")}
    if "en" not in declared or len(set(declared)) < len(declared):
        yield Finding("manifest", "manifest.toml", "locales name each language once, English (en) among them.")
    for locale in sorted(set(declared) - present):
        yield Finding("texts", f"texts/{locale}.toml", "This file is missing, and locales declares it.")
    for locale in sorted(present - set(declared)):
        yield Finding("manifest", "manifest.toml", f"locales leaves out {locale!r}, and texts/{locale}.toml is there.")


def reads_findings(connector: type[Connector]) -> Iterator[Finding]:
    """Each declared read is there, none is there undeclared, each filter is one that somebody can ask for."""
    declared = connector.manifest.reads
    for capability in get_args(Capability):
        for method in METHODS.get(capability, (capability,)):
            overridden = getattr(connector, method) is not getattr(Connector, method)
            if capability in declared and not overridden:
                yield _read(f"[reads] declares {capability}, and the class has no `{method}` of its own. Write it.")
            if capability not in declared and overridden:
                yield _read(f"`{method}` is never called: declare {capability} under [reads], or leave the method out.")
        filters = declared.get(capability, ())
        if unknown := set(filters) - FILTERS.get(capability, frozenset()):
            known = _listed(FILTERS.get(capability, ())) or "none"
            yield _read(f"{capability} cannot be filtered by {_listed(unknown)}. Filters of {capability}: {known}.")
        if len(set(filters)) < len(filters):
            yield _read(f"{capability} names a filter twice.")


def shared_names(manifests: Iterable[Manifest]) -> Iterator[tuple[str, Finding]]:
    """Two connectors that answer to one name, each with its key: `emr_name` could mean either."""
    owners: dict[str, str] = {}
    for manifest in manifests:
        for name in dict.fromkeys(map(fold, (manifest.key, manifest.name, *manifest.aliases))):
            if name in owners:
                text = f"{name!r} is also a name of the connector {owners[name]}. Leave it to one of them."
                yield manifest.key, Finding("manifest", "manifest.toml", text)
            owners.setdefault(name, manifest.key)


def _read(text: str) -> Finding:
    return Finding("reads", "manifest.toml", text)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
