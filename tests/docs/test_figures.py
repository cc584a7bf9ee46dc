"""The figures on hand-written pages are those of the code."""

from datetime import timedelta

import pytest

from cobalt_link.link.api import link_tokens
from cobalt_link.link.session import exchange
from cobalt_link.records import days
from cobalt_link.settings import NAMES
from cobalt_link.web import rates, serving
from tests.docs.samples import DOCS

CHOICES, LINK, RATES = "reference/contract-choices.md", "start/how-link-works.md", "why/rate-limits.md"
HOUR = timedelta(hours=1)
EXPIRES = f"{link_tokens.SHORTEST.total_seconds():.0f} to {link_tokens.LONGEST.total_seconds():.0f} seconds"


@pytest.mark.parametrize(
    ("page", "told"),
    [
        (CHOICES, f"at most {days.LONGEST} days"),
        ("why/live-reads.md", f"at most {days.LONGEST} days"),
        ("how-to/troubleshoot.md", f"at most {days.LONGEST} days"),
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
