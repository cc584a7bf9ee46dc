"""Runs a step under the brake: the brake is asked before it, and told afterwards what the EHR made of what was sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cobalt_link.connector import secrets
from cobalt_link.connector.refusals import Refusal
from cobalt_link.signin.brake import Brake, Typed, Unproven, accepts, secret_of
from cobalt_link.signin.translate import as_refusal


class JournalFailed(BaseException):
    """The journal or the brake could not be written. Like Suspend it passes every `except Exception` of a
    connector."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class BrakedSteps:
    """The steps of one run, with what the user has typed so far. `username` is the one typed last."""

    def __init__(self, brake: Brake, unproven: Unproven | None = None, username: str | None = None) -> None:
        self.unproven = unproven or Unproven()
        self.username = username
        self._brake = brake

    async def run(
        self,
        step: Callable[[], Awaitable[bytes | None]],
        args: tuple[object, ...],
        begin: Callable[[], Awaitable[None]] | None = None,
    ) -> bytes | Refusal | None:
        """What `step` gave, or why it was refused. `args` is what it may send. `begin` is called once the brake has let
        it pass."""
        typed = self.unproven.before(args)
        if refusal := await self._braked(typed):
            return refusal
        if begin is not None:
            await begin()
        value = refusal = None
        with secrets.step() as opened:
            try:
                value = await step()
            except Exception as error:
                refusal = as_refusal(error)
        return await self._settle(typed, opened, refusal) or value

    def kept(self, args: tuple[object, ...]) -> BrakedSteps:
        """For a step with these arguments that is repeated after the run. Nothing else that was typed is kept."""
        return BrakedSteps(self._brake, self.unproven.only(self.unproven.before(args)), self.username)

    async def _braked(self, typed: list[Typed]) -> Refusal | None:
        """Why the step must not run. What was taken for it is given back."""
        for n, each in enumerate(typed):
            try:
                refusal = await self._brake.take(each, self.username or "")
            except Exception as error:
                raise JournalFailed(error) from None
            if refusal is not None:
                await self._settle(typed[:n], [], None)
                return refusal
        return None

    async def _settle(
        self, typed: list[Typed], opened: list[secrets.Secret], refusal: Refusal | None
    ) -> Refusal | None:
        """The refusal to go on with."""
        following = refusal
        for each in typed:
            sent = any(one is secret_of(each) for one in opened)
            if sent and accepts(each, refusal):
                self.unproven.accepted(each)
            try:
                said = await self._brake.settle(each, sent, refusal)
            except Exception as error:
                raise JournalFailed(error) from None
            following = said if sent else following
        return following
