"""The base class of every connector: a manifest, texts, and one sign-in. What it can read is up to its capabilities.

A connector keeps no state between two calls. While signing in, everything outside happens inside a step; always, it
goes through the guarded client `self.http`.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import ClassVar

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.chart import Chart
from cobalt_link.connector.declared import declared
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.manifest import Manifest, read_manifest, read_texts, sign_in_version
from cobalt_link.connector.offers import Offering
from cobalt_link.connector.writing import Writings
from cobalt_link.net.http import Http
from cobalt_link.oauth.registration import NoRegistrations


class Connector:
    """Subclass it in `connectors/<key>/__init__.py`, beside `manifest.toml` and `texts/`.

    Add the methods of each capability that the manifest declares (`cobalt_link.connector.capabilities`), and `renew` if
    the EHR can renew a session without the password. Reads raise a `Refusal`: `SessionEnded` if the EHR no longer
    accepts the session (it is renewed, and the read tried once more), `NoRights`, `EhrDown`, `EhrBusy`. Any other
    exception is answered as `Unexpected`.
    """

    manifest: ClassVar[Manifest]
    folder: ClassVar[Path]
    version: ClassVar[str]
    """Changes if a sign-in that was begun with the earlier code cannot go on with this one."""
    writings: ClassVar[Writings] = {}
    """How to do each of the writes that the manifest declares (`cobalt_link.connector.writing`)."""
    is_launched: ClassVar[bool] = False
    """Whether an EHR can open the app for its user: `sign_in` then heeds `ask.launched`."""

    def __init_subclass__(cls) -> None:
        cls.folder = Path(inspect.getfile(cls)).parent
        cls.manifest = read_manifest(cls.folder, declared(cls))
        cls.version = sign_in_version(cls.folder, cls.manifest.sign_in_version)

    def __init__(self, http: Http, registrations: NoRegistrations | None = None) -> None:
        """`registrations` are the operator's app registrations at EHRs, for sign-ins on the EHR's own page."""
        self.http = http
        self.registrations = registrations or NoRegistrations()

    def texts(self, locale: str) -> dict[str, str]:
        """This connector's own texts by key, with English where the locale has none."""
        return read_texts(self.folder, "en") | read_texts(self.folder, locale)

    async def name_at(self, address: str | None) -> str:
        """What users call the EHR at this address, if the connector has EHRs of several vendors."""
        return self.manifest.name

    async def recognize(self, instance: EhrInstance) -> Offering | None:
        """Raises `NotThisAddress` unless this EHR is at that address. Sends nothing that anybody typed.

        What this server offers to anybody, if it says so and servers differ: then the consent lists that alone, and
        names the rest as not offered."""
        await self.http.check(instance.address)
        return None

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        """The whole sign-in, in plain Python. See `Ask`."""
        raise NotImplementedError

    async def sign_out(self, chart: Chart) -> None:
        """Ends the EHR's session when the account is disconnected. Does nothing if the EHR has no such call."""
