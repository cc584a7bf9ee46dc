"""Reads what an authorization endpoint answers before anybody signs in: its sign-in page, or which mistake it sees.

Servers show an error page to the user and tell the app nothing, in their own words. So the doctor reads the words, and
where they do not tell, it compares the answer with those to two requests that are wrong on purpose.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias
from urllib.parse import parse_qs, urljoin, urlsplit

import msgspec

from cobalt_link.net.http import HttpResponse
from cobalt_link.registrations.doctor.findings import quoted

About: TypeAlias = Literal["redirect", "client", "scope", "request", "down", "unclear"]

TAGS: Final = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.S | re.I)
SIGN_IN: Final = re.compile(r"<input\b|<form\b", re.I)
WRONG: Final = re.compile(
    r"\b(?:error|invalid|unknown|unauthorized|mismatch|not (?:registered|allowed|found|valid))", re.I
)
REDIRECT: Final = re.compile(r"redirect[\s_-]*ur[il]|callback[\s_-]*ur[il]|reply[\s_-]*ur[il]", re.I)
CLIENT: Final = re.compile(
    r"unauthorized_client|invalid_client|client[\s_-]*(?:id\b|application)|unknown[\s_-]*(?:client|tenant|app)"
    r"|client (?:is )?(?:not|unknown)|application (?:was |is )?not", re.I,
)  # fmt: skip
CODES: Final[dict[str, About]] = {
    "unauthorized_client": "client",
    "invalid_client": "client",
    "unknown-tenant": "client",
    "invalid_scope": "scope",
    "invalid_redirect_uri": "redirect",
    "redirect_uri_mismatch": "redirect",
    "invalid_request": "request",
    "unsupported_response_type": "request",
    "server_error": "down",
    "temporarily_unavailable": "down",
}


class Refused(msgspec.Struct, frozen=True):
    """`reached_app`: the error came to the redirect address, which is registered then. Equal pages have one `mark`."""

    about: About
    text: str
    reached_app: bool
    mark: tuple[int, str, str]


def refused(response: HttpResponse, asked: str, redirect_uri: str) -> Refused | None:
    """What is wrong according to an answer to the request at `asked`. None for a sign-in page, or the way to one."""
    location = response.headers.get("location", "") if 300 <= response.status < 400 else ""
    if location:
        return _in_location(response.status, urljoin(asked, location), redirect_uri)
    text = _text(response)
    if response.status >= 500:
        return Refused("down", f"the server answers {response.status}", False, (response.status, "", ""))
    code = _json_error(response)
    is_page = response.status < 400 and not code
    if is_page and (SIGN_IN.search(response.text()) or not WRONG.search(text)):
        return None
    about = CODES.get(code or "") or _about(text)
    return Refused(about, quoted(text) or f"status {response.status}", False, _mark(response.status, "", text))


def _in_location(status: int, url: str, redirect_uri: str) -> Refused | None:
    parts = urlsplit(url)
    query = parse_qs(f"{parts.query}&{parts.fragment}")
    code, description = (query.get(name, [""])[0] for name in ("error", "error_description"))
    reached_app = url.startswith(redirect_uri) and (url == redirect_uri or url[len(redirect_uri)] in "?#&")
    where = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if not code:
        is_error_page = re.search(r"error|unauthorized|invalid", parts.path.rpartition("/")[2], re.I)
        if reached_app or not is_error_page:
            return None
        # Only what names the mistake: addresses of error pages repeat the request.
        return Refused(_about(parts.path), f"sent to {where}", False, _mark(status, where, parts.query))
    about = CODES.get(code) or next((each for name, each in CODES.items() if name in code), None) or _about(description)
    if about == "request" and _about(description) in ("redirect", "client"):
        about = _about(description)
    text = f"{quoted(code)}: {quoted(description)}" if description else quoted(code)
    return Refused(about, text, reached_app, _mark(status, where, f"{code} {description}"))


def _about(text: str) -> About:
    """By its words; unclear if they name both, or neither."""
    redirect, client = REDIRECT.search(text), CLIENT.search(text)
    if bool(redirect) == bool(client):
        return "unclear"
    return "redirect" if redirect else "client"


def _json_error(response: HttpResponse) -> str | None:
    try:
        body = msgspec.json.decode(response.body, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    code = body.get("error")
    return code if isinstance(code, str) else None


def _text(response: HttpResponse) -> str:
    return TAGS.sub(" ", response.text()[:100_000])


def _mark(status: int, where: str, text: str) -> tuple[int, str, str]:
    """Without numbers and long words, which are ids, times, and what was asked."""
    return status, where, " ".join(re.sub(r"\S*\d\S*|\S{16,}", "#", text).split())[:2000]
