"""An app with Cora's account at a real GNU Health, which writes through the API and looks into GNU Health itself."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import httpx2

from cobalt_link.connectors.gnuhealth.values import tag
from tests.connectors.gnuhealth.written import count, raw
from tests.stories.person import Person
from tests.support.clinic import LinkedApp
from tests.support.ehrs import gnuhealth_seed as seed
from tests.support.ehrs.gnuhealth import GnuHealth
from tests.support.world import Shop

VISIT, NOTE = "gnuhealth.appointment", "gnuhealth.patient.evaluation"


class Hospital(LinkedApp):
    """`server` is asked by its own RPC."""

    def __init__(self, app: Shop, account: str, token: str, server: GnuHealth) -> None:
        super().__init__(app, account, token)
        self.server = server

    @classmethod
    async def linked(cls, app: Shop, server: GnuHealth, browser: httpx2.AsyncClient) -> Hospital:
        """Cora goes through Link in this browser. It needs a worker."""
        wanted = {"org_id": "ward-7", "emr_name": "GNU Health", "emr_instance_domain": server.url}
        link_token = await app.link_token(**wanted)
        public = await Person(browser, "ccameron", server.users["ccameron"]).link(link_token)
        token = (await app.exchange(public)).json()["token"]
        account = (await app.session(link_token))["account_id"]
        return cls(app, account, token, server)

    def booking(self, days: int, hour: int, reason: str = "Follow-up") -> dict[str, Any]:
        start = datetime.combine(self.server.today + timedelta(days=days), time(hour, 40), seed.ZONE)
        who = {"mrn": "PUID-000", "provider": "1", "location": "1", "type": "followup"}
        return {**who, "datetime": start.isoformat(), "reason": reason}

    async def new_appointment(self, days: int = 3, hour: int = 9, **more: Any) -> dict[str, Any]:
        return {**self.booking(days, hour), **more}

    async def does(self, path: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
        """The job of a write that succeeded."""
        job = await self.done(path, body, method)
        assert job["state"] == "succeeded", job
        return job

    async def rows(self, job_id: int) -> int:
        """How many records GNU Health has of a job."""
        theirs = tag(await self.client_ref(job_id))
        return count(self.server, VISIT, ["name", "=", theirs]) + count(self.server, NOTE, ["code", "=", theirs])

    async def held(self, receipt: dict[str, Any]) -> dict[str, Any]:
        """What GNU Health has of what a receipt is about, in the receipt's words."""
        if receipt["operation"] == "notes.create":
            return {"text": raw(self.server, NOTE, receipt["ehr_id"], "notes")["notes"]}
        return {"reason": raw(self.server, VISIT, receipt["ehr_id"], "comments")["comments"]}
