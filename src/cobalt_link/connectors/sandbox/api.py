"""The sandbox EHR's JSON API: what each of its refusals means."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from cobalt_link.connector import (
    CodeExpired,
    Declined,
    EhrBusy,
    EhrInstance,
    Http,
    JsonApi,
    JsonClient,
    Locked,
    NoRights,
    PasswordExpired,
    PushDenied,
    PushExpired,
    SessionEnded,
    TooManyCodes,
    WrongCode,
    WrongCredentials,
)


def api_of(http: Http, instance: EhrInstance, session: dict[str, Any] | None = None) -> JsonClient:
    """One installation, with a session or without."""

    def page(path: str | None) -> str | None:
        # Whatever path the EHR names: its host is the one that the user knows.
        return instance.at(quote(path)) if path else None

    return JsonApi(
        base="/api",
        errors={
            "code_expired": CodeExpired,
            "declined": Declined,
            "locked": lambda said: Locked(seconds=said.get("unlocks_in")),
            "no_rights": lambda said: NoRights(rights=said.get("missing")),
            "password_expired": lambda said: PasswordExpired(url=page(said.get("change_url"))),
            "push_denied": PushDenied,
            "push_expired": PushExpired,
            "resend_too_soon": lambda said: EhrBusy(reason="resend", seconds=said.get("retry_in")),
            "session_expired": SessionEnded,
            # A sign-in that took too long: as with a session, only a new one helps.
            "sign_in_expired": SessionEnded,
            "too_many_codes": lambda said: TooManyCodes(seconds=said.get("retry_in")),
            "wrong_code": lambda said: WrongCode(tries_left=said.get("tries_left")),
            "wrong_credentials": lambda said: WrongCredentials(
                tries_left=said.get("tries_left"), url=page(said.get("reset_url"))
            ),
        },
    ).at(http, instance, session["token"] if session else None)
