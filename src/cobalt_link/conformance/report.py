"""The result of a check of one connector: its findings, the cases that ran, and those that could not run here."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Finding(msgspec.Struct, frozen=True, order=True):
    """`rule` is one of manifest, texts, reads, imports, sign_in, cases, secrets. `where` is a file and a line.

    `text` says what is wrong, and what to do.
    """

    rule: str
    where: str
    text: str


class Fault(NamedTuple):
    """What went wrong in a run. `where` is the file and line in the connector, "" if only the case is known."""

    text: str
    where: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`ran` are the names of the cases that ran. `skipped` says for each other case what it lacks."""

    connector: str
    findings: tuple[Finding, ...] = ()
    ran: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """A connector of which no case ran has shown nothing, so it has not passed."""
        return bool(self.ran) and not self.findings
