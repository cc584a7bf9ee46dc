"""The sandbox EHR's JSON API: one call, and what each of its refusals means."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.refusals import (
    CodeExpired,
    Declined,
    EhrBusy,
    EhrDown,
    Locked,
    NoRights,
    PasswordExpired,
    PushDenied,
    PushExpired,
    Refusal,
    SessionEnded,
    TooManyCodes,
    WrongCode,
    WrongCredentials,
)
from cobalt_link.net.http import Http


class NotFound(Exception):
    """The EHR does not know this record."""


class NotUnderstood(Exception):
    """An error code that this EHR did not have when this was written."""


class Portal:
    """One installation, with a session or without."""

    def __init__(self, http: Http, instance: EhrInstance, session: dict[str, Any] | None = None) -> None:
        self.instance = instance
        self.http = http
        self._session = session

    async def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, params: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON answer. Raises the refusal that the EHR's answer means, or NotFound."""
        headers = {"Authorization": f"Bearer {self._session['token']}"} if self._session else None
        answer = await self.http.request(method, self.instance.at(path), headers=headers, json=body, params=params)
        if answer.status == 429:
            raise EhrBusy(seconds=_seconds(answer.headers.get("retry-after")))
        if answer.status >= 500:
            raise EhrDown
        found = answer.json()
        if answer.status == 200 and isinstance(found, dict):
            return found
        raise self._refusal(answer.status, found if isinstance(found, dict) else {})

    def _refusal(self, status: int, found: dict[str, Any]) -> Exception:
        code = str(found.get("error"))
        if status == 404:
            return NotFound()
        if code == "password_expired":
            return PasswordExpired(url=self._page(found.get("change_url")))
        if code == "wrong_credentials":
            return WrongCredentials(tries_left=found.get("tries_left"), url=self._page(found.get("reset_url")))
        return refusal_of(code, found)

    def _page(self, path: Any) -> str | None:
        """A page of the EHR for people; whatever path it names, its host is the one that the person knows."""
        return self.instance.at(quote(str(path))) if path else None


def refusal_of(code: str, found: dict[str, Any]) -> Refusal | NotUnderstood:
    """What an error code of this EHR means."""
    match code:
        case "wrong_code":
            return WrongCode(tries_left=found.get("tries_left"))
        case "locked":
            return Locked(minutes=_minutes(found.get("unlocks_in")))
        case "too_many_codes":
            return TooManyCodes(minutes=_minutes(found.get("retry_in")))
        case "resend_too_soon":
            return EhrBusy(reason="resend", seconds=found.get("retry_in"))
        case "no_rights":
            return NoRights(rights=found.get("missing"))
    return PLAIN[code]() if code in PLAIN else NotUnderstood(code)


PLAIN: dict[str, type[Refusal]] = {
    "code_expired": CodeExpired,
    "push_denied": PushDenied,
    "push_expired": PushExpired,
    "declined": Declined,
    "session_expired": SessionEnded,
    # A sign-in that took too long: nothing but a fresh one helps, as with a session.
    "sign_in_expired": SessionEnded,
}


def _minutes(seconds: Any) -> int | None:
    return max(1, round(seconds / 60)) if isinstance(seconds, int | float) else None


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
