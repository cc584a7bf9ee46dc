"""What the judge says of one connector: its findings, what was told, and what could not be told here."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, order=True):
    """`rule` is the judge's (manifest, texts, reads, imports, story, cases, secrets); `text` says what to do."""

    rule: str
    where: str
    text: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`told` are the cases that ran, `skipped` says for each that did not what it lacks."""

    connector: str
    findings: tuple[Finding, ...] = ()
    told: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.findings
