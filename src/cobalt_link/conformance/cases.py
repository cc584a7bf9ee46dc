"""What a connector brings to be told with: `cases.toml`, its sign-ins as lists of answers and what becomes of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from cobalt_link.connector.manifest import Capability
from cobalt_link.connector.panes import (
    ANSWERS,
    Answer,
    ChoiceAnswer,
    CodeAnswer,
    CredentialsAnswer,
    Pane,
    WaitingAnswer,
)
from cobalt_link.connector.secrets import Secret

# What the {names} in the cases stand for; a function is asked when the step is taken (a code that was just texted).
Given: TypeAlias = Mapping[str, str | Callable[[], str]]

FILE = "cases.toml"
_OPEN = re.compile(r"\{(\w+)\}")


class CaseBroken(BaseException):
    """The case cannot be told: its answers do not fit, or its EHR does not do as it is told. Passes every connector."""


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An EHR to start for the cases: `python -m <module> <args>`, which prints its address as its first line.

    `{folder}` in an argument is a temporary folder. `reset` is sent before each telling ("POST /reset").
    """

    module: str
    args: tuple[str, ...] = ()
    reset: str | None = None


class CaseStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer, or a request (`send`, with a `json` body) that changes the EHR before the next one."""

    username: str | None = None
    password: str | None = None
    code: str | None = None
    resend: bool = False
    value: str | None = None
    none: bool = False
    action: Literal["check", "resend", "other", "again"] | None = None
    send: str | None = None
    json: Any = None


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`panes` are the kinds shown, in order, each with the code of its problem if it has one ("code wrong_code").

    `ends` is "granted" or the code of the refusal. `reads` are read with the grant, `renewed` is how a renewal without
    the person ends. `timeout` is the client's, in seconds. `needs` and `unless` are {names} that have to be given, or
    must not be.
    """

    name: str
    ends: str
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    panes: tuple[str, ...] = ()
    prepare: tuple[CaseStep, ...] = ()
    steps: tuple[CaseStep, ...] = ()
    reads: tuple[Capability, ...] = ()
    renewed: Literal["granted", "login_required"] | None = None
    timeout: float = 20.0


class Cases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. Without `ehr` the cases need an address from outside."""

    ehr: Program | None = None
    case: tuple[Case, ...] = ()


def read_cases(folder: Path) -> Cases | None:
    """None when the folder has none. Raises msgspec.ValidationError (a ValueError) that names what is wrong."""
    file = folder / FILE
    return msgspec.toml.decode(file.read_bytes(), type=Cases) if file.is_file() else None


def wanted(case: Case) -> set[str]:
    """The names in braces that somebody has to give a value for."""
    texts = msgspec.json.encode((case.prepare, case.steps)).decode()
    return {*_OPEN.findall(texts), *case.needs} - {"canary"}


def filled(step: CaseStep, values: Given) -> CaseStep:
    """The step with every {name} replaced; a value that is a function is asked now."""
    return msgspec.convert(_filled(msgspec.to_builtins(step), values), CaseStep)


def _filled(value: Any, values: Given) -> Any:
    match value:
        case str():
            return _OPEN.sub(lambda found: _value(values.get(found[1], found[0])), value)
        case dict():
            return {key: _filled(each, values) for key, each in value.items()}
        case list() | tuple():
            return [_filled(each, values) for each in value]
    return value


def _value(given: str | Callable[[], str]) -> str:
    return given if isinstance(given, str) else given()


def answer_to(pane: Pane, step: CaseStep) -> Answer:
    """The step as the typed answer to a pane. Raises CaseBroken when it answers another kind."""
    kind = ANSWERS[type(pane)]
    if kind is CredentialsAnswer and step.username is not None and step.password is not None:
        return CredentialsAnswer(username=step.username, password=Secret(step.password))
    if kind is CodeAnswer and (step.code is not None or step.resend):
        return CodeAnswer(code=Secret(step.code) if step.code is not None else None, resend=step.resend)
    if kind is ChoiceAnswer and (step.value is not None or step.none):
        return ChoiceAnswer(value=step.value)
    if kind is WaitingAnswer and step.action is not None:
        return msgspec.convert({"action": step.action}, WaitingAnswer)
    tag = type(pane).__struct_config__.tag
    if tag in ("picker", "consent", "message"):
        raise CaseBroken(f"a story does not ask a {tag} pane itself: Link does that")
    raise CaseBroken(f"the pane is {label(pane)!r}, and the step does not answer that")


def label(pane: Pane) -> str:
    """A pane as cases write it: its kind, and the code of its problem."""
    kind = str(type(pane).__struct_config__.tag)
    return f"{kind} {pane.problem.code}" if pane.problem else kind
