"""Which cases could lock an account at the EHR: those that type a wrong password or a wrong code on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from cobalt_link.conformance.cases import Case, CaseStep, Given, can_run, filled

WRONG = "{canary}"


def wrong_tries(cases: Iterable[Case], given: Given) -> dict[str, dict[str, int]]:
    """By case and by username, how many wrong passwords and codes a check sends. Each case runs twice."""
    found: dict[str, dict[str, int]] = {}
    for case in cases:
        if can_run(case, given) and (tries := _tries(case, given)):
            found[case.name] = tries
    return found


def _tries(case: Case, given: Given) -> dict[str, int]:
    # A case that first makes the canary the real password types nothing wrong.
    if WRONG in msgspec.json.encode(case.prepare).decode():
        return {}
    tries: dict[str, int] = {}
    username = ""
    for step in case.steps:
        username = _username(step, given) or username
        if WRONG in (step.password or "") or WRONG in (step.code or ""):
            tries[username] = tries.get(username, 0) + 2
    return tries


def _username(step: CaseStep, given: Mapping[str, object]) -> str:
    texts: Given = {name: value for name, value in given.items() if isinstance(value, str)}
    return filled(CaseStep(username=step.username), texts).username or ""
