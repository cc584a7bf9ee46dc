"""The brake: decides before each use of a typed password or code whether the EHR may get it (S-141).

Without it, a sign-in could lock the user's account at the EHR. Link and renewals bring one that counts in the database.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import msgspec

from cobalt_link.connector.panes import CodeAnswer, CredentialsAnswer
from cobalt_link.connector.refusals import (
    CodeExpired,
    Declined,
    NoRights,
    OtherAccount,
    PasswordExpired,
    PushDenied,
    PushExpired,
    Refusal,
    TooManyCodes,
    WrongCode,
)
from cobalt_link.connector.secrets import Secret

Typed: TypeAlias = CredentialsAnswer | CodeAnswer
# What an EHR says only to somebody whose password was right.
AFTER_PASSWORD = (
    CodeExpired,
    Declined,
    NoRights,
    OtherAccount,
    PasswordExpired,
    PushDenied,
    PushExpired,
    TooManyCodes,
    WrongCode,
)


class Brake(Protocol):
    """Both calls are durable when they return."""

    async def take(self, typed: Typed, username: str) -> Refusal | None:
        """Asks before a step that may send `typed`. It counts as sent until `settle`. Returns why it must not be sent,
        if it must not. `username` is the one typed last, also for a code."""
        ...

    async def settle(self, typed: Typed, sent: bool, refusal: Refusal | None) -> Refusal | None:
        """How the step ended: whether it opened the secret, and what the EHR refused. Returns the refusal to go on
        with."""
        ...


class NoBrake:
    """Lets everything pass: for the check of connectors, whose EHR belongs to whoever runs it."""

    async def take(self, typed: Typed, username: str) -> Refusal | None:
        return None

    async def settle(self, typed: Typed, sent: bool, refusal: Refusal | None) -> Refusal | None:
        return refusal


class Unproven:
    """What the user typed in one run, and whether the EHR has accepted it already.

    A step may open a secret that is not among its arguments. So whatever is not accepted yet is taken before every
    step, and what a step was given is taken as well.
    """

    def __init__(self) -> None:
        self._latest: dict[type[Typed], Typed] = {}
        self._all: list[Typed] = []

    def add(self, typed: Typed) -> None:
        if secret_of(typed):
            self._latest[type(typed)] = typed
            self._all.append(typed)

    def before(self, args: tuple[object, ...]) -> list[Typed]:
        """What a step with these arguments may send."""
        open_ones = self._latest.values()
        return [each for each in self._all if any(each is one for one in open_ones) or _holds(args, each)]

    def only(self, typed: list[Typed]) -> Unproven:
        """A copy that knows of these alone."""
        kept = Unproven()
        kept._all = typed
        kept._latest = {kind: each for kind, each in self._latest.items() if any(each is one for one in typed)}
        return kept

    def accepted(self, typed: Typed) -> None:
        if self._latest.get(type(typed)) is typed:
            del self._latest[type(typed)]

    def recorded(self, args: tuple[object, ...], refusal: Refusal | None) -> None:
        """A step with these arguments ended like this in an earlier run."""
        for each in self._all:
            if _holds(args, each) and accepts(each, refusal):
                self.accepted(each)


def accepts(typed: Typed, refusal: Refusal | None) -> bool:
    """Whether an EHR that got this secret has shown that it is right."""
    return refusal is None or (isinstance(typed, CredentialsAnswer) and isinstance(refusal, AFTER_PASSWORD))


def secret_of(typed: Typed) -> Secret | None:
    return typed.password if isinstance(typed, CredentialsAnswer) else typed.code


def _holds(value: object, typed: Typed) -> bool:
    if value is typed or (isinstance(value, Secret) and value is secret_of(typed)):
        return True
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list | tuple) and any(_holds(each, typed) for each in value)
