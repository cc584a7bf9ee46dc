"""The file of a DocumentReference: inline, in a Binary of this server, or nowhere.

A Binary is asked for by its own media type first: some servers wrap it in JSON for FHIR's.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from html import unescape
from typing import Any

import msgspec

from cobalt_link.connector import BrokenAnswer, HttpResponse, NotJson, RecordNotFound
from cobalt_link.connectors.smart.outcomes import FhirRefused
from cobalt_link.connectors.smart.server import JSON, Server
from cobalt_link.connectors.smart.values import Resource, every, text, whole

ENDINGS = {
    "application/pdf": ".pdf", "text/plain": ".txt", "text/html": ".html", "application/xhtml+xml": ".html",
    "text/rtf": ".rtf", "application/rtf": ".rtf", "text/xml": ".xml", "application/xml": ".xml",
    "application/hl7-v3+xml": ".xml", "image/jpeg": ".jpg", "image/png": ".png", "image/tiff": ".tiff",
}  # fmt: skip
READABLE = ("text/plain", "text/html", "application/xhtml+xml", "text/rtf", "application/rtf", "text/markdown")
_BREAKS = re.compile(r"<\s*(?:br|/p|/div|/li|/tr|/h[1-6])\b[^>]*>", re.IGNORECASE)
_HIDDEN = re.compile(r"<\s*(script|style|head|title)\b.*?<\s*/\s*\1\s*>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[^<>]{0,5000}>")
_RTF_HIDDEN = re.compile(r"\{\\(?:\*|fonttbl|colortbl|stylesheet|info|pict)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
_RTF_BREAK = re.compile(r"\\(?:par|line)\b ?")
_RTF_CODE = re.compile(r"\\'([0-9a-fA-F]{2})")
_RTF_WORD = re.compile(r"\\[a-zA-Z]{1,32}-?\d{0,10} ?|[{}]")


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is as the server wrote it. `data` is base64."""

    media_type: str
    title: str | None = None
    url: str | None = None
    data: str | None = None
    size: int | None = None


def attachments(record: Resource) -> list[Attachment]:
    """Those with a file: in some records an extension says that there is none, and nothing else stands there."""
    found = []
    for each in every(record, "content.attachment"):
        if isinstance(each, Mapping) and (text(each, "url") or text(each, "data")):
            media = (text(each, "contentType") or "application/octet-stream").split(";")[0].strip().casefold()
            found.append(
                Attachment(
                    media_type=media,
                    title=text(each, "title"),
                    url=text(each, "url"),
                    data=text(each, "data"),
                    size=whole(each, "size"),
                )
            )
    return found


async def content(server: Server, attachment: Attachment) -> tuple[bytes, str] | None:
    """The bytes and their media type. None if this server does not have them."""
    if attachment.data is not None:
        return _decoded(attachment.data), attachment.media_type
    url = server.resolved(attachment.url or "")
    if url is None:
        return None
    try:
        response = await server.send("GET", url, accept=f"{attachment.media_type}, {JSON};q=0.5, */*;q=0.1")
    except RecordNotFound:
        return None
    except FhirRefused as refused:
        if refused.status != 406:
            raise
        response = await server.send("GET", url)
    return _unwrapped(response, attachment.media_type)


def as_text(data: bytes, media_type: str) -> str:
    """A note's text with line breaks, of any of the readable media types."""
    said = _as_unicode(data)
    if media_type in ("text/html", "application/xhtml+xml"):
        said = unescape(_TAGS.sub("", _BREAKS.sub("\n", _HIDDEN.sub("", said))))
    elif media_type in ("text/rtf", "application/rtf"):
        said = _of_rtf(said)
    lines = [each.rstrip() for each in said.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").split("\n")]
    return "\n".join(lines).strip()


def filename(attachment: Attachment, description: str | None, ehr_id: str) -> str:
    """A name with an extension. The type of a document is often one useless word, so its own title comes first."""
    name = attachment.title or description or f"document-{ehr_id}"
    name = "".join("_" if each in '/\\:*?"<>|' or not each.isprintable() else each for each in name).strip(". ")[:150]
    ending = ENDINGS.get(attachment.media_type, "")
    has_ending = re.fullmatch(r".*\.[A-Za-z0-9]{1,5}", name)
    return name or f"document{ending}" if has_ending else f"{name or 'document'}{ending}"


def _unwrapped(response: HttpResponse, expected: str) -> tuple[bytes, str] | None:
    said = response.headers.get("content-type", "").split(";")[0].strip().casefold()
    if "json" in said:
        try:
            body: Any = response.json()
        except NotJson:
            body = None
        if text(body, "resourceType") == "Binary":
            return _decoded(text(body, "data") or ""), text(body, "contentType") or expected
        if text(body, "resourceType") and "json" not in expected:
            return None  # another resource, or an outcome: not the file
    return response.body, said or expected


def _decoded(data: str) -> bytes:
    try:
        return b64decode("".join(data.split()) + "==")
    except ValueError:
        raise BrokenAnswer("A document of the EHR is not base64.") from None


def _as_unicode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _of_rtf(said: str) -> str:
    said = _RTF_BREAK.sub("\n", _RTF_HIDDEN.sub("", said))
    said = _RTF_CODE.sub(lambda found: bytes([int(found[1], 16)]).decode("cp1252", "replace"), said)
    return _RTF_WORD.sub("", said)
