"""Two connectors as their pages show them: the example of the guide, and one by hand that the tests break."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cobalt_link.conformance.check import check
from cobalt_link.conformance.report import Finding, Report
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.installed import Installed
from cobalt_link.link.pages import texts

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-connector.md"
BY_HAND = Path(__file__).with_name("by_hand.md")
LINK_TEXTS = {locale: texts.catalog(locale) for locale in texts.LOCALES}
_FILE = re.compile(r"^`(larkspur/[\w./]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# A file, what stands in it, and what is to stand there; "" is the whole file.
Change = tuple[str, str, str]


def files(page: Path = BY_HAND) -> dict[str, str]:
    """The files that a page shows, by path."""
    return {path.removeprefix("larkspur/"): text for path, text in _FILE.findall(page.read_text("utf-8"))}


def write(folder: Path, *changes: Change, page: Path = BY_HAND) -> Path:
    """The package in `folder`, with changes that each have to find their place."""
    package = folder / "larkspur"
    wanted = files(page)
    for name, old, new in changes:
        assert old in wanted[name], f"{name} has no {old!r}"
        wanted[name] = wanted[name].replace(old, new) if old else new
    for name, text in wanted.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text, "utf-8")
    return package


@contextmanager
def loaded(folder: Path, name: str = "larkspur") -> Iterator[type[Connector]]:
    """The connector class of the package in `folder`, imported as if it were installed."""
    sys.path.insert(0, str(folder))
    try:
        module = importlib.import_module(name)
        yield next(
            each for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, Connector) and each is not Connector
        )  # fmt: skip
    finally:
        sys.path.remove(str(folder))
        for each in [each for each in sys.modules if each.split(".")[0] == name]:
            del sys.modules[each]
        importlib.invalidate_caches()


async def checked(
    folder: Path,
    *changes: Change,
    address: str | None = None,
    wrong_passwords: bool = True,
    page: Path = BY_HAND,
) -> Report:
    """The report on a page's connector with these changes; the case file's own EHR, unless there is an address."""
    write(folder, *changes, page=page)
    with loaded(folder) as connector:
        found = [Installed(name="larkspur", connector=connector)]
        (report,) = await check(found, LINK_TEXTS, address=address, wrong_passwords=wrong_passwords)
    return report


def found(report: Report, rule: str, *parts: str) -> list[Finding]:
    """The findings of a rule whose place or text holds all of these parts."""
    return [
        each for each in report.findings
        if each.rule == rule and all(part in f"{each.where}: {each.text}" for part in parts)
    ]  # fmt: skip
