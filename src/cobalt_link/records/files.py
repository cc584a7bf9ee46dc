"""How large the files are that go through this API, in both directions."""

from __future__ import annotations

from cobalt_link.connector.models.documents import MOST_FILE
from cobalt_link.web.problems import Problem


class DocumentTooLarge(Problem):
    """The document is larger than 25 MiB, so it goes through this API in neither direction. Use the EHR itself."""

    code = "document_too_large"
    status = 413


def need_size(content: bytes) -> None:
    """Raises DocumentTooLarge."""
    if len(content) > MOST_FILE:
        raise DocumentTooLarge
