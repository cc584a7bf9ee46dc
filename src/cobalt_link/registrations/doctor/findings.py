"""What the doctor found at each of its eight steps."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from cobalt_link.oauth.registration import AppRegistration
from cobalt_link.registrations.registration import Registration
from cobalt_link.registrations.vendors import VendorGuide

State: TypeAlias = Literal["ok", "warn", "fail", "skip"]
STEPS: Final = {
    1: "the server says how to sign in",
    2: "the redirect address",
    3: "the client",
    4: "the scopes",
    5: "the refresh token",
    6: "a refresh",
    7: "a first read",
    8: "what can be written",
}
MOST_QUOTED: Final = 300  # characters of what a server says


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`cure` is what to do about a warning or a failure."""

    step: int
    state: State
    text: str
    cure: str = ""

    @property
    def what(self) -> str:
        return STEPS[self.step]


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """The registration that is examined, at one of its FHIR servers. `app` is what connectors would get."""

    found: Registration
    guide: VendorGuide
    app: AppRegistration
    jwks_url: str

    @property
    def name(self) -> str:
        return self.found.id

    @property
    def address(self) -> str:
        return self.app.address

    @property
    def audience(self) -> str:
        return f"{self.address}/" if self.guide.audience_slash else self.address


def ok(step: int, text: str) -> Finding:
    return Finding(step=step, state="ok", text=text)


def warn(case: Examined, step: int, text: str, cure: str) -> Finding:
    return Finding(step=step, state="warn", text=text, cure=_with(case, step, cure))


def fail(case: Examined, step: int, text: str, cure: str) -> Finding:
    """With what is known of the vendor at this step."""
    return Finding(step=step, state="fail", text=text, cure=_with(case, step, cure))


def skip(step: int, text: str) -> Finding:
    return Finding(step=step, state="skip", text=text)


def _with(case: Examined, step: int, cure: str) -> str:
    more = case.guide.cure(step)
    return f"{cure} {case.guide.name}: {more}" if more else cure


def quoted(text: str | None) -> str:
    """What a server says, on one line and not for long."""
    line = " ".join((text or "").split())
    return "".join(each for each in line if each.isprintable())[:MOST_QUOTED]


def said(code: str, description: str | None) -> str:
    """An OAuth error as a person reads it."""
    more = quoted(description)
    return f"{quoted(code)} ({more})" if more and more != code else quoted(code)
