"""`cobalt orgs`: the clinics of a client, their EHRs and their settings."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import fields, print_result, table

app = App(name="orgs", help="The clinics of a client and their settings: list, show, set.")

Name = Annotated[str, Parameter(help="The client's client_id or name.")]
OrgId = Annotated[str, Parameter(help="The app's own id for the clinic.")]


@app.command(name="list")
async def list_(client: Name, /, *, options: CommonOptions = DEFAULTS) -> None:
    """List the orgs of a client."""
    from cobalt_link.developers.api import view

    async with open_installation(options) as installation:
        owner = await installation.clients.find(client)
        found = await installation.orgs.all(owner)
    rows = [(each.org_id, each.emr_name, each.address, each.settings.time_zone, each.created_at) for each in found]
    head = ("org_id", "EHR", "address", "time zone", "created")
    text = table(head, rows) if rows else f"{owner.name} has no orgs yet. The first link token creates one."
    print_result(options.json, {"orgs": [view(each) for each in found]}, text)


@app.command
async def show(client: Name, org_id: OrgId, /, *, options: CommonOptions = DEFAULTS) -> None:
    """Show an org with its settings."""
    async with open_installation(options) as installation:
        _print_details(options, await installation.orgs.find(await installation.clients.find(client), org_id))


@app.command(name="set")
async def set_(
    client: Name,
    org_id: OrgId,
    /,
    *,
    emr_name: Annotated[str | None, Parameter(help="The name of the EHR, such as GNU Health.")] = None,
    emr_instance_domain: Annotated[str | None, Parameter(help="Address of the EHR, such as your-emr.com.")] = None,
    time_zone: Annotated[str | None, Parameter(help="IANA name, such as America/Phoenix.")] = None,
    visit_type: Annotated[
        tuple[str, ...] | None, Parameter(help="A visit type as CODE=DESCRIPTION. Repeat it for the whole list.")
    ] = None,
    allowed_ehr_domain: Annotated[
        tuple[str, ...] | None,
        Parameter(help="A domain that Link accepts for this org, such as *.example.org. Repeat it for the whole list."),
    ] = None,
    branding_name: Annotated[str | None, Parameter(help="The practice's name, as the app says.")] = None,
    place: Annotated[str | None, Parameter(help="A place that tells practices apart, such as Tucson, AZ.")] = None,
    listed: Annotated[bool | None, Parameter(help="Whether users find the org by name in the picker.")] = None,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Change the settings that are given. Creates the org if it is new. An empty text removes a setting."""
    from cobalt_link.developers.org_settings import OrgChange

    given = {
        "time_zone": time_zone,
        "visit_types": None if visit_type is None else [_visit_type(each) for each in visit_type],
        "allowed_ehr_domains": allowed_ehr_domain,
        "branding_name": branding_name,
        "place": place,
        "listed": listed,
    }
    settings = {name: (None if value == "" else value) for name, value in given.items() if value is not None}
    async with open_installation(options) as installation:
        owner = await installation.clients.find(client)
        change = msgspec.convert(settings, OrgChange)
        ehr = (emr_name, emr_instance_domain)
        _print_details(options, await installation.orgs.change(owner, org_id, change, *ehr, create=True))


def _print_details(options: CommonOptions, org: Any) -> None:
    from cobalt_link.developers.api import view

    shown = view(org)
    pairs = msgspec.structs.asdict(shown) | {
        "visit_types": [f"{each.code} ({each.description})" for each in shown.visit_types]
    }
    print_result(options.json, shown, fields(pairs.items()))


def _visit_type(text: str) -> dict[str, str]:
    code, equals, description = text.partition("=")
    if not equals:
        raise Failure(f"--visit-type {text} is not valid. Use CODE=DESCRIPTION.", code="bad_usage", status=2)
    return {"code": code.strip(), "description": description.strip()}
