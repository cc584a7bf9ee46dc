"""Checks a connector's texts: every name in its sign-in has a text in each language, and no text is unused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

from cobalt_link.conformance.lines import at_key
from cobalt_link.conformance.names import Names, said
from cobalt_link.conformance.report import Finding
from cobalt_link.conformance.tree import Folder
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.manifest import read_texts
from cobalt_link.connector.refusals import catalogue

Texts = Mapping[str, str]
LinkTexts = Mapping[str, Texts]
Wanted = list[tuple[tuple[str, ...], str]]

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
# Every page fills these. A text that replaces one of Link's may also have the placeholders of Link's text.
EVERYWHERE = frozenset({"app", "ehr", "place", "operator", "host"})
CHOICE_PARTS = ("title", "why", "list", "none")
ROW_PARTS = ("", "_ending", "_detail")


class Seen(msgspec.Struct, kw_only=True):
    """What the cases showed: known rows as (choice, label), and the rights and kinds that a refusal named."""

    rows: set[tuple[str, str]] = msgspec.field(default_factory=set)
    rights: set[str] = msgspec.field(default_factory=set)
    kinds: set[str] = msgspec.field(default_factory=set)


def text_findings(
    connector: type[Connector], folder: Folder, names: Names, seen: Seen, link_texts: LinkTexts
) -> Iterator[Finding]:
    """`link_texts` are Link's own texts, by locale. A name with a text there needs none in the connector."""
    english = read_texts(connector.folder, "en")
    wanted = _wanted(connector, folder, names, seen)
    for locale in connector.manifest.locales:
        ours, file = read_texts(connector.folder, locale), connector.folder / "texts" / f"{locale}.toml"
        known = ours.keys() | link_texts.get(locale, {}).keys()
        for keys, why in wanted:
            if not known & set(keys):
                yield Finding("texts", at_key(file, ""), f"{keys[0]} is missing: {why}. Write the text.")
        for key in sorted(english.keys() - ours.keys()):
            yield Finding("texts", at_key(file, ""), f"{key} is missing, but texts/en.toml has it. Translate it.")
        for key in sorted(ours.keys() - english.keys()):
            yield Finding(
                "texts", at_key(file, key), f"{key} is not in texts/en.toml. Add it there, or remove it here."
            )
        for key in sorted(key for key in ours if key.startswith("consent.")):
            text = f"Link makes the consent from the reads. Remove {key}."
            yield Finding("texts", at_key(file, key), text)
        for key in sorted(ours.keys() & english.keys()):
            yield from _filled(at_key(file, key), key, ours[key], english[key], link_texts)
    yield from _unused(connector, folder, names, seen, link_texts)


def _wanted(connector: type[Connector], folder: Folder, names: Names, seen: Seen) -> Wanted:
    """(keys, why): at least one of the keys must have a text."""
    wanted: Wanted = [
        ((f"step.{name}",), f"{where} has this step") for name, where in sorted(names.steps.items()) if name[0] != "_"
    ]
    logins = connector.manifest.test_logins
    wanted += [
        ((f"test_login.{name}",), "the manifest lists this login") for name in (logins.usernames if logins else ())
    ]
    wanted += [
        ((f"choice.{name}.title",), f"{where} asks this choice") for name, where in sorted(names.choices.items())
    ]
    rows = {label: tuple(f"choice.{name}.{label}" for name in sorted(names.choices)) for label in sorted(names.options)}
    wanted += [((*keys, label), f"{names.options[label]} offers this option") for label, keys in rows.items()]
    wanted += [((f"choice.{name}.{label}", label), "a case showed this option") for name, label in sorted(seen.rows)]
    for kind, keyword, key in (("NoRights", "rights", "no_rights"), ("Unsupported", "what", "unsupported")):
        for where, text in said(folder, kind, keyword):
            wanted += [((f"{key}.{part}",), f"{where} names it") for part in text.split(", ")]
    wanted += [((f"no_rights.{right}",), "a case ended with it") for right in sorted(seen.rights)]
    return wanted + [((f"unsupported.{kind}",), "a case ended with it") for kind in sorted(seen.kinds)]


def _filled(where: str, key: str, text: str, english: str, link_texts: LinkTexts) -> Iterator[Finding]:
    found = set(_PLACEHOLDER.findall(text))
    if not text.strip():
        yield Finding("texts", where, f"{key} is empty. Write the text.")
    if found != set(_PLACEHOLDER.findall(english)):
        yield Finding("texts", where, f"{key} has other placeholders than in texts/en.toml. Use the same ones.")
    if unknown := found - _fillable(key, link_texts):
        names = ", ".join(f"{{{name}}}" for name in sorted(unknown))
        yield Finding(
            "texts",
            where,
            f"{key}: Link does not fill {names} here, so the text would not be shown. Use another placeholder.",
        )


def _fillable(key: str, link_texts: LinkTexts) -> frozenset[str]:
    """The placeholders that Link fills in this text. Steps and rights have none of their own."""
    if key.startswith(("step.", "no_rights.", "unsupported.", "test_login.")):
        return EVERYWHERE
    instance = key.rpartition(".")[0]
    near = f"{instance}.title", f"{instance}.why", f"{instance}.list", f"{instance}.none"
    if instance.startswith("choice."):
        return EVERYWHERE | ({"count"} if key in near else {"ending"})
    return EVERYWHERE.union(
        *(
            _PLACEHOLDER.findall(text)
            for texts in link_texts.values()
            for name, text in texts.items()
            if name.startswith(instance)
        )
    )


def _unused(
    connector: type[Connector], folder: Folder, names: Names, seen: Seen, link_texts: LinkTexts
) -> Iterator[Finding]:
    wanted = {key for keys, _ in _wanted(connector, folder, names, seen) for key in keys}
    wanted |= {key for texts in link_texts.values() for key in texts}
    wanted |= {f"choice.{name}.{part}" for name in names.choices for part in CHOICE_PARTS}
    literals = folder.literals()
    for key in sorted(read_texts(connector.folder, "en").keys() - wanted):
        if not _may_be_said(key, names, literals | {label for _, label in seen.rows}):
            text = f"{key} is not used. Remove it, or use it in the sign-in."
            yield Finding("texts", at_key(connector.folder / "texts" / "en.toml", key), text)


def _may_be_said(key: str, names: Names, literals: set[str]) -> bool:
    """Whether a text in the code completes this key: an option of a choice, the reason of a refusal, a right."""
    first, _, rest = key.partition(".")
    if first == "choice":
        name, _, label = rest.partition(".")
        rows = {f"{label}{part}" for label in literals for part in ROW_PARTS}
        return name in names.choices and label in rows
    if first == "refusal":
        code, _, part = rest.partition(".")
        return code in catalogue() and part.startswith("why_") and part.removeprefix("why_") in literals
    return first in ("no_rights", "unsupported") and rest in literals
