"""The guide for one vendor: what exactly to enter there, with this server's own addresses."""

from __future__ import annotations

import textwrap
from typing import Any

from cobalt_link.registrations.registration import Registration, Urls
from cobalt_link.registrations.scopes import IDENTITY, data_scopes, needed
from cobalt_link.registrations.vendors import VendorGuide

WIDTH = 100
LETTERS = {"c": "create", "r": "read", "u": "update", "s": "search"}


def entries(guide: VendorGuide, urls: Urls, name: str, scopes: tuple[str, ...] = ()) -> list[dict[str, str]]:
    """The fields of the vendor's form with their values, for the registration of this name."""
    values = {
        "redirect": urls.callback(name),
        "launch": urls.launch,
        "jwks": urls.jwks(name),
        "scopes": " ".join(scopes or (*IDENTITY, *data_scopes(guide.offers, guide.scopes or "v2"))),
        "apis": "; ".join(
            f"{kind} ({', '.join(LETTERS[each] for each in 'rscu' if each in letters)})"
            for kind, letters in needed(guide.offers).items()
        ),
    }
    return [{"field": each.field, "value": each.value.format(**values), "why": each.why} for each in guide.enter]


def page(guide: VendorGuide, urls: Urls, name: str, found: Registration | None = None) -> str:
    """The guide as lines of text. `found` is the registration, if it exists already."""
    lines = [f"Register the app at {guide.name}: {guide.portal}", ""]
    for each in entries(guide, urls, name, found.scopes if found else ()):
        lines += [f"  {each['field']}", *_wrapped(each["value"], 6)]
        lines += _wrapped(f"({each['why']})", 6) if each["why"] else []
    lines += ["", *_wrapped(f"FHIR address: {guide.address}", 2)]
    lines += _wrapped(f"Its sandbox: {guide.sandbox}", 2) if guide.sandbox else []
    for _, text in sorted(guide.after.items()):
        lines += _wrapped(text, 2)
    return "\n".join([*lines, "", _next_step(guide, name, found)])


def as_data(guide: VendorGuide, urls: Urls, name: str) -> dict[str, Any]:
    return {
        "vendor": guide.key,
        "portal": guide.portal,
        "address": guide.address,
        "sandbox": guide.sandbox,
        "enter": entries(guide, urls, name),
        "after": [text for _, text in sorted(guide.after.items())],
    }


def _next_step(guide: VendorGuide, name: str, found: Registration | None) -> str:
    if found is None:
        kind = " --client-secret-file FILE" if guide.method.startswith("client_secret") else ""
        return f"Then: cobalt registrations add {name} --vendor {guide.key} --issuer FHIR-ADDRESS --client-id ID{kind}"
    if found.client_id is None:
        return f"Once you have the client id: cobalt registrations update {name} --client-id ID"
    return f"Check it all: cobalt registrations test {name}"


def _wrapped(text: str, indent: int) -> list[str]:
    # An address is copied whole, so no line breaks inside one.
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
