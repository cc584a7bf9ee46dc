"""Days in the practice's time, records that are yielded, and one appointment from an EHR that has no look-up by id."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.models import Appointment, AppointmentQuery, FindsAppointments, Patient
from cobalt_link.developers.org_settings import OrgChange
from cobalt_link.records import schedule
from tests.accounts.tiny import TinyConnector
from tests.accounts.world import World
from tests.records.conftest import Api, Caller

ANA = Patient(ehr_id="9", mrn="m9", first_name="Ana", last_name="Betz")
PHOENIX = timezone(timedelta(hours=-7))


def at(ehr_id: str, start: datetime) -> Appointment:
    return Appointment(ehr_id=ehr_id, start=start, patient=ANA, created_at=start)


async def caller(ask: Api, zone: str | None) -> Caller:
    grant: Grant = msgspec.structs.replace(ask.world.grant(), zone=zone)
    return await ask.caller(grant=grant)


async def found(ask: Api, who: Caller, day: str) -> list[tuple[str, str]]:
    status, body = await ask(who, "/v1/appointments", params={"start_date": day, "end_date": day})
    assert status == 200, body
    return [(each["ehr_appointment_id"], each["datetime"]) for each in body["appointments"]]


# 23:30 on March 3rd in Phoenix, as three kinds of EHRs write it.
LATE = {
    "utc": datetime(2026, 3, 4, 6, 30, tzinfo=UTC),
    "naive": datetime(2026, 3, 3, 23, 30),
    "offset": datetime(2026, 3, 3, 23, 30, tzinfo=PHOENIX),
}


@pytest.mark.parametrize("writes", LATE)
async def test_days_are_those_of_the_grants_zone_however_the_ehr_writes_times(ask: Api, writes: str) -> None:
    ask.world.ehr.book = [at("1", LATE[writes])]
    acme = await caller(ask, "America/Phoenix")
    assert await found(ask, acme, "2026-03-03") == [("1", "2026-03-03T23:30:00-07:00")]
    assert await found(ask, acme, "2026-03-04") == []
    (first, _) = ask.world.ehr.asked
    assert (first.start, first.end) == (date(2026, 3, 2), date(2026, 3, 4))  # a day more on each side
    _, one = await ask(acme, "/v1/appointments/1")
    assert one["appointment"]["datetime"] == "2026-03-03T23:30:00-07:00"


async def test_the_zone_that_the_app_set_wins_over_the_grants(ask: Api) -> None:
    ask.world.ehr.book = [at("1", LATE["naive"])]
    acme = await caller(ask, "America/Phoenix")
    await ask.world.orgs.change(acme.client, "riverside", OrgChange(time_zone="America/New_York"))
    # The naive time is the EHR's, in Phoenix. The day is the app's, in New York.
    assert await found(ask, acme, "2026-03-04") == [("1", "2026-03-04T01:30:00-05:00")]
    assert await found(ask, acme, "2026-03-03") == []


async def test_without_any_zone_the_ehr_decides_and_a_naive_time_is_not_guessed(ask: Api) -> None:
    ask.world.ehr.book = [at("1", LATE["offset"])]
    acme = await caller(ask, None)
    assert await found(ask, acme, "2026-03-03") == [("1", "2026-03-03T23:30:00-07:00")]
    assert ask.world.ehr.asked[-1].start == date(2026, 3, 3)
    ask.world.ehr.book = [at("1", LATE["naive"])]
    status, body = await ask(acme, "/v1/appointments", params={"start_date": "2026-03-03", "end_date": "2026-03-03"})
    assert (status, body["error"]) == (502, "ehr_unexpected")


async def test_the_grants_zone_stands_in_for_the_one_that_providers_and_settings_lack(ask: Api) -> None:
    acme = await caller(ask, "America/Phoenix")
    _, body = await ask(acme, "/v1/providers")
    assert [each["timezone"] for each in body["providers"]] == ["America/Phoenix"]
    _, body = await ask(acme, "/v1/settings")
    assert body["data"]["timezone"] == "America/Phoenix"


# ── an EHR that yields, and that has no look-up by id ────────────────────────────────────────────────────────────────


@pytest.fixture
def yielding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that the EHR has given so far."""
    given: list[str] = []

    async def one_by_one(self: TinyConnector, chart: Chart, query: AppointmentQuery) -> AsyncIterator[Appointment]:
        self._check(chart, query)
        for each in self.ehr.book:
            given.append(each.ehr_id)
            yield each

    monkeypatch.setattr(TinyConnector, "appointments", one_by_one)
    monkeypatch.delattr(TinyConnector, "appointment")
    # Python remembers that a class fits a protocol, and does not see that a test took the method away.
    importlib.import_module("_abc")._reset_caches(FindsAppointments)
    return given


async def test_yielded_records_are_taken_as_they_come(ask: Api, acme: Caller, yielding: list[str]) -> None:
    noon = datetime(2026, 3, 3, 12, tzinfo=PHOENIX)
    ask.world.ehr.book = [at(str(n), noon + timedelta(days=n)) for n in range(3)]
    assert [each for each, _ in await found(ask, acme, "2026-03-04")] == ["1"]
    assert yielding == ["0", "1", "2"]


async def test_one_appointment_is_searched_around_today_and_no_further_than_found(
    ask: Api, acme: Caller, yielding: list[str]
) -> None:
    now = datetime.now(UTC)
    ask.world.ehr.book = [at(str(n), now + timedelta(days=n)) for n in range(5)]
    status, body = await ask(acme, "/v1/appointments/1")
    assert (status, body["appointment"]["ehr_appointment_id"]) == (200, "1")
    assert yielding == ["0", "1"]
    (asked,) = ask.world.ehr.asked
    assert (asked.end - asked.start, schedule.AROUND) == (timedelta(days=184), timedelta(days=92))


async def test_one_that_is_not_found_there_is_a_clear_refusal_and_not_a_404(
    ask: Api, acme: Caller, yielding: list[str]
) -> None:
    status, body = await ask(acme, "/v1/appointments/7")
    assert (status, body["error"]) == (400, "not_supported")
    assert body["message"].startswith("Tiny EHR cannot read one appointment by its id, and none of the 92 days")


async def test_an_ended_session_in_the_middle_of_the_records_is_renewed_once(
    ask: Api, acme: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2026, 3, 3, 12, tzinfo=PHOENIX)
    ask.world.ehr.book = [at(str(n), noon) for n in range(3)]

    async def ends_halfway(self: Any, chart: Chart, query: AppointmentQuery) -> AsyncIterator[Appointment]:
        for n, each in enumerate(self.ehr.book):
            if n == 1 and self.ehr.logins == 0:
                self.ehr.end_sessions()
            self._check(chart, query)
            yield each

    monkeypatch.setattr(TinyConnector, "appointments", ends_halfway)
    assert [each for each, _ in await found(ask, acme, "2026-03-03")] == ["0", "1", "2"]
    assert ask.world.ehr.logins == 1


def test_the_world_has_a_look_up(world: World) -> None:
    assert schedule.has_lookup(world.connectors["tiny"])
