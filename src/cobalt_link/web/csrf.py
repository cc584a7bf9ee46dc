"""Cross-site request forgery: whether our own page sent a form (S-118).

Decided by `Sec-Fetch-Site` if the browser sends it, else by `Origin`. A client that sends neither needs the form token.
"""

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.datastructures import Headers

from cobalt_link.web.call import Call
from cobalt_link.web.problems import Forbidden

FormToken = Callable[[Call, Mapping[str, Any]], Awaitable[bool]]


class Sender(enum.Enum):
    """Our own page, a foreign page, or a client that sends no header that tells."""

    OWN = "own"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


class ForeignForm(Forbidden):
    """This form was not sent from our own page. Go back, reload the page, and send the form again."""

    code = "foreign_form"
    status = 403


def sender(headers: Headers, own_origin: str) -> Sender:
    """Who sent the form. `own_origin` is scheme, host and port, such as `https://link.example.org`."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        # "same-site" is another subdomain or port, so not our page. "none" is the user: a bookmark or a typed address.
        return Sender.OWN if site in ("same-origin", "none") else Sender.FOREIGN
    # "null" comes from sandboxed frames and after redirects across sites. It says nothing about the page.
    if origin is not None and origin != "null":
        return Sender.OWN if origin == own_origin else Sender.FOREIGN
    return Sender.UNKNOWN
