"""Where a page of a list begins."""

from typing import Annotated

import msgspec

# SQLite takes no larger number than 2**63, and no list is that long.
Offset = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
