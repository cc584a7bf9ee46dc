"""`cobalt launches`: for which app and clinic an EHR opens the app."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from cobalt_link.cli.installation import DEFAULTS, CommonOptions, Installation, open_installation
from cobalt_link.cli.main import Failure
from cobalt_link.cli.output import fields, print_result, table

if TYPE_CHECKING:
    from cobalt_link.developers.clients import Client
    from cobalt_link.link.session.launch_targets import LaunchTarget

app = App(name="launches", help="For which app and clinic an EHR opens the app: set, list, remove.")

Url = Annotated[str, Parameter(help="Base address of the EHR's FHIR server, as it calls itself (iss).")]


@app.command(name="set")
async def set_(
    url: Url,
    /,
    *,
    client: Annotated[str, Parameter(help="The client's client_id or name.")],
    org: Annotated[str, Parameter(help="The app's own id for the clinic. It is created if it is new.")],
    callback: Annotated[
        str | None, Parameter(help="Where users end, one of the client's callback addresses. Default: its first.")
    ] = None,
    options: CommonOptions = DEFAULTS,
) -> None:
    """Say for which app and clinic users come who open the app inside this EHR. Replaces what was said before."""
    from cobalt_link.link.session.launch_targets import LaunchTarget, LaunchTargets

    address = _address(url)
    async with open_installation(options) as installation:
        owner = await installation.clients.find(client)
        if owner.test:
            raise Failure(f"{owner.name} is a test client, which links the sandbox only. Use a live client.")
        target = LaunchTarget(
            address=address,
            client=owner.id,
            callback_url=_callback(owner, callback),
            org=(await installation.orgs.ensure(owner, org)).id,
            created_at=datetime.now(UTC),
        )
        await LaunchTargets(installation.db).set(target)
        shown = await _shown(installation, target)
        launch_url = f"{installation.settings.public_url}/launch"
    text = f"{fields(shown.items())}\n\nEnter this launch address at the EHR: {launch_url}"
    print_result(options.json, shown | {"launch_url": launch_url}, text)


@app.command(name="list")
async def list_(*, options: CommonOptions = DEFAULTS) -> None:
    """List the EHRs that may open an app."""
    from cobalt_link.link.session.launch_targets import LaunchTargets

    async with open_installation(options) as installation:
        shown = [await _shown(installation, each) for each in await LaunchTargets(installation.db).all()]
    head = ("FHIR server", "client_id", "org_id", "callback address")
    rows = [tuple(each.values()) for each in shown]
    text = table(head, rows) if rows else "No EHR may open an app yet. Begin with: cobalt launches set --help"
    print_result(options.json, {"launches": shown}, text)


@app.command
async def remove(url: Url, /, *, options: CommonOptions = DEFAULTS) -> None:
    """From now on, this EHR opens no app. Accounts that were linked stay linked."""
    from cobalt_link.link.session.launch_targets import LaunchTargets

    async with open_installation(options) as installation:
        if not await LaunchTargets(installation.db).remove(url.removesuffix("/")):
            raise Failure(f"No launches are set for {url}. Run `cobalt launches list` to see the ones that are.")
    print_result(options.json, {"removed": url}, f"{url} opens no app any more.")


def _address(url: str) -> str:
    """An EHR sends its address as it writes it, so it must be written the same way here."""
    from cobalt_link.developers.addresses import ehr_address

    written = url.removesuffix("/")
    if (usual := ehr_address(url)) != written:
        raise Failure(f"Write the address as the EHR does, such as {usual}.", code="bad_address", status=2)
    return written


def _callback(owner: Client, given: str | None) -> str:
    if given is None and owner.callback_urls:
        return owner.callback_urls[0]
    if given is None or given not in owner.callback_urls:
        wrong = f"{given} is no callback address of {owner.name}" if given else f"{owner.name} has no callback address"
        raise Failure(
            f"{wrong}. Register it first, with `cobalt clients update {owner.client_id} --callback-url URL`.",
            code="bad_usage",
            status=2,
        )
    return given


async def _shown(installation: Installation, target: LaunchTarget) -> dict[str, Any]:
    owner, org = await installation.clients.by_id(target.client), await installation.orgs.by_id(target.org)
    return {
        "fhir_server": target.address,
        "client_id": owner.client_id,
        "org_id": org.org_id,
        "callback_url": target.callback_url,
    }
