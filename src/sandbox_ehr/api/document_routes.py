"""Documents over HTTP: uploaded as a form with a file, listed as JSON, downloaded as bytes."""

from urllib.parse import quote

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr import refusals
from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.api.chart_work import read_chart, write_chart
from sandbox_ehr.api.resources import NoQuery, changes, lists, reads
from sandbox_ehr.clinic import documents
from sandbox_ehr.clinic.documents import DOCUMENT, DocumentChange, DocumentQuery, File, NewDocument
from sandbox_ehr.refusals import RequestRefused
from sandbox_ehr.requests import multipart_form, query_parameters


async def upload(request: Request) -> Response:
    session = await require_session(request, "documents.write")
    body, file = await _uploaded(request)
    return await write_chart(request, session, "document", documents.create, body, file, client_ref=body.client_ref)


async def download(request: Request) -> Response:
    session = await require_session(request, "documents.read")
    query_parameters(request, NoQuery)
    row, content = await read_chart(request, session, documents.content, request.path_params["id"])
    # RFC 6266, appendix D: any name, in ASCII and with its charset.
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['filename'], safe='')}"}
    return Response(content, media_type=row["media_type"], headers=headers)


async def _uploaded(request: Request) -> tuple[NewDocument, File]:
    form = await multipart_form(request)
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise RequestRefused(refusals.missing_fields(["file"]))
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        media_type = file.content_type or "application/octet-stream"
        content = await file.read()
        return msgspec.convert(fields, NewDocument, strict=False), File(
            file.filename or "document", media_type, content
        )
    except msgspec.ValidationError as error:
        raise RequestRefused(refusals.bad_request(f"The form is not valid: {error}")) from None
    finally:
        await form.close()


routes = [
    lists("documents.read", DOCUMENT, DocumentQuery),
    reads("documents.read", DOCUMENT),
    Route("/api/documents/{id}/content", download, methods=["GET"]),
    Route("/api/documents", upload, methods=["POST"]),
    changes("documents.write", "/api/documents/{id}", "document", DocumentChange, documents.change),
]
