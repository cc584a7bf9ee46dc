"""Checks the manifest: its own fields, and each read that it declares against the methods of the class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import get_args

from cobalt_link.conformance.lines import at_code, at_key
from cobalt_link.conformance.names import Names
from cobalt_link.conformance.report import Finding
from cobalt_link.connector.capabilities import FILTERS, Capability, mismatches, undeclared
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.declared import declared as declared_at_methods
from cobalt_link.connector.manifest import Manifest, fold
from cobalt_link.connector.topics import topics_of
from cobalt_link.connector.writing import undone

KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")
MARK_MOST = 2


def manifest_findings(connector: type[Connector], names: Names) -> Iterator[Finding]:
    """The manifest against the folder around it."""
    manifest, folder = connector.manifest, connector.folder
    unknown = _listed(set(manifest.steps) - names.steps.keys())
    unread = _listed(set(manifest.without) - set(topics_of(manifest.reads)))
    for field, broken, text in (
        ("key", manifest.key != folder.name,
         f"The key is {manifest.key!r}, and the folder is {folder.name!r}. Give both the same name."),
        ("key", not KEY.fullmatch(manifest.key),
         "The key must have 2 to 40 lower-case letters, digits, and underscores. It must start with a letter."),
        ("name", not manifest.name.strip(), "The name is empty. Write the name as users know it."),
        ("summary", not manifest.summary.strip(), "The summary is empty. Write the line below the name."),
        ("mark", not 0 < len(manifest.mark) <= MARK_MOST or not manifest.mark.isalnum(),
         "The mark must be one or two letters."),
        ("sign_in_version", manifest.sign_in_version < 1, "sign_in_version must be 1 or more."),
        ("reads", not manifest.reads, "reads is empty, so an app gets nothing. Declare what the connector reads."),
        ("without", bool(unread), f"No read returns anything on {unread}. Remove it from without."),
        ("test_logins", manifest.test_logins is not None and not manifest.test_only,
         "Only a connector that is test_only has logins to show. Remove them."),
        ("steps", bool(unknown), f"The sign-in does not have these steps: {unknown}. Remove them."),
    ):  # fmt: skip
        if broken:
            yield _finding(connector, "manifest", text, field)
    yield from _locale_findings(connector)


def _locale_findings(connector: type[Connector]) -> Iterator[Finding]:
    declared = connector.manifest.locales
    present = {path.stem for path in (connector.folder / "texts").glob("*.toml")}
    if "en" not in declared or len(set(declared)) < len(declared):
        text = "locales must name each language once, and must include English (en)."
        yield _finding(connector, "manifest", text, "locales")
    for locale in sorted(set(declared) - present):
        text = "The manifest declares this language, but the file is missing. Add the file."
        yield Finding("texts", f"texts/{locale}.toml:1", text)
    for locale in sorted(present - set(declared)):
        text = f"locales leaves out {locale!r}, but texts/{locale}.toml exists. Add it to locales."
        yield _finding(connector, "manifest", text, "locales")


def writes_findings(connector: type[Connector]) -> Iterator[Finding]:
    """Each declared write can be done, each that can be done is declared, and its functions can be called."""
    for text in undone(connector.manifest.writes, connector.writings):
        yield _finding(connector, "writes", text, "", "writes")


def reads_findings(connector: type[Connector]) -> Iterator[Finding]:
    """Each declared read has its method, each method is declared, and the API offers each declared filter."""
    declared = connector.manifest.reads
    for wrong, text in mismatches(connector, declared):
        yield _finding(connector, "reads", text, wrong, "reads")
    for method, missing in undeclared(connector, declared):
        text = f"`{method}` is never called. Declare {missing} under [reads], or remove the method."
        yield Finding("reads", at_code(getattr(connector, method)), text)
    for capability in get_args(Capability):
        filters = declared.get(capability, ())
        if unknown := set(filters) - FILTERS.get(capability, frozenset()):
            known = _listed(FILTERS.get(capability, ())) or "none"
            text = f"{capability} cannot be filtered by {_listed(unknown)}. Filters of {capability}: {known}."
            yield Finding("reads", _declared_at(connector, capability), text)
        if len(set(filters)) < len(filters):
            text = f"{capability} names a filter twice. Name each filter once."
            yield Finding("reads", _declared_at(connector, capability), text)


def _declared_at(connector: type[Connector], capability: str) -> str:
    at_method = capability in declared_at_methods(connector)
    return (
        at_code(getattr(connector, capability))
        if at_method
        else at_key(connector.folder / "manifest.toml", capability, "reads")
    )


def shared_names(manifests: Iterable[Manifest]) -> Iterator[tuple[str, Finding]]:
    """Names that two connectors share, each with the key of the second: `emr_name` could mean either."""
    owners: dict[str, str] = {}
    for manifest in manifests:
        for name in dict.fromkeys(map(fold, (manifest.key, manifest.name, *manifest.aliases))):
            if name in owners:
                text = f"{name!r} is also a name of the connector {owners[name]}. Remove it from one of them."
                yield manifest.key, Finding("manifest", "manifest.toml:1", text)
            owners.setdefault(name, manifest.key)


def _finding(connector: type[Connector], rule: str, text: str, field: str, table: str = "") -> Finding:
    return Finding(rule, at_key(connector.folder / "manifest.toml", field, table), text)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
