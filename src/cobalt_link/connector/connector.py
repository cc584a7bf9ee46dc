"""What an EHR's folder has to give: a manifest, texts, one sign-in story, and the reads that it declares.

A connector is frozen: it keeps no state between two calls. Everything outside of it happens inside `ask.once` and
`ask.until` while signing in, and through the guarded client `self.http` always.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.manifest import Manifest, read_manifest, read_texts, sign_in_version
from cobalt_link.connector.models import (
    Appointment,
    AppointmentQuery,
    Location,
    PatientQuery,
    Patients,
    PracticeSettings,
    Provider,
)
from cobalt_link.net.http import Http


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """An account opened for reading: the EHR's place and tenant, the session and what the grant knew."""

    instance: EhrInstance
    tenant: str
    session: dict[str, Any]
    known: dict[str, Any] = {}


class Connector:
    """Base of every connector. Subclass it in `connectors/<key>/__init__.py`, beside `manifest.toml` and `texts/`.

    Reads raise a `Refusal`: `SessionEnded` when the EHR no longer knows the session (it is then renewed and the read
    tried once more), `NoRights`, `EhrDown`, `EhrBusy`; any other exception is answered as `Unexpected`.
    A read that the manifest does not declare is never called.
    """

    manifest: ClassVar[Manifest]
    folder: ClassVar[Path]
    version: ClassVar[str]
    """Changes when a sign-in begun with the earlier code cannot go on with this one."""

    def __init_subclass__(cls) -> None:
        cls.folder = Path(inspect.getfile(cls)).parent
        cls.manifest = read_manifest(cls.folder)
        cls.version = sign_in_version(cls.folder, cls.manifest.sign_in_version)

    def __init__(self, http: Http) -> None:
        self.http = http

    def texts(self, locale: str) -> dict[str, str]:
        """This connector's own texts, flat, with English where the locale has none."""
        return read_texts(self.folder, "en") | read_texts(self.folder, locale)

    async def recognize(self, instance: EhrInstance) -> None:
        """Whether this EHR is at that address; raises `NotThisAddress`. Sends nothing that anybody typed."""
        await self.http.check(instance.address)

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        """The whole sign-in as one plain story; see `cobalt_link.connector.ask`."""
        raise NotImplementedError

    async def sign_out(self, chart: Chart) -> None:
        """Ends the EHR's session when the account is disconnected. Nothing to do where the EHR has no such call."""

    async def appointments(self, chart: Chart, query: AppointmentQuery) -> list[Appointment]:
        """All appointments of the days asked for, by start."""
        raise NotImplementedError

    async def appointment(self, chart: Chart, ehr_id: str) -> Appointment | None:
        """One appointment; None when the EHR does not know it."""
        raise NotImplementedError

    async def patients(self, chart: Chart, query: PatientQuery) -> Patients:
        """One page of the patients that match, in a stable order."""
        raise NotImplementedError

    async def providers(self, chart: Chart) -> list[Provider]:
        raise NotImplementedError

    async def locations(self, chart: Chart) -> list[Location]:
        raise NotImplementedError

    async def settings(self, chart: Chart) -> PracticeSettings:
        raise NotImplementedError
