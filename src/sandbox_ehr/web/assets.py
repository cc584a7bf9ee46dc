"""The style sheet and the icon."""

from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

MEDIA_TYPES = {"style.css": "text/css", "icon.svg": "image/svg+xml"}


async def asset(request: Request) -> Response:
    name = request.url.path.removeprefix("/")
    return Response(files("sandbox_ehr.web").joinpath(name).read_bytes(), media_type=MEDIA_TYPES[name])


# One route per file, so that no path of a request ever names a file.
routes = [Route(f"/{name}", asset, methods=["GET"]) for name in MEDIA_TYPES]
