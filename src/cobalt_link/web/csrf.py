"""Whether a form was sent by our own page (S-118), by what browsers say of themselves.

`Sec-Fetch-Site` if present, else a non-null `Origin`, else nobody knows and only the form's token can tell.
"""

import enum
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.datastructures import Headers

from cobalt_link.web.call import Call
from cobalt_link.web.problems import Forbidden

FormToken = Callable[[Call, Mapping[str, Any]], Awaitable[bool]]


class Sender(enum.Enum):
    """Our own page, somebody else's, or a client that does not say."""

    OWN = "own"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


class ForeignForm(Forbidden):
    """This form was not sent from our own page. Go back, reload the page and send it again."""

    code = "foreign_form"
    status = 403


def sender(headers: Headers, own_origin: str) -> Sender:
    """`own_origin` is the public address as scheme, host and port, such as `https://link.example.org`."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        # "same-site" is another subdomain or port: not ours.
        return Sender.OWN if site in ("same-origin", "none") else Sender.FOREIGN
    if origin is not None and origin != "null":
        return Sender.OWN if origin == own_origin else Sender.FOREIGN
    return Sender.UNKNOWN
