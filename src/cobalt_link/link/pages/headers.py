"""The headers of every hosted page. It loads only our own files, and only registered origins may frame it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from cobalt_link.developers.addresses import is_app_scheme

# The characters of an origin (RFC 6454 §6.1) and of an IPv6 address. A space, ";", or "," could start another
# directive.
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_DENIED = ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone")
_ALSO_DENIED = ("browsing-topics", "midi", "payment", "serial", "usb", "hid")


def page_headers(
    *, https: bool, form_targets: Sequence[str] = (), frame_ancestors: Sequence[str] = (), anywhere: bool = False
) -> dict[str, str]:
    """Headers for one page (S-114, S-119).

    `form_targets` are URLs or origins to which the response to a form may redirect. Chromium silently drops other
    redirects after a POST. Those that `can_follow_a_form` refuses are left out. `frame_ancestors` are the origins that
    may frame the page. If it is empty, none may. `anywhere`: any page may frame this one, because it only says why Link
    is not shown. Raises ValueError for something that is no such address.
    """
    ancestors = ["*"] if anywhere else _origins(frame_ancestors)
    headers = {
        "Content-Security-Policy": _policy(form_targets, ancestors),
        "Referrer-Policy": "same-origin",  # with no-referrer a form post carries "Origin: null"
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
        "Cross-Origin-Resource-Policy": "cross-origin" if ancestors else "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",  # a page that is isolated itself shows no frame without it
        "Permissions-Policy": ", ".join(f"{name}=()" for name in (*_DENIED, *_ALSO_DENIED)),
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # without it nginx buffers the streamed steps
    }
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers


def _policy(form_targets: Iterable[str], ancestors: Sequence[str]) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "connect-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            " ".join(("form-action 'self'", *_sources(form_targets))),
            " ".join(("frame-ancestors", *(ancestors or ["'none'"]))),
            "base-uri 'none'",
            "object-src 'none'",
        )
    )


def is_origin(text: str) -> bool:
    """Whether a text is the origin of a web page as browsers send it."""
    return _ORIGIN.fullmatch(text) is not None


def _origins(urls: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(_origin(url) for url in urls))


def can_follow_a_form(url: str) -> bool:
    """Whether a policy can allow the redirect of a form to this URL. The grammar of CSP has no IPv6 address (CSP Level
    3), and to allow the whole scheme would allow every host."""
    return not urlsplit(url).netloc.startswith("[")


def _sources(urls: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(_source(url) for url in urls if can_follow_a_form(url)))


def _source(url: str) -> str:
    scheme, colon, _ = url.partition("://")
    return f"{scheme}:" if colon and is_app_scheme(scheme) else _origin(url)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(f"{url!r} is not a web address; register one such as https://app.example/return")
    return origin
