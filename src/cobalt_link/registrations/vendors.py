"""What to enter at each vendor, and what is known of its servers: data, one file per vendor in vendors/."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from cobalt_link.oauth.registration import AuthMethod
from cobalt_link.oauth.scopes import Version
from cobalt_link.registrations.keys import Algorithm
from cobalt_link.registrations.registration import RegistrationProblem

FOLDER = Path(__file__).parent / "vendors"


class GuideEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One field or box of a vendor's form. `value` may name {redirect}, {launch}, {jwks}, {scopes} or {apis}."""

    field: str
    value: str
    why: str = ""


class VendorGuide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`portal` is where apps are registered, `address` which FHIR address to use.

    - `scopes` is the version of SMART scopes to register for. None: as the server's discovery document says.
    - `method` and `algorithm` are how an app proves itself there unless the operator says otherwise.
    - `discovery_at_host`: the discovery document stands at the host's root. `audience_slash`: `aud` ends with a slash.
    - `after` is what happens once the form is sent, in its order. `cures` are added to what the doctor says, by step.
    - `offers` are the letters of SMART v2 by resource type that a signed-in clinician has there.
    """

    key: str = ""
    name: str
    portal: str
    address: str
    enter: tuple[GuideEntry, ...]
    sandbox: str | None = None
    scopes: Version | None = None
    method: AuthMethod = "private_key_jwt"
    algorithm: Algorithm = "RS384"
    discovery_at_host: bool = False
    audience_slash: bool = False
    after: Mapping[str, str] = {}
    cures: Mapping[str, str] = {}
    offers: Mapping[str, str] = {}

    def cure(self, step: int) -> str:
        return self.cures.get(str(step), "")


@cache
def guides() -> Mapping[str, VendorGuide]:
    """Every vendor by its key, which is the name of its file."""
    found = {}
    for file in sorted(FOLDER.glob("*.toml")):
        guide = msgspec.toml.decode(file.read_bytes(), type=VendorGuide)
        found[file.stem] = msgspec.structs.replace(guide, key=file.stem)
    return found


def guide_of(key: str) -> VendorGuide:
    """Raises RegistrationProblem."""
    name = key.strip().casefold().replace(" ", "")
    if found := guides().get(name):
        return found
    near = difflib.get_close_matches(name, guides(), n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Use one of: {', '.join(guides())}."
    raise RegistrationProblem(f"{key[:80]!r} is not a vendor that this server knows. {hint}")
