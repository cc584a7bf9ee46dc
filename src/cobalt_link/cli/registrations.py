"""`cobalt registrations`: the operator's app registrations at EHRs. No secret and no private key is ever printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, Installation, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import fields, print_result, table

if TYPE_CHECKING:
    from cobalt_link.oauth.registration import AuthMethod
    from cobalt_link.registrations.registration import Registration
    from cobalt_link.registrations.registrations import RegistrationChange

app = App(
    name="registrations",
    help="Your app registrations at EHRs: guide, add, list, show, test, update, approve, withdraw, rotate, remove.",
)
app.command(
    "cobalt_link.cli.registration_doctor:examine",
    name="test",
    help="Check a registration in eight steps, with one sign-in in your browser. Names what fails, and the cure.",
)

Name = Annotated[str, Parameter(help="Your name for the registration, such as epic-larkspur.")]
Url = Annotated[str, Parameter(help="Base address of a FHIR server, as the vendor's list of endpoints has it.")]
VendorKey = Annotated[
    str,
    Parameter(help="epic, oracle, athenahealth, eclinicalworks, nextgen, veradigm, meditech, or other."),
]
ClientId = Annotated[str | None, Parameter(help="The client id that the vendor gave the app.")]
SecretFile = Annotated[
    Path | None, Parameter(help="File with the client secret, which only you can read. Its content is stored sealed.")
]
SecretIn = Annotated[
    Literal["basic", "post"] | None,
    Parameter(help="Send the secret as Basic authentication (default), or in the form."),
]
Jwks = Annotated[
    bool, Parameter(negative=(), help="Sign with a key of this server, which publishes the public half as a key set.")
]
Public = Annotated[bool, Parameter(negative=(), help="A public client, which proves nothing. Mostly without refresh.")]
KeyAlgorithm: TypeAlias = Literal["RS384", "ES384", "ES256"]
Signing = Annotated[KeyAlgorithm | None, Parameter(name="--algorithm", help="How a new key signs.")]
Scopes = Annotated[
    tuple[str, ...] | None, Parameter(name="--scope", help="A scope to ask for. Repeat it. Default: what is needed.")
]
Smart = Annotated[
    Literal["v1", "v2"] | None, Parameter(help="Ask for what is needed in this version of SMART scopes, and no other.")
]
Schedules = Annotated[
    tuple[str, ...] | None,
    Parameter(name="--schedule", help="Whose appointments to read where the EHR wants a name, such as Location/21."),
]


@app.command
async def guide(
    *,
    vendor: VendorKey,
    name: Annotated[str, Parameter(help="Your name for the registration. It is part of the addresses.")] = "",
    options: CommonOptions = DEFAULTS,
) -> None:
    """Print what exactly to enter at a vendor: addresses, scopes, kind of app, boxes to tick."""
    from cobalt_link.registrations import checks
    from cobalt_link.registrations.guide import as_data, page
    from cobalt_link.registrations.registration import Urls
    from cobalt_link.registrations.vendors import guide_of

    found, urls = guide_of(vendor), Urls(options.settings().public_url)
    called = checks.name(name or found.key)
    print_result(options.json, as_data(found, urls, called), page(found, urls, called))


@app.command
async def add(
    name: Name,
    /,
    *,
    vendor: VendorKey,
    issuer: Url,
    client_id: ClientId = None,
    client_secret_file: SecretFile = None,
    secret_in: SecretIn = None,
    jwks: Jwks = False,
    public: Public = False,
    algorithm: Signing = None,
    scope: Scopes = None,
    smart: Smart = None,
    schedule: Schedules = None,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Add a registration for one FHIR server. The client id may come later."""
    from cobalt_link.registrations import checks
    from cobalt_link.registrations.vendors import guide_of

    found, called = guide_of(vendor), checks.name(name)
    method = _method(client_secret_file, secret_in, jwks=jwks, public=public) or found.method
    if method.startswith("client_secret") and client_secret_file is None:
        raise Failure(
            f"{found.name} gives the app a client secret. Add --client-secret-file FILE, or --jwks or --public if"
            " yours has none.",
            code="bad_usage",
            status=2,
        )
    change = _change(client_id, method, client_secret_file, scope, smart, found.key)
    change = _with_more(change, schedule, algorithm or found.algorithm)
    async with open_installation(options) as installation:
        address = checks.fhir_address(issuer, private=installation.settings.allow_private_networks)
        added = await installation.registrations.add(called, found.key, method, address, change)
        await _print_details(installation, options, added)


@app.command(name="list")
async def list_(*, options: CommonOptions = DEFAULTS) -> None:
    """List all registrations."""
    async with open_installation(options) as installation:
        found = await installation.registrations.all()
    rows = [(each.id, each.vendor, each.client_id, each.method, each.addresses) for each in found]
    head = ("name", "vendor", "client_id", "proof", "FHIR servers")
    text = table(head, rows) if rows else "There are no registrations yet. Begin with: cobalt registrations guide"
    print_result(options.json, {"registrations": [_as_dict(each) for each in found]}, text)


@app.command
async def show(name: Name, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Show a registration, its keys by their ids, and what to enter at the vendor."""
    async with open_installation(options) as installation:
        await _print_details(installation, options, await installation.registrations.find(name))


@app.command
async def update(
    name: Name,
    /,
    *,
    client_id: ClientId = None,
    client_secret_file: SecretFile = None,
    secret_in: SecretIn = None,
    jwks: Jwks = False,
    public: Public = False,
    algorithm: Signing = None,
    scope: Scopes = None,
    smart: Smart = None,
    schedule: Schedules = None,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Change what is given. Another proof erases the secret or the keys of the former one."""
    method = _method(client_secret_file, secret_in, jwks=jwks, public=public)
    async with open_installation(options) as installation:
        former = await installation.registrations.find(name)
        change = _change(client_id, method, client_secret_file, scope, smart, former.vendor)
        change = _with_more(change, schedule, algorithm)
        await _print_details(installation, options, await installation.registrations.update(name, change))


@app.command
async def approve(name: Name, url: Url, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Let a registration be used at one more FHIR server. No server has it before that, however alike it looks."""
    from cobalt_link.registrations import checks

    async with open_installation(options) as installation:
        address = checks.fhir_address(url, private=installation.settings.allow_private_networks)
        found = await installation.registrations.approve(name, address)
    print_result(options.json, _as_dict(found), f"{name} is used at {address} from now on.")


@app.command
async def withdraw(name: Name, url: Url, /, *, options: CommonOptions = DEFAULTS) -> None:
    """End the use of a registration at a FHIR server. Accounts there cannot be renewed any more."""
    from cobalt_link.registrations import checks

    async with open_installation(options) as installation:
        address = checks.fhir_address(url, private=True)
        found = await installation.registrations.withdraw(name, address)
    print_result(options.json, _as_dict(found), f"{name} is not used at {address} any more.")


@app.command
async def rotate(
    name: Name,
    /,
    *,
    algorithm: Signing = None,
    now: Annotated[
        bool, Parameter(negative=(), help="After a leak: sign with it at once, and erase the others.")
    ] = False,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Publish a new signing key. It signs in a day, when EHRs have read it. A day later, the former one is erased."""
    async with open_installation(options) as installation:
        keys = await installation.registrations.rotate(name, algorithm, now=now)
    shown = [_key(each) for each in keys]
    text = table(("key", "algorithm", "created", "signs from"), [tuple(each.values()) for each in shown])
    note = "EHRs that still have the former key set refuse it until they read the new one." if now else ""
    print_result(options.json, {"keys": shown}, f"{text}\n{note}".strip())


@app.command
async def remove(name: Name, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Erase a registration with its secret and keys. Its accounts have to be linked again with another one."""
    async with open_installation(options) as installation:
        await installation.registrations.remove(name)
    text = f"Removed {name}. Its secret and keys are erased. Delete the app at the vendor too."
    print_result(options.json, {"removed": name}, text)


def _method(secret_file: Path | None, secret_in: str | None, *, jwks: bool, public: bool) -> AuthMethod | None:
    """How the app proves itself, as the options say. None if they say nothing."""
    with_secret = secret_file is not None or secret_in is not None
    if jwks + public + with_secret > 1:
        raise Failure(
            "An app proves itself in one way: choose --client-secret-file, --jwks, or --public.",
            code="bad_usage",
            status=2,
        )
    if jwks or public:
        return "private_key_jwt" if jwks else "none"
    if not with_secret:
        return None
    by: AuthMethod = "client_secret_post" if secret_in == "post" else "client_secret_basic"  # noqa: S105 - a word
    return by


def _change(
    client_id: str | None,
    method: AuthMethod | None,
    secret_file: Path | None,
    scope: tuple[str, ...] | None,
    smart: Literal["v1", "v2"] | None,
    vendor: str,
) -> RegistrationChange:
    from cobalt_link.registrations import checks
    from cobalt_link.registrations.registrations import RegistrationChange
    from cobalt_link.registrations.scopes import IDENTITY, data_scopes
    from cobalt_link.registrations.vendors import guide_of

    chosen = checks.scopes(scope) if scope is not None else None
    if smart is not None:
        chosen = (*(chosen or IDENTITY), *data_scopes(guide_of(vendor).offers, smart))
    return RegistrationChange(
        client_id=checks.client_id(client_id) if client_id is not None else None,
        method=method,
        secret=checks.secret_from(secret_file) if secret_file else None,
        scopes=chosen,
    )


def _with_more(
    change: RegistrationChange, schedule: tuple[str, ...] | None, algorithm: KeyAlgorithm | None
) -> RegistrationChange:
    import msgspec

    from cobalt_link.registrations import checks

    schedules = checks.schedules(schedule) if schedule is not None else None
    return msgspec.structs.replace(change, schedules=schedules, algorithm=algorithm or change.algorithm)


async def _print_details(installation: Installation, options: CommonOptions, found: Registration) -> None:
    from cobalt_link.registrations.guide import entries, page
    from cobalt_link.registrations.vendors import guide_of

    urls, known = installation.registrations.urls, guide_of(found.vendor)
    keys = [_key(each) for each in await installation.registrations.keys(found.id)]
    shown = _as_dict(found) | {
        "redirect_uri": urls.callback(found.id),
        "launch_uri": urls.launch,
        "jwks_uri": urls.jwks(found.id) if found.has_keys else None,
        "keys": keys,
    }
    lines = [f"{each['kid']} ({each['algorithm']}, from {each['signs_from']:%Y-%m-%d %H:%M UTC})" for each in keys]
    text = fields([*list(shown.items())[:-1], ("keys", lines)])
    value = shown | {"enter": entries(known, urls, found.id, found.scopes)}
    print_result(options.json, value, f"{text}\n\n{page(known, urls, found.id, found)}")


def _as_dict(found: Registration) -> dict[str, Any]:
    return {
        "name": found.id,
        "vendor": found.vendor,
        "client_id": found.client_id,
        "proof": found.method,
        "fhir_servers": found.addresses,
        "scopes": found.scopes,
        "schedules": found.schedules,
        "created_at": found.created_at,
    }


def _key(key: Any) -> dict[str, Any]:
    return {"kid": key.kid, "algorithm": key.algorithm, "created_at": key.created_at, "signs_from": key.used_from}
