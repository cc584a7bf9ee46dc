"""Who works in which clinic's chart, and when: what every write of the chart needs to know."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec

from sandbox_ehr import refusals
from sandbox_ehr.clinic.practice import Clinic, Provider
from sandbox_ehr.refusals import RequestRefused

FIRST_YEAR, LAST_YEAR = 1970, 2199


class StaffUser(msgspec.Struct, frozen=True):
    """Somebody to whom work can be assigned. `provider_id` is empty unless the user is a provider."""

    id: str
    username: str
    name: str
    role: str
    provider_id: str = ""


class ChartContext(msgspec.Struct, frozen=True):
    """`now` is seconds since 1970 by the EHR's clock, `user` the session's user.

    `accounts` are the users of the clinic who can sign in; `users` adds the providers.
    """

    clinic: Clinic
    now: float
    user: StaffUser
    accounts: tuple[StaffUser, ...]

    @property
    def user_id(self) -> str:
        return self.user.id

    @property
    def user_name(self) -> str:
        return self.user.name

    @property
    def users(self) -> tuple[StaffUser, ...]:
        return (*self.accounts, *(_provider_user(provider) for provider in self.clinic.providers if provider.active))

    @property
    def today(self) -> date:
        return self.local(self.now).date()

    @property
    def written_at(self) -> str:
        return self.shown(self.now)

    def local(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, ZoneInfo(self.clinic.timezone))

    def shown(self, moment: float) -> str:
        """A time as the API sends it: ISO 8601 in the clinic's time zone."""
        return self.local(moment).isoformat(timespec="seconds")


def seconds_of(start: datetime) -> float:
    """Raises RequestRefused for a time that no schedule has: near the ends of Python's calendar no zone works."""
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise RequestRefused(refusals.invalid_value("start", f"Give a time from {FIRST_YEAR} to {LAST_YEAR}."))
    return start.astimezone(UTC).timestamp()


def user_of(provider_id: str) -> str:
    """The user id of a provider."""
    return f"u{provider_id}"


def _provider_user(provider: Provider) -> StaffUser:
    name = f"{provider.first_name} {provider.last_name}, {provider.title}"
    return StaffUser(user_of(provider.id), "", name, "Provider", provider.id)
