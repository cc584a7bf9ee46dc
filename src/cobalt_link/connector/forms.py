"""A form with a file, as `multipart/form-data` (RFC 7578)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

import msgspec

# As browsers write them: WHATWG HTML, "Multipart form data". Nothing may end the header or the quotes.
_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(\s*;\s*[\w-]+=[\w.+-]+)*", re.ASCII)


class Content(msgspec.Struct, frozen=True):
    """A body, and its `Content-Type`."""

    media_type: str
    body: bytes


def multipart(fields: Mapping[str, str], *, name: str, filename: str, media_type: str, content: bytes) -> Content:
    """The fields, and the file under `name`. A `media_type` that is none is sent as `application/octet-stream`."""
    # Random: no text or file can hold it.
    boundary = secrets.token_hex(16)
    kind = media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"
    parts = [_part(f'name="{_quoted(each)}"', "", value.encode()) for each, value in fields.items()]
    about = f'name="{_quoted(name)}"; filename="{_quoted(filename)}"'
    parts.append(_part(about, f"\r\nContent-Type: {kind}", content))
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    return Content(f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode())


def _part(about: str, headers: str, body: bytes) -> bytes:
    return f"Content-Disposition: form-data; {about}{headers}\r\n\r\n".encode() + body


def _quoted(text: str) -> str:
    return "".join(_ESCAPES.get(each, each) for each in text)
