"""Plays the user of a case: answers panes in order, and sends the case's requests between two answers."""

from __future__ import annotations

from cobalt_link.conformance.cases import Case, CaseBroken, CaseStep, Given, answer_to, filled, label
from cobalt_link.conformance.test_server import send
from cobalt_link.connector.panes import Answer, Pane, Waiting, WaitingAnswer
from cobalt_link.net.http import Http


class Script:
    """Good for one run. `http` is a client of its own, which is not recorded. `typed` are the secrets.

    `declined` are the choices that were answered with "none of these".
    """

    def __init__(self, case: Case, address: str, http: Http, values: Given) -> None:
        self.typed: set[str] = set()
        self.declined: set[str] = set()
        self._address = address
        self._http = http
        self._values = values
        self._left = list(case.steps)

    async def answer(self, pane: Pane) -> Answer:
        """The next answer. Raises CaseBroken if none is left, or if it answers another kind of pane."""
        await self._do_requests()
        if not self._left:
            raise CaseBroken(f"the sign-in shows the pane {label(pane)!r}, and the case has no step left to answer it")
        step = self._next()
        self.typed |= {secret for secret in (step.password, step.code) if secret}
        if step.none:
            self.declined.add(pane.name)
        return answer_to(pane, step)

    async def instead_of_waiting(self, pane: Waiting) -> WaitingAnswer | None:
        """What the user does while polls give nothing. None means to wait, as after a change at the EHR."""
        if self._left and self._left[0].send is not None:
            await self._do_requests()
        elif self._left and self._left[0].action:
            answer = answer_to(pane, self._next())
            assert isinstance(answer, WaitingAnswer)
            return answer
        return None

    def left_over(self) -> list[CaseStep]:
        """The answers that no pane asked for, and the requests that were never due."""
        return list(self._left)

    async def _do_requests(self) -> None:
        while self._left and self._left[0].send is not None:
            await send(self._http, self._address, self._next())

    def _next(self) -> CaseStep:
        return filled(self._left.pop(0), self._values)
