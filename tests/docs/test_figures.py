"""The figures on hand-written pages are those of the code."""

from datetime import timedelta

import pytest
from msgspec.structs import fields

from cobalt_link.connector.manifest import Manifest
from cobalt_link.link.api import link_tokens
from cobalt_link.link.session import exchange
from cobalt_link.settings import NAMES
from cobalt_link.web import rates, serving
from tests.docs.samples import DOCS

CHOICES, LINK, RATES = "reference/contract-choices.md", "start/how-link-works.md", "why/rate-limits.md"
DAYS = next(each.default for each in fields(Manifest) if each.name == "appointment_days")
HOUR = timedelta(hours=1)
EXPIRES = f"{link_tokens.SHORTEST.total_seconds():.0f} to {link_tokens.LONGEST.total_seconds():.0f} seconds"


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("why/live-reads.md", f"({DAYS} unless it says otherwise)"),
        ("how-to/write-a-connector.md", f"The default is {DAYS}."),
        (CHOICES, EXPIRES),
        (LINK, EXPIRES),
        (LINK, f"for {exchange.ANSWER_KEPT // HOUR} hours"),
        (CHOICES, f"for {exchange.ANSWER_KEPT // HOUR} hours"),
        (LINK, f"| {NAMES['public_token_minutes'].default} minutes, one exchange |"),
        (LINK, f"| {NAMES['link_token_minutes'].default} minutes, or `expires_in`"),
        (LINK, f"A link session has {NAMES['link_session_minutes'].default} minutes"),
        (RATES, f"{rates.MAX_BUCKETS:,} buckets"),
        (RATES, f"({serving.DENIED_PER_MINUTE} a minute)"),
    ],
)
def test_a_figure_is_the_codes(page: str, told: str) -> None:
    assert told in " ".join((DOCS / page).read_text().split())
