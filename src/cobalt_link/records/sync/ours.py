"""What we wrote for an org since its schedule was last read, so that it is not taken for a change of the staff."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from cobalt_link.records.sync.changes import Span
from cobalt_link.records.writes.run import LAST_LOOK
from cobalt_link.records.writes.table import Sent

# Between the clocks of two machines of ours.
SKEW = timedelta(seconds=2)


class Ours(msgspec.Struct, frozen=True):
    """`ids` are those of the records. `arriving` are the times within which the EHR may get an appointment that may
    have no id of ours yet."""

    ids: frozenset[str]
    arriving: tuple[Span, ...]


def ours(sent: Iterable[Sent], began: datetime) -> Ours:
    """For a read that `began` then, if `sent` was looked up after the EHR had answered."""
    arriving: list[Span] = []
    written = list(sent)
    for each in written:
        # What was settled during the read may have got its id after the read had given it another one.
        if each.operation == "appointments.create" and (each.settled_at is None or each.settled_at > began - SKEW):
            last = each.settled_at + SKEW if each.settled_at else each.intent_at + LAST_LOOK
            arriving.append(((each.intent_at - SKEW).timestamp(), last.timestamp()))
    return Ours(frozenset(id_ for each in written for id_ in (each.record_id, *each.touches)), tuple(arriving))
