"""What an app's receiver was told of its writes: signed both ways, by the verifiers of docs/how-to/webhooks.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.webhooks.receiver import Received
from tests.webhooks.samples import python_sample

STANDARD, BY_HAND = python_sample("verify.py"), python_sample("verify_body.py")


def of_job(got: Sequence[Received], job_id: int, secret: str) -> list[dict[str, Any]]:
    """The events of a job as they arrived. Each one is signed by `secret` in both ways, and by no other."""
    events = [each for each in got if str(each.json.get("job_id")) == str(job_id)]
    for each in events:
        assert STANDARD(secret, each.headers, each.body) is not None, "the Standard Webhooks signature"
        assert BY_HAND(secret, each.headers, each.body), "cobalt-verification"
        assert not BY_HAND(secret + "x", each.headers, each.body)
        assert each.json["id"] == each.id
    return [each.json for each in events]
