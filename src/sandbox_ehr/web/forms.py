"""Reads a form that a page posted, and refuses one that another site's page sent."""

from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from sandbox_ehr.refusals import Refusal, RequestRefused
from sandbox_ehr.requests import limited_body


async def posted_form(request: Request) -> dict[str, str]:
    return dict(await posted_pairs(request))


async def posted_pairs(request: Request, most: int = 20) -> list[tuple[str, str]]:
    """The fields of a form in which a name may come more than once."""
    if not _is_from_own_page(request):
        raise RequestRefused(Refusal("other_site", 403, "A page of another site sent this form."))
    text = (await limited_body(request)).decode("utf-8", "replace")
    return parse_qsl(text, keep_blank_values=True, max_num_fields=most)


def _is_from_own_page(request: Request) -> bool:
    # The session cookie is not sent from another site, but a sign-in needs no cookie: without this check another site
    # could sign a browser in as somebody else.
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    # An old browser sends only Origin. A program sends neither, and carries no cookies of anybody.
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
