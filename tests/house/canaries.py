"""No test of the whole suite may leave a secret in the log or on standard error (S-049).

The canaries are every token of ours, the passwords and codes that tests type, and patients of the sandbox EHR: as they
are, in percent encoding, and in base64 and UTF-16.
"""

import base64
import re
from collections.abc import Generator, Iterator
from urllib.parse import quote

import pytest

from cobalt_link.kit.tokens import ACCESS, CLIENT_SECRET, ENVIRONMENTS, LINK, PUBLIC

WORDS = ("pass_good", "Adm1n-Lab-Pass!", "Eleanor")
SEARCHED = ("Captured log", "Captured stderr")


def spellings(word: str) -> Iterator[str]:
    """A word in the encodings in which it might leave. Base64 depends on what stands in front of it."""
    for raw in (word.encode(), word.encode("utf-16-le")):
        yield raw.hex()
        for before in range(3):
            coded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
            yield coded[-(-before * 8 // 6) : len(coded) - (1 if (before + len(raw)) % 3 else 0)]
    yield from (word, quote(word, safe=""), word.encode("unicode_escape").decode())


LEAK = re.compile(
    rf"\b(?:{LINK}|{PUBLIC}|{ACCESS}|{CLIENT_SECRET})_(?:{'|'.join(ENVIRONMENTS)})_[0-9A-Za-z]{{20,}}"
    rf"|{'|'.join(sorted({re.escape(each) for word in WORDS for each in spellings(word)}))}"
)


def leaks(text: str) -> list[str]:
    """The lines with a secret."""
    return [line for line in text.splitlines() if LEAK.search(line)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    found = [line for name, text in report.sections if name.startswith(SEARCHED) for line in leaks(text)]
    if found and report.passed:  # what fails anyway shows its own error
        report.outcome = "failed"
        report.longrepr = "\n".join(["A secret is in the log (S-049):", *found[:5]])
    return report
