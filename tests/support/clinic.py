"""An app with a linked account at the sandbox EHR, which writes through the API and looks into the EHR itself."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from tests.stories.person import Person
from tests.support.world import Sandbox, Shop


class LinkedApp:
    """An app with the access token of one account, at whatever EHR."""

    def __init__(self, app: Shop, account: str, token: str) -> None:
        self.app, self.account, self.token = app, account, token

    async def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return await self.app.call(method, path, access_token=self.token, **options)

    async def read(self, path: str, **query: Any) -> Any:
        answer = await self.call("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def write(self, path: str, body: dict[str, Any], method: str = "POST", **options: Any) -> dict[str, Any]:
        """An accepted write."""
        answer = await self.call(method, path, json=body, **options)
        assert answer.status_code in (200, 202), answer.text
        return answer.json()

    async def job(self, job_id: int, wait: int = 20) -> dict[str, Any]:
        """The job, once it is settled or after `wait` seconds."""
        answer = await self.app.call("GET", f"/v1/jobs/{job_id}", params={"wait": wait})
        assert answer.status_code == 200, answer.text
        return answer.json()["job"]

    async def done(self, path: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
        """The settled job of a write."""
        return await self.job((await self.write(path, body, method))["job_id"])

    async def receipt(self, job_id: int) -> dict[str, Any]:
        answer = await self.app.call("GET", f"/v1/jobs/{job_id}/receipt")
        assert answer.status_code == 200, answer.text
        return answer.json()["payload"]

    async def client_ref(self, job_id: int) -> str:
        """What the connector gets as the reference of a job's write."""
        record_id = (await self.job(job_id, wait=0))["record_id"]
        return hashlib.sha256(f"{record_id}-{job_id}".encode()).hexdigest()[:32]


class Clinic(LinkedApp):
    """`chart` are the EHR's own rows, read past our code."""

    def __init__(self, app: Shop, sandbox: Sandbox, linked: dict[str, Any], session: str) -> None:
        super().__init__(app, linked["account_id"], linked["access_token"])
        self.sandbox, self.session, self.username = sandbox, session, linked["ehr_username"]

    @classmethod
    async def of(cls, app: Shop, sandbox: Sandbox, **wanted: Any) -> Clinic:
        answer = await app.call("POST", "/v1/sandbox/accounts", json=wanted)
        assert answer.status_code == 200, answer.text
        return cls(app, sandbox, answer.json(), await sandbox.session())

    async def chart(self, path: str, **query: Any) -> Any:
        return await self.sandbox.read(path, self.session, **query)

    async def held(self, receipt: dict[str, Any]) -> dict[str, Any]:
        """What the EHR has of an appointment, in the words of its receipt."""
        visit = (await self.chart(f"appointments/{receipt['ehr_id']}"))["appointment"]
        return {"reason": visit["reason"]}

    async def rows(self, job_id: int) -> int:
        """How many rows the EHR has made for a job, of every kind."""
        found = (await self.sandbox.lab(f"written?client_ref={await self.client_ref(job_id)}"))["written"]
        return sum(each["rows"] for each in found)

    async def sign_in_again(self, password: str = "pass_changed") -> None:
        """Its user goes through Link in update mode, after `password_changed` with the password that it set."""
        link_token = await self.app.link_token(access_token=self.token)
        async with httpx2.AsyncClient(base_url=self.app.http.base_url, trust_env=False, verify=False) as http:
            await Person(http, self.username, password).link(link_token)

    async def new_appointment(self, days: int = 3, hour: int = 9, **more: Any) -> dict[str, Any]:
        """The fields of an appointment that the EHR takes."""
        patient = (await self.chart("patients", limit=1))["patients"][0]
        provider = next(each for each in (await self.chart("providers"))["providers"] if each["active"])
        location = (await self.chart("locations"))["locations"][0]
        kind = (await self.chart("settings"))["visit_types"][0]
        day = (datetime.now(UTC) + timedelta(days=days)).date()
        return {
            "mrn": patient["mrn"],
            "provider": provider["id"],
            "location": location["id"],
            "type": kind["code"],
            "datetime": f"{day}T{hour:02}:00:00-05:00",
            "reason": "Follow-up",
            **more,
        }
