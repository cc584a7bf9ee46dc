"""A small table of routes of every kind, served for real to the tests of the table."""

from datetime import date, datetime
from typing import Annotated, Any

import httpx2
import msgspec
from starlette.datastructures import UploadFile
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from cobalt_link.web import Alias, Auth, Call, CallerCredentials, Idempotency, Rate, Routes, Tenant, mount
from cobalt_link.web.problems import Conflict, NotFound, Unauthorized

HEADERS = {"client_id": "ci_test_one", "client_secret": "cs_test_one"}
ACCOUNT_HEADERS = {**HEADERS, "access_token": "at_test_one"}

routes = Routes("shop")
faults = Routes("faults")


class Shop(msgspec.Struct):
    """The room: what its handlers work on."""

    name: str
    seen: list[Any] = []


class StoreIsDown(Exception):
    """What a lower room raises when its database is away."""


class NewThing(msgspec.Struct):
    """What a thing is made from."""

    user_id: str
    org_id: str
    emr_name: Annotated[str | None, Alias("emr", "emrName")] = None
    count: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 1
    weight: float | None = None
    loud: bool = False
    on: date | None = None
    tags: list[str] = []


class Thing(msgspec.Struct):
    """A thing."""

    id: str
    got: dict[str, Any]
    success: bool = True


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Only these fields."""

    subject: str
    at: datetime | None = None


class Upload(msgspec.Struct):
    """A file and its name."""

    file: UploadFile
    folder: str | None = None


class Fetch(msgspec.Struct):
    """A range of dates."""

    start_date: date
    page: Annotated[int, msgspec.Meta(ge=1)] = 1


class Who(msgspec.Struct):
    """Whom the server took the caller for."""

    client: str
    account: str | None
    address: str
    key: str | None
    success: bool = True


@routes.post(
    "/things",
    also=("/v1/things",),
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.KEY,
    audit="thing.created",
    errors=(Conflict,),
    summary="Make a thing",
    status=201,
)
async def make(room: Shop, call: Call, body: NewThing) -> Thing:
    call.response_headers["Location"] = "/things/1"
    return Thing("1", msgspec.to_builtins(body))


@routes.get(
    "/things",
    also=("/v1/things",),
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="Find things",
)
async def find(room: Shop, call: Call, body: Fetch) -> Thing:
    return Thing("all", msgspec.to_builtins(body))


@routes.get(
    "/things/{number}",
    auth=Auth.NONE,
    tenant=Tenant.NONE,
    rate=Rate.PUBLIC,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(NotFound,),
    summary="One thing by its number",
)
async def show(room: Shop, call: Call, number: int) -> Thing:
    if number > 1000:
        raise NotFound(f"There is no thing {number}.")
    return Thing(str(number), {"room": room.name})


@routes.patch(
    "/things/{number}/subject",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="thing.renamed",
    errors=(),
    summary="Rename a thing",
)
async def rename(room: Shop, call: Call, body: Strict, number: str) -> Thing:
    return Thing(number, msgspec.to_builtins(body))


@routes.post(
    "/files",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="Keep a file",
    max_body=2 * 1024 * 1024,
)
async def keep(room: Shop, call: Call, body: Upload) -> Thing:
    content = await body.file.read()
    return Thing("file", {"size": len(content), "folder": body.folder, "name": body.file.filename})


@routes.get(
    "/me",
    auth=Auth.ACCOUNT,
    tenant=Tenant.ACCOUNT,
    rate=Rate.READ,
    idempotency=Idempotency.NONE,
    audit=None,
    errors=(),
    summary="Whom the server takes you for",
)
async def me(room: Shop, call: Call) -> Who:
    return Who(call.caller, call.account, call.address, call.idempotency_key)


@faults.delete(
    "/faults/{id}",
    auth=Auth.CLIENT,
    tenant=Tenant.CLIENT,
    rate=Rate.WRITE,
    idempotency=Idempotency.NONE,
    audit="thing.ended",
    errors=(),
    summary="Fail in the way that the id names",
)
async def fail(room: Shop, call: Call, id: str) -> Thing:  # noqa: A002
    if id == "down":
        raise StoreIsDown("host=10.0.0.1 password=hunter2")
    raise ValueError("canary-4711 is the password")


@routes.page(
    "/panes/{id}",
    tenant=Tenant.LINK_SESSION,
    rate=Rate.PAGE,
    audit=None,
    summary="A page",
    csrf=False,
    audience="end user",
)
async def pane(room: Shop, call: Call, id: str) -> HTMLResponse:  # noqa: A002
    if id == "gone":
        raise NotFound("This page is gone.")
    return HTMLResponse("<p>pane</p>")


@routes.page(
    "/panes/{id}",
    method="POST",
    tenant=Tenant.LINK_SESSION,
    rate=Rate.PAGE,
    audit=None,
    summary="Answer a page",
    csrf=True,
    audience="end user",
)
async def answer(room: Shop, call: Call, id: str) -> Response:  # noqa: A002
    return Response(status_code=303, headers={"Location": f"/panes/{id}", "Cache-Control": "private"})


@faults.page(
    "/stream", tenant=Tenant.NONE, rate=Rate.PAGE, audit=None, summary="Breaks off", csrf=False, audience="end user"
)
async def stream(room: Shop, call: Call) -> StreamingResponse:
    async def steps() -> Any:
        yield b"<p>one</p>"
        raise ValueError("canary-4711 in mid-stream")

    return StreamingResponse(steps(), media_type="text/html")


async def authenticate(given: CallerCredentials, auth: Auth, call: Call) -> None:
    if given.client_secret != str(given.client_id).replace("ci_", "cs_"):
        raise Unauthorized
    if auth is Auth.ACCOUNT and given.access_token != "at_test_one":
        raise Unauthorized
    call.caller = given.client_id
    call.account = given.access_token


def sample(**says: Any) -> ASGIApp:
    """The sample app, with what else `mount` should be told."""
    room = Shop("shop")
    return mount([(routes, room), (faults, room)], authenticate=authenticate, **says)


def client(app: Any = None, address: str = "192.0.2.7", **says: Any) -> httpx2.AsyncClient:
    """A client of the sample app (or of `app`), in this process."""
    app = app or sample(**says)
    transport = httpx2.ASGITransport(app=app, client=(address, 40000))
    return httpx2.AsyncClient(transport=transport, base_url="http://sample", verify=False)
