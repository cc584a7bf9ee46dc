"""The result of a check of one connector: its findings, the cases that ran, and those that could not run here."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, order=True):
    """`rule` is one of manifest, texts, reads, imports, sign_in, cases, secrets. `text` says what to do."""

    rule: str
    where: str
    text: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """`ran` are the names of the cases that ran. `skipped` says for each other case what it lacks."""

    connector: str
    findings: tuple[Finding, ...] = ()
    ran: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.findings
