"""A connector's words: every name that its story gives has a text in each language, and no text is left over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from cobalt_link.conformance.names import Names, said
from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import Folder
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.manifest import read_texts
from cobalt_link.connector.refusals import catalogue

Texts = Mapping[str, str]
House = Mapping[str, Texts]
Wanted = list[tuple[tuple[str, ...], str]]

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Known to every page of a link session; what a text of ours may hold besides, the same text of a connector may, too.
EVERYWHERE = frozenset({"app", "ehr", "place", "operator", "host"})
CHOICE_PARTS = ("title", "why", "list", "none")
ROW_PARTS = ("", "_ending", "_detail")


class Seen(msgspec.Struct, kw_only=True):
    """What the cases showed: known rows as (choice, label), rights and kinds that a refusal named."""

    rows: set[tuple[str, str]] = msgspec.field(default_factory=set)
    rights: set[str] = msgspec.field(default_factory=set)
    kinds: set[str] = msgspec.field(default_factory=set)


def text_findings(
    connector: type[Connector], folder: Folder, names: Names, seen: Seen, house: House
) -> Iterator[Finding]:
    """`house` is what Link itself can say, by locale: a name that it has a text for needs none here."""
    english = read_texts(connector.folder, "en")
    wanted = _wanted(connector, folder, names, seen)
    for locale in connector.manifest.locales:
        ours, where = read_texts(connector.folder, locale), f"texts/{locale}.toml"
        known = ours.keys() | house.get(locale, {}).keys()
        for keys, why in wanted:
            if not known & set(keys):
                yield Finding("texts", where, f"{keys[0]} is missing: {why}.")
        for key in sorted(english.keys() - ours.keys()):
            yield Finding("texts", where, f"{key} is missing: texts/en.toml has it.")
        for key in sorted(ours.keys() - english.keys()):
            yield Finding("texts", where, f"{key} is not in texts/en.toml. Add it there, or leave it out here.")
        for key in sorted(ours.keys() & english.keys()):
            yield from _filled(where, key, ours[key], english[key], house)
    yield from _unused(connector, folder, names, seen, house)


def _wanted(connector: type[Connector], folder: Folder, names: Names, seen: Seen) -> Wanted:
    """Keys of which one has to be there, and why."""
    manifest = connector.manifest
    wanted: Wanted = [((f"step.{name}",), "the story does it") for name in sorted(names.steps) if name[0] != "_"]
    wanted += [((f"consent.{verb}.{key}",), f"the manifest's {verb} names it")
               for verb, keys in (("sees", manifest.sees), ("does", manifest.does)) for key in keys]  # fmt: skip
    wanted += [((f"choice.{name}.title",), "the story asks this choice") for name in sorted(names.choices)]
    rows = {label: tuple(f"choice.{name}.{label}" for name in sorted(names.choices)) for label in sorted(names.options)}
    wanted += [((*keys, label), "the story offers this row") for label, keys in rows.items()]
    wanted += [((f"choice.{name}.{label}", label), "a case showed this row") for name, label in sorted(seen.rows)]
    for kind, keyword, key in (("NoRights", "rights", "no_rights"), ("Unsupported", "what", "unsupported")):
        for where, text in said(folder, kind, keyword):
            wanted += [((f"{key}.{part}",), f"{where} says it") for part in text.split(", ")]
    wanted += [((f"no_rights.{right}",), "a case was refused with it") for right in sorted(seen.rights)]
    return wanted + [((f"unsupported.{kind}",), "a case was refused with it") for kind in sorted(seen.kinds)]


def _filled(where: str, key: str, text: str, english: str, house: House) -> Iterator[Finding]:
    found = set(_PLACEHOLDER.findall(text))
    if not text.strip():
        yield Finding("texts", where, f"{key} is empty.")
    if found != set(_PLACEHOLDER.findall(english)):
        yield Finding("texts", where, f"{key} has other placeholders than in texts/en.toml.")
    if unknown := found - _fillable(key, house):
        names = ", ".join(f"{{{name}}}" for name in sorted(unknown))
        yield Finding("texts", where, f"{key}: nobody fills {names} in, so the text would never be shown.")


def _fillable(key: str, house: House) -> frozenset[str]:
    """Rows, steps and names of rights stand alone; the others are filled with what their place in Link knows."""
    if key.startswith(("step.", "consent.", "no_rights.", "unsupported.")):
        return EVERYWHERE
    instance = key.rpartition(".")[0]
    near = f"{instance}.title", f"{instance}.why", f"{instance}.list", f"{instance}.none"
    if instance.startswith("choice."):
        return EVERYWHERE | ({"count"} if key in near else {"ending"})
    return EVERYWHERE.union(
        *(
            _PLACEHOLDER.findall(text)
            for texts in house.values()
            for name, text in texts.items()
            if name.startswith(instance)
        )
    )


def _unused(connector: type[Connector], folder: Folder, names: Names, seen: Seen, house: House) -> Iterator[Finding]:
    wanted = {key for keys, _ in _wanted(connector, folder, names, seen) for key in keys}
    wanted |= {key for texts in house.values() for key in texts}
    wanted |= {f"choice.{name}.{part}" for name in names.choices for part in CHOICE_PARTS}
    literals = folder.literals()
    for key in sorted(read_texts(connector.folder, "en").keys() - wanted):
        if not _may_be_said(key, names, literals | {label for _, label in seen.rows}):
            text = f"{key} is used by nothing. Leave it out, or name it in the story."
            yield Finding("texts", "texts/en.toml", text)


def _may_be_said(key: str, names: Names, literals: set[str]) -> bool:
    """Keys that a text of the code completes: a row of a choice, the reason of a refusal, a right."""
    first, _, rest = key.partition(".")
    if first == "choice":
        name, _, label = rest.partition(".")
        rows = {f"{label}{part}" for label in literals for part in ROW_PARTS}
        return name in names.choices and label in rows
    if first == "refusal":
        code, _, part = rest.partition(".")
        return code in catalogue() and part.startswith("why_") and part.removeprefix("why_") in literals
    return first in ("no_rights", "unsupported") and rest in literals
