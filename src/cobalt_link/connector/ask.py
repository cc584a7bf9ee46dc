"""What a connector may do while it signs a user in.

    async def sign_in(self, ask: Ask, instance: EhrInstance) -> Grant:
        login = await ask.password(self.log_in, instance, returns=Login)
        facility = await ask.one_of("facility", login.facilities)

The sign-in runs from the top each time the user answers, and what was recorded answers at once. So everything outside
(HTTP, clock, random numbers) happens inside a step, an `ask` stands in no `try/finally`, `async with`, or `TaskGroup`,
and nobody catches `BaseException`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar, TypeVarTuple, overload

import msgspec

from cobalt_link.connector.panes import (
    AnswerT,
    Choice,
    Code,
    CodeAnswer,
    Credentials,
    CredentialsAnswer,
    Option,
    PaneOf,
    PaneRefusal,
    Redirect,
    RedirectAnswer,
    Waiting,
    WaitingAnswer,
)
from cobalt_link.connector.refusals import CodeExpired, EhrBusy, NoRights, Refusal, WrongCode, WrongCredentials

T = TypeVar("T")
Args = TypeVarTuple("Args")
CODE = Code()


class Ask(ABC):
    """Handed to every sign-in.

    `known` is what the account's last grant left (`Grant.known`), empty at the first link. `credentials` is what the
    user typed last into `ask.password`, for EHRs that want the password once more together with a code. `launched`: the
    user came from the EHR itself, so `redirect` goes back to a session there (SMART App Launch, EHR launch).
    """

    known: Mapping[str, Any]
    credentials: CredentialsAnswer | None = None
    launched: bool = False

    @abstractmethod
    async def __call__(self, pane: PaneOf[AnswerT]) -> AnswerT:
        """Shows a pane and returns its typed answer. The sign-in stops here until the user has answered."""

    @abstractmethod
    async def once(
        self,
        name: str,
        step: Callable[[*Args], Awaitable[T]],
        *args: *Args,
        returns: type[T] | None = None,
        again: bool = False,
        reaches_user: bool = False,
    ) -> T:
        """Runs `step(*args)` at most once and records its result, or the refusal that it raised.

        `name` is a key of the texts (`step.<name>`) and is shown while the step runs. The result is JSON: a
        `msgspec.Struct` (then name it in `returns`), dict, list, str, number, or None. A step that was started and
        whose end is unknown is never repeated: the sign-in ends, and says so. Say `again=True` if a repetition
        is harmless.
        `reaches_user=True` marks a step that makes the EHR text, call, or notify the user: a renewal in the background
        stops there.
        """

    @abstractmethod
    async def until(
        self,
        name: str,
        poll: Callable[[*Args], Awaitable[T | None]],
        *args: *Args,
        pane: Waiting,
        every: float = 1.0,
        returns: type[T] | None = None,
    ) -> T | WaitingAnswer:
        """Waits for something outside while `pane` is shown: calls `poll(*args)` until it is not None.

        Returns what `poll` returned, or the user's answer to the pane (send it again, another way). At first `poll` is
        called every `every` seconds (0.1 to 60), later less often, but at least every 2 seconds unless `every` is
        longer or a crowd waits. The sign-in does not run meanwhile, so `poll` must work with its arguments alone. After
        a crash another process begins again, so a poll must do no harm if it is repeated.
        """

    @abstractmethod
    async def forget(self, answer: CredentialsAnswer | CodeAnswer) -> None:
        """Erases the secrets of an answer now instead of when the link session settles. They are not kept for
        renewal."""

    def remembers(self, name: str) -> bool:
        """Whether a choice of this name was answered already, now or in the account's last sign-in."""
        return False

    def remember(self, name: str, value: str) -> None:  # noqa: B027 - only a run that is recorded can remember
        """Keeps the value of a choice that was not asked, for the next sign-ins of this account."""

    async def password(
        self,
        log_in: Callable[..., Awaitable[T]],
        *args: Any,
        name: str = "log_in",
        returns: type[T] | None = None,
        reaches_user: bool = False,
        refused: Refusal | None = None,
    ) -> T:
        """Asks for username and password until the EHR takes them, and returns what `log_in` returned.

        Runs `log_in(*args, username, password)` as the step `name`; `password` is a `Secret`, to be opened there. On
        `WrongCredentials` it asks again with the username filled in. Any other refusal ends the sign-in. Say
        `reaches_user=True` if logging in makes the EHR text or call this user, as far as `ask.known` says.
        `refused`: why the credentials are asked for once more.
        """
        username = self.credentials.username if self.credentials else None
        while True:
            who = await self(Credentials(username=username, problem=_problem(refused)))
            username, self.credentials = who.username, who
            try:
                return await self.once(
                    name, log_in, *args, who.username, who.password, returns=returns, reaches_user=reaches_user
                )
            except WrongCredentials as no:
                refused = no

    async def code(
        self,
        check: Callable[..., Awaitable[T]],
        *args: Any,
        pane: Code | Callable[..., Code] = CODE,
        resend: Callable[..., Awaitable[Any]] | None = None,
        name: str = "check_code",
        resend_name: str = "send_code",
        returns: type[T] | None = None,
        resend_returns: type[Any] | None = None,
        reaches_user: bool = False,
        other: T | None = None,
    ) -> T:
        """Asks for a one-time code until the EHR takes it, and returns what `check` returned.

        Runs `check(*args, code)` as the step `name`; `code` is a `Secret`. On `WrongCode` and `CodeExpired` it asks
        again. With `resend` the pane offers a new code: `resend(*args)` runs as the step `resend_name`, and what it
        returns takes the place of the last of `args` (None: nothing changed). `EhrBusy(reason="resend")` from it is
        shown on the pane, for the code that was sent still works. `pane` describes the code (`way`, `sent_to`,
        `length`, `expires_at`, `resend_at`), or makes that description from `args`, again after each new code. With
        `other` the pane offers another way, and that is returned if the user wants one.
        """
        shown = _described(pane, args, resend, other)
        while True:
            answer = await self(shown)
            if answer.other and other is not None:
                return other
            try:
                if answer.code is not None:
                    return await self.once(name, check, *args, answer.code, returns=returns, reaches_user=reaches_user)
                if resend is None:
                    continue
                sent = await self.once(resend_name, resend, *args, returns=resend_returns, reaches_user=True)
            except (WrongCode, CodeExpired) as no:
                shown = msgspec.structs.replace(shown, problem=_problem(no), resent=False)
            except EhrBusy as no:
                if no.details.get("reason") != "resend":
                    raise
                shown = msgspec.structs.replace(shown, problem=_problem(no), resent=False)
            else:
                args = args if sent is None else (*args[:-1], sent)
                shown = msgspec.structs.replace(_described(pane, args, resend, other), resent=True)

    async def redirect(self, url: str, *, registration: str) -> RedirectAnswer:
        """Sends the user's browser to `url`, the EHR's authorization request, and returns what it came back with.

        `url` has everything but `state` (RFC 6749 §4.1.1), which Link adds: 256 bits, for one use, by the browser that
        went there. If the EHR has launched the app, Link adds `launch` too. The browser comes back to the callback
        address of `registration`. Link compares neither issuer nor scopes: that is up to the connector, before it sends
        the code anywhere.
        """
        return await self(Redirect(url=url, registration=registration))

    @overload
    async def one_of(self, name: str, rows: Sequence[Option] | Mapping[str, str], *, remember: bool = ...) -> str: ...
    @overload
    async def one_of(
        self,
        name: str,
        rows: Sequence[Option] | Mapping[str, str],
        *,
        remember: bool = ...,
        none_of_these: Literal[True],
    ) -> str | None: ...
    async def one_of(
        self,
        name: str,
        rows: Sequence[Option] | Mapping[str, str],
        *,
        remember: bool = True,
        none_of_these: bool = False,
    ) -> str | None:
        """The value of one of `rows`: `Option`s, or labels by value. Asks only if there are several.

        The answer is remembered for the account's next sign-ins unless `remember=False`; one that the EHR does not
        offer any more is asked again. `none_of_these=True` offers that answer too, which returns None. Without any
        rows the user has no right to anything here: raises `NoRights(name)`. Texts: `choice.<name>.title`.
        """
        options = _options(rows)
        values = [each.value for each in options]
        if not values:
            raise NoRights(name)
        if len(values) == 1 and not (remember and self.remembers(name)):
            if remember:
                self.remember(name, values[0])
            return values[0]
        pane = Choice(name=name, options=options, none_of_these=none_of_these, remember=remember)
        while True:
            chosen = (await self(pane)).value
            if chosen in values or (chosen is None and none_of_these):
                return chosen


def _problem(no: Refusal | None) -> PaneRefusal | None:
    return PaneRefusal(no.code, no.details) if no else None


def _described(pane: Code | Callable[..., Code], args: tuple[Any, ...], resend: object, other: object) -> Code:
    made = pane if isinstance(pane, Code) else pane(*args)
    return msgspec.structs.replace(made, resend=resend is not None, other_way=other is not None)


def _options(rows: Sequence[Option] | Mapping[str, str]) -> tuple[Option, ...]:
    if isinstance(rows, Mapping):
        return tuple(Option(value=value, label=label) for value, label in rows.items())
    return tuple(rows)
