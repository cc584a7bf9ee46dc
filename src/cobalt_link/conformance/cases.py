"""`cases.toml`: the sign-ins that a connector is checked with, each as a list of answers and its expected end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from cobalt_link.connector.capabilities import Capability
from cobalt_link.connector.manifest import Manifest
from cobalt_link.connector.panes import (
    Answer,
    ChoiceAnswer,
    CodeAnswer,
    CredentialsAnswer,
    Pane,
    WaitingAnswer,
    answer_type,
)
from cobalt_link.connector.secrets import Secret

# Values for the {names} in the cases. A function is called when its step is due: for a code that was just texted, say.
Given: TypeAlias = Mapping[str, str | Callable[[], str]]

FILE = "cases.toml"
_OPEN = re.compile(r"\{(\w+)\}")


class CaseBroken(BaseException):
    """The case cannot run to its end: its answers do not fit the panes, or the EHR refuses one of its requests.

    A BaseException, so that a connector's `except Exception` lets it pass.
    """


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An EHR to start for the cases: `python -m <module> <args>`. It prints its address as its first line.

    `{folder}` in an argument is a temporary folder. `reset` is sent before each run ("POST /reset").
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
    """`panes` are the kinds shown, in order. A pane that is asked again has the refusal's code ("code wrong_code").

    `ends` is "granted" or a refusal's code. `reads` are read with the grant, where "all" is all that the manifest
    declares. `renewed` is how a renewal in the background ends. `end_session` are requests that make the EHR end every
    session: they are sent before each read that has to raise SessionEnded. `timeout` is the HTTP client's, in seconds.
    The case runs only if every {name} in `needs` is given and none in `unless` is.
    """

    name: str
    ends: str
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    panes: tuple[str, ...] = ()
    prepare: tuple[CaseStep, ...] = ()
    steps: tuple[CaseStep, ...] = ()
    reads: tuple[Capability | Literal["all"], ...] = ()
    renewed: Literal["granted", "login_required"] | None = None
    end_session: tuple[CaseStep, ...] = ()
    timeout: float = 20.0


def reads_of(case: Case, manifest: Manifest) -> tuple[Capability, ...]:
    """What a case reads."""
    if "all" in case.reads:
        return tuple(manifest.reads)
    return tuple(each for each in case.reads if each != "all")


class Cases(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. Without `ehr` the cases need an address from outside."""

    ehr: Program | None = None
    case: tuple[Case, ...] = ()


def read_cases(folder: Path) -> Cases | None:
    """None if the folder has no cases. Raises msgspec.ValidationError (a ValueError) that names what is wrong."""
    file = folder / FILE
    return msgspec.toml.decode(file.read_bytes(), type=Cases) if file.is_file() else None


def wanted(case: Case) -> set[str]:
    """The names in braces that need a value."""
    texts = msgspec.json.encode((case.prepare, case.steps, case.end_session)).decode()
    return {*_OPEN.findall(texts), *case.needs} - {"canary"}


def can_run(case: Case, given: Given) -> bool:
    """Whether all {names} that the case needs are given, and none that it excludes."""
    return wanted(case) <= given.keys() and not given.keys() & set(case.unless)


def filled(step: CaseStep, values: Given) -> CaseStep:
    """The step with every {name} replaced. A value that is a function is called now."""
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
    kind = answer_type(type(pane))
    if kind is CredentialsAnswer and step.username is not None and step.password is not None:
        return CredentialsAnswer(username=step.username, password=Secret(step.password))
    if kind is CodeAnswer and (step.code is not None or step.resend):
        return CodeAnswer(code=Secret(step.code) if step.code is not None else None, resend=step.resend)
    if kind is CodeAnswer and step.action == "other":
        return CodeAnswer(other=True)
    if kind is ChoiceAnswer and (step.value is not None or step.none):
        return ChoiceAnswer(value=step.value)
    if kind is WaitingAnswer and step.action is not None:
        return msgspec.convert({"action": step.action}, WaitingAnswer)
    tag = type(pane).__struct_config__.tag
    if tag in ("picker", "consent", "message"):
        raise CaseBroken(f"a sign-in cannot ask a {tag} pane, because Link asks it. Remove it from the sign-in")
    raise CaseBroken(f"the sign-in shows the pane {label(pane)!r}, and the next step of the case does not answer it")


def label(pane: Pane) -> str:
    """A pane as cases write it: its kind, and the code of its refusal."""
    kind = str(type(pane).__struct_config__.tag)
    return f"{kind} {pane.problem.code}" if pane.problem else kind
