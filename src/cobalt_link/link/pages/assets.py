"""The files that pages load. Their paths contain their hash, so browsers may cache them forever."""

from __future__ import annotations

import gzip
import re
from functools import cache, lru_cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from cobalt_link.link.pages import accents

PREFIX = "/static/"
_REFUSED = re.compile(r";\s*q=0(\.0*)?\s*$")  # RFC 9110 §12.4.2
_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def _files() -> dict[str, tuple[str, bytes, str]]:
    """Each file by name: its hashed name, its bytes, its media type."""
    found = {}
    for file in sorted(_STATIC.iterdir()):
        if file.suffix in _TYPES:
            body = file.read_bytes()
            hashed = f"{file.stem}.{sha256(body).hexdigest()[:12]}{file.suffix}"
            found[file.name] = (hashed, body, _TYPES[file.suffix])
    return found


def static_url(name: str) -> str:
    """The path of a file, such as `/static/link.3f2a9c1b77de.css` for `link.css`."""
    return PREFIX + _files()[name][0]


def static(name: str) -> tuple[bytes, str]:
    """Bytes and media type by hashed name (the last part of `static_url`). Raises KeyError for any other name."""
    if color := accents.color_of(name):
        return accents.style_sheet(color), _TYPES[".css"]
    return {hashed: (body, media) for hashed, body, media in _files().values()}[name]


def accent_url(color: str) -> str:
    """The path of the style sheet of a client's accent."""
    return PREFIX + accents.file_name(color)


def source(name: str) -> bytes:
    """The bytes of a file by its plain name."""
    return _files()[name][1]


def packed(body: bytes, accepted: str) -> tuple[bytes, str]:
    """A file in the best encoding that the browser accepts, and its name: the built brotli, else gzip, else "" for
    none.

    Pages are never compressed: their compressed length could reveal the secrets in them (BREACH).
    """
    codings = {each.split(";")[0].strip() for each in accepted.split(",") if not _REFUSED.search(each)}
    if "br" in codings and body in _brotli():
        return _brotli()[body], "br"
    return (_gzip(body), "gzip") if "gzip" in codings else (body, "")


@cache
def _brotli() -> dict[bytes, bytes]:
    """Packed bytes by plain ones. The packed file is of the same build: a test unpacks and compares."""
    files = [(file, file.with_name(file.name + ".br")) for file in _STATIC.iterdir()]
    return {file.read_bytes(): packed.read_bytes() for file, packed in files if packed.exists()}


@lru_cache(maxsize=256)
def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


VERSION = version("cobalt-link")
IMMUTABLE = {"Cache-Control": "public, max-age=31536000, immutable"}
# Any site may load the SDK. Open CORS lets the site also check its hash (SRI).
SDK_HEADERS = {
    "Cache-Control": "public, max-age=300",
    "Access-Control-Allow-Origin": "*",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
STATIC_HEADERS = {
    **IMMUTABLE,
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
