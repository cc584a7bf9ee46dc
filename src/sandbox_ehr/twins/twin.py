"""What a twin may differ in. `load("epic")` reads `epic.toml`; `PLAIN` is this EHR as itself."""

from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

NAMES = ("epic", "oracle", "athenahealth", "eclinicalworks", "meditech", "nextgen")
DAY = 86400


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Times are in seconds. A refresh token ends that long after its last use; one for `online_access` after
    `online_seconds`. `rotate` gives a new refresh token with each refresh, otherwise the answer has none."""

    access_seconds: int = 3600
    refresh_seconds: int = 90 * DAY
    online_seconds: int = 8 * 3600
    rotate: bool = True
    public_refresh: bool = True
    form: Literal["opaque", "jwt"] = "opaque"
    says_lifetime: bool = True


class Paging(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`count` and `cursor` are names of parameters. `says_total` is whether a Bundle has its total."""

    count: str = "_count"
    cursor: str = "_page"
    usual: int = 50
    most: int = 200
    says_total: bool = True


class Writes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`body` is what a write answers with. `stale` is the status for an If-Match that is too old. `no_unknown` refuses
    elements that the server does not keep."""

    body: Literal["resource", "nothing", "outcome"] = "resource"
    stale: int = 412
    versions: bool = True


class Resource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One resource type. A search must give at least one parameter of each group of `required`; `alone` may not be
    combined with one another. `ranges` say how a date must be given: `ge lt`, `ge le` or `day`. `also` renames: a
    parameter of the vendor's to one of ours."""

    interactions: tuple[str, ...] = ("read", "search-type")
    search: tuple[str, ...] = ()
    required: tuple[tuple[str, ...], ...] = ()
    alone: tuple[str, ...] = ()
    ranges: dict[str, str] = {}
    also: dict[str, str] = {}
    include: tuple[str, ...] = ()
    revinclude: tuple[str, ...] = ("Provenance:target",)


class Twin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Paths begin with a slash. `issuer` is literal, or empty for the address of the authorization server.
    `discovery` are members of the SMART configuration; a list replaces ours, and null leaves a member out.
    `oddities` are switches of the lab that are always on here. `practice` is what `ah-practice` must say on every call,
    `ignored` are other parameters that count for nothing, `tenants` is the path below which any other tenant is 403.
    Without `resources` every type is offered.
    """

    name: str = "plain"
    title: str = "Sandbox EHR"
    software: dict[str, str] = {}
    publisher: str = ""
    fhir: str = "/fhir/r4"
    authorize: str = "/oauth/authorize"
    token: str = "/oauth/token"  # noqa: S105
    revoke: str = "/oauth/revoke"
    introspect: str = "/oauth/introspect"
    jwks: str = "/oauth/jwks"
    well_known: Literal["base", "root"] = "base"
    issuer: str = ""
    discovery: dict[str, Any] = {}
    methods: tuple[str, ...] = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
    algorithms: tuple[str, ...] = ("RS384", "ES384", "ES256")
    scope_versions: tuple[str, ...] = ("v1", "v2")
    needs_aud: bool = True
    needs_nonce: bool = False
    needs_pkce: Literal["always", "public"] = "always"
    says_issuer: bool = True
    names_patient: bool = True
    formats: tuple[str, ...] = ("application/fhir+json", "json")
    ignores_post_query: bool = False
    practice: str = ""
    ignored: tuple[str, ...] = ()
    tenants: str = ""
    only_json: bool = False
    oddities: tuple[str, ...] = ()
    tokens: Tokens = Tokens()
    paging: Paging = Paging()
    writes: Writes = Writes()
    resources: dict[str, Resource] = {}

    def offers(self, kind: str, interaction: str) -> bool:
        resource = self.resources.get(kind)
        return not self.resources or (resource is not None and interaction in resource.interactions)


PLAIN = Twin()


@cache
def load(name: str) -> Twin:
    """Raises ValueError for a name that is no twin's."""
    if name == PLAIN.name:
        return PLAIN
    if name not in NAMES:
        raise ValueError(f"There is no twin {name}. Choose one of {', '.join(NAMES)}.")
    text = files("sandbox_ehr.twins").joinpath(f"{name}.toml").read_text("utf-8")
    return msgspec.toml.decode(text, type=Twin)
