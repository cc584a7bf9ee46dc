"""The verbs of a sign-in story: what a connector may do while it signs a person in.

    async def sign_in(self, ask: Ask, place: Place) -> Grant:
        who = await ask(Credentials())
        session = await ask.once("log_in", lambda: self.log_in(place, who), returns=Session)

The story is told from the top each time the person answers; what has been recorded answers at once. So everything
outside (HTTP, clock, random numbers) happens inside `once` and `until`, an `ask` stands in no `try/finally`,
`async with` or `TaskGroup`, and nobody catches `BaseException`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, overload

from cobalt_link.connector.panes import (
    Answer,
    Choice,
    ChoiceAnswer,
    Code,
    CodeAnswer,
    Consent,
    ConsentAnswer,
    Credentials,
    CredentialsAnswer,
    Message,
    MessageAnswer,
    Pane,
    Picker,
    PickerAnswer,
    Waiting,
    WaitingAnswer,
)

T = TypeVar("T")


class Ask(ABC):
    """Handed to every story. `known` is what an earlier grant of the same account left for later runs, else empty."""

    known: Mapping[str, Any]

    @overload
    async def __call__(self, pane: Picker) -> PickerAnswer: ...
    @overload
    async def __call__(self, pane: Consent) -> ConsentAnswer: ...
    @overload
    async def __call__(self, pane: Credentials) -> CredentialsAnswer: ...
    @overload
    async def __call__(self, pane: Code) -> CodeAnswer: ...
    @overload
    async def __call__(self, pane: Choice) -> ChoiceAnswer: ...
    @overload
    async def __call__(self, pane: Waiting) -> WaitingAnswer: ...
    @overload
    async def __call__(self, pane: Message) -> MessageAnswer: ...
    @abstractmethod
    async def __call__(self, pane: Pane) -> Answer:
        """Shows a pane and gives its typed answer. The story stops here until the person has answered."""

    @abstractmethod
    async def once(
        self,
        name: str,
        step: Callable[[], Awaitable[T]],
        *,
        returns: type[T] | None = None,
        again: bool = False,
        reaches_user: bool = False,
    ) -> T:
        """Does a step at most once and keeps its result, or the refusal that it raised.

        `name` is a key of the texts (`step.<name>`) and shows as a step while it runs. The result is JSON: a
        `msgspec.Struct` (then name it in `returns`), dict, list, str, number or None. A step that was started and whose
        end is not known is never repeated, the person is told; say `again=True` where repeating does no harm.
        `reaches_user=True` marks what makes the EHR text, call or notify the person: renewing in the background
        stops there.
        """

    @abstractmethod
    async def until(
        self,
        name: str,
        poll: Callable[[], Awaitable[T | None]],
        *,
        pane: Waiting,
        every: float = 2.0,
        returns: type[T] | None = None,
    ) -> T | WaitingAnswer:
        """Waits for something outside while `pane` is shown: calls `poll` every `every` seconds until it is not None.

        Gives what `poll` gave, or the person's answer to the pane (send it again, another way). Between two polls
        nothing runs and no process holds the attempt.
        """

    @abstractmethod
    async def forget(self, answer: CredentialsAnswer | CodeAnswer) -> None:
        """Erases the secrets of an answer now rather than when the link session settles. They are not kept for
        renewal."""
