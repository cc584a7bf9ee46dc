"""Tries a connector from a terminal: asks each pane as a prompt, and reads what the connector declares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from cobalt_link.conformance.cases import Case, CaseStep
from cobalt_link.conformance.lines import at_error
from cobalt_link.conformance.lists import given, sample
from cobalt_link.conformance.recording import RecordingHttp, trust
from cobalt_link.conformance.runs import RunResult, StraightRun
from cobalt_link.conformance.script import Script
from cobalt_link.connector import (
    AppointmentQuery,
    Chart,
    ChoiceAnswer,
    CodeAnswer,
    Connector,
    CredentialsAnswer,
    DocumentQuery,
    EhrInstance,
    HttpError,
    PaneRefusal,
    PatientQuery,
    Patients,
    Refusal,
    Secret,
    WaitingAnswer,
)
from cobalt_link.connector.models import Capability
from cobalt_link.connector.panes import Answer, Choice, Code, Credentials, Pane, Waiting
from cobalt_link.net.http import Http
from cobalt_link.signin.translate import as_refusal

T = TypeVar("T")
AROUND = timedelta(days=7)
POLLS = 300


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file with the answers, for tests. `steps` are written as in `cases.toml`."""

    steps: tuple[CaseStep, ...]


def read_answers(file: Path) -> tuple[CaseStep, ...]:
    """The answers in a file. Raises msgspec.ValidationError (a ValueError) that names what is wrong."""
    return msgspec.toml.decode(file.read_bytes(), type=Answers).steps


class Prompts(NamedTuple):
    """How to talk to the person at the terminal. `secret` reads without echo."""

    show: Callable[[str], None]
    line: Callable[[str], str]
    secret: Callable[[str], str]


class Records(NamedTuple):
    """What a capability read: the fields that any record has, and the records. `error` is why it could not be read."""

    capability: str
    head: list[str]
    rows: list[list[Any]]
    error: str = ""


class Terminal:
    """Asks each pane with prompts."""

    def __init__(self, prompts: Prompts) -> None:
        self._ask = prompts

    async def answer(self, pane: Pane) -> Answer:
        match pane:
            case Credentials():
                known = f" [{pane.username}]" if pane.username else ""
                username = self._ask.line(f"Username{known}: ") or pane.username or ""
                return CredentialsAnswer(username=username, password=Secret(self._ask.secret("Password: ")))
            case Code():
                again = ", or nothing for a new code" if pane.resend else ""
                again += ", or ? for another way" if pane.other_way else ""
                code = self._ask.secret(f"Code{again}: ")
                if pane.other_way and code == "?":
                    return CodeAnswer(other=True)
                return CodeAnswer(resend=True) if pane.resend and not code else CodeAnswer(code=Secret(code))
            case Choice():
                return ChoiceAnswer(value=self._chosen(pane))
        raise ValueError(f"a sign-in cannot ask a {type(pane).__name__} pane")

    def _chosen(self, pane: Choice) -> str | None:
        most = len(pane.options) + pane.none_of_these
        while True:
            typed = self._ask.line(f"Number (1 to {most}): ")
            if typed.isdigit() and 1 <= int(typed) <= most:
                return pane.options[int(typed) - 1].value if int(typed) <= len(pane.options) else None

    async def instead_of_waiting(self, pane: Waiting) -> WaitingAnswer | None:
        """Waits: what the person does happens elsewhere, such as on a phone."""
        return None


class Trial(StraightRun):
    """A sign-in at the terminal: shows each pane and step as it comes."""

    polls = POLLS
    pause = 2.0

    def __init__(
        self, answers: Any, http: RecordingHttp, texts: Mapping[str, str], show: Callable[[str], None]
    ) -> None:
        super().__init__(answers, http, RunResult())
        self._texts, self._show = texts, show

    def _begun(self, name: str) -> None:
        self._show(f"step  {self._texts.get(f'step.{name}', name)}")

    def _shown(self, pane: Pane) -> None:
        title = self._texts.get(f"choice.{pane.name}.title", "") if isinstance(pane, Choice) else ""
        self._show(f"pane  {pane.__struct_config__.tag}  {title}".rstrip())
        for name, value in msgspec.structs.asdict(pane).items():
            if value and name not in ("name", "options", "none_of_these", "remember"):
                self._show(f"  {name}: {value.code if isinstance(value, PaneRefusal) else value}")
        if isinstance(pane, Choice):
            rows = [self._texts.get(f"choice.{pane.name}.{row.label}", row.label) for row in pane.options]
            for number, label in enumerate([*rows, *(["None of these"] if pane.none_of_these else [])], 1):
                self._show(f"  {number}  {label}")


async def try_connector(
    kind: type[Connector],
    address: str,
    answers: tuple[CaseStep, ...] | None,
    prompts: Prompts,
    texts: Mapping[str, str],
) -> AsyncIterator[Records]:
    """Signs in at the address and yields what each declared capability reads. Raises the Refusal of the sign-in.

    answers: given instead of prompts. Raises CaseBroken if they do not fit the panes.
    """
    instance = EhrInstance(address=address.rstrip("/"))
    http, own = RecordingHttp(kind.folder), Http(allow_private=True, tls=trust())
    try:
        connector = kind(http)
        await connector.recognize(instance)
        asked: Any = Terminal(prompts)
        if answers is not None:
            asked = Script(Case(name="", ends="", steps=answers), instance.address, own, {})
        grant = await connector.sign_in(Trial(asked, http, texts, prompts.show), instance)
        prompts.show(f"signed in as {grant.user.name or grant.user.username} (id {grant.user.id})")
        chart = Chart(instance=instance, tenant=grant.tenant, session=grant.session, known=grant.known, zone=grant.zone)
        for capability in connector.manifest.reads:
            yield await _read(connector, chart, capability)
        try:
            await connector.sign_out(chart)
        except Exception as error:
            # What was read is right all the same.
            prompts.show(f"signing out ended in {_named(connector, error)}")
    finally:
        await http.close()
        await own.close()


async def _read(connector: Any, chart: Chart, capability: Capability) -> Records:
    today = datetime.now(UTC).date()
    try:
        found = await _found(connector, chart, capability, today)
    except Exception as error:
        return Records(capability, [], [], f"it ended in {_named(connector, error)}")
    records = list(found.items) if isinstance(found, Patients) else found if isinstance(found, list) else [found]
    flat = [_flat(each) for each in records]
    head = [name for name in dict.fromkeys(name for row in flat for name in row) if any(row.get(name) for row in flat)]
    return Records(capability, head, [[row.get(name) for name in head] for row in flat])


async def _found(connector: Any, chart: Chart, capability: Capability, today: date) -> Any:
    queries: dict[str, Any] = {
        "appointments": AppointmentQuery(start=today - AROUND, end=today + AROUND),
        "patients": PatientQuery(limit=20),
    }
    if capability in queries:
        return await given(getattr(connector, capability)(chart, queries[capability]))
    if capability != "document_files":
        return (await sample(connector, chart, capability, today))[1]
    listed = await given(connector.documents(chart, DocumentQuery())) if "documents" in connector.manifest.reads else []
    return [await connector.document_files(chart, each.ehr_id) for each in listed[:1]]


def _named(connector: Connector, error: Exception) -> str:
    if isinstance(error, Refusal | HttpError):
        return as_refusal(error).code
    return " at ".join(filter(None, (type(error).__name__, at_error(error, connector.folder))))


def _flat(record: Any, before: str = "") -> dict[str, Any]:
    """The fields of a record, with those of a record inside it as "patient.mrn"."""
    found: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(record).items():
        inside = isinstance(value, msgspec.Struct)
        found |= _flat(value, f"{before}{name}.") if inside else {f"{before}{name}": _shown(value)}
    return found


def _shown(value: Any) -> Any:
    # A table has one line for each record.
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes")
    return " ".join(value.split()) if isinstance(value, str) else value
