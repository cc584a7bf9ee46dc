"""What docs/develop/contract.md says of the endpoints that write, read from its sections 4.5 to 4.20."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tests.docs.samples import DOCS

PAGE = DOCS / "develop" / "contract.md"
START = re.compile(r"^`(?P<method>POST|PATCH|GET|DELETE) (?P<path>/[^`?]*)`", re.M)
NAME = re.compile(r"`([a-z][a-z0-9_]+)(?:\[\](?: {[^`]*})?)?`")
ROW = re.compile(r"^\| (?P<names>[^|]+?) \|", re.M)
KEY = re.compile(r'[{,] *"?([a-z_]+)"?:')
MESSAGE = re.compile(r"`((?:Missing|Invalid|Unexpected|'appointment_id'|Appointment|Patient|Document|User) [^`]+)`")
EVENT = re.compile(r"`([a-z_]+(?:\.[a-z_]+)*\.[a-z_]+)`")
# Words in backticks before the answer that are values, states, or fields of another call.
NO_FIELDS = {
    "active", "cancelled", "ehr_id", "failed", "incoming", "outgoing", "pending", "pending_update", "rescheduled",
    "scheduled",
}  # fmt: skip
# How the tables shorten names.
SHORT = {"`…_": "`emergency_contact_", "_provider_*`": "_provider_id`", "`pcp_*`": "`pcp_id`"}
LIVE = "/fetch"  # a live fetch is no write


class Endpoint(NamedTuple):
    """`fields` are those of the body, `answers` the keys of the documented answers, `messages` those of 400 and 404."""

    method: str
    path: str
    fields: frozenset[str]
    answers: frozenset[str]
    messages: tuple[str, ...]
    events: frozenset[str]
    text: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@cache
def endpoints() -> dict[str, Endpoint]:
    """By method and path, such as "POST /notes"."""
    found = {}
    for section in re.findall(r"^### 4\.\d+ .*?(?=^##)", PAGE.read_text(), re.M | re.S)[4:]:
        starts = list(START.finditer(section))
        for this, end in zip(starts, [each.start() for each in starts[1:]] + [len(section)], strict=True):
            each = _endpoint(this["method"], this["path"], section[this.end() : end])
            if each.method != "GET" and LIVE not in each.path:
                found[str(each)] = each
    return found


def _endpoint(method: str, path: str, text: str) -> Endpoint:
    asked, _, said = text.partition("\nAnswer:")
    answer = said.partition("\n\n")[0]
    rows = ROW.findall(asked)
    text_of_fields = " ".join(rows) if rows else asked
    for short, name in SHORT.items():
        text_of_fields = text_of_fields.replace(short, name)
    fields = {*NAME.findall(text_of_fields)} - NO_FIELDS
    return Endpoint(
        method,
        path,
        frozenset(fields),
        frozenset(KEY.findall(" ".join(answer.split()))),
        tuple(MESSAGE.findall(" ".join(said.split()))),
        frozenset(EVENT.findall(said)),
        text,
    )
