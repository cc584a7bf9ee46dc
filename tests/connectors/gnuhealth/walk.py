"""Walks through a sign-in pane by pane, each run from the top, as Link does."""

from dataclasses import dataclass, field
from typing import Any

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Answer, CodeAnswer, CredentialsAnswer, Pane
from cobalt_link.connector.refusals import Refusal
from cobalt_link.connector.secrets import Secret
from cobalt_link.connectors.gnuhealth import GnuHealth
from cobalt_link.net.http import Http
from cobalt_link.signin.journal import JournalEntry, MemoryJournal
from cobalt_link.signin.replay import Asking, Granted, Outcome, Refused, encoded, replay


def connector() -> GnuHealth:
    return GnuHealth(Http(allow_private=True))


def credentials(login: str, password: str) -> CredentialsAnswer:
    return CredentialsAnswer(username=login, password=Secret(password))


def code(text: str) -> CodeAnswer:
    return CodeAnswer(code=Secret(text))


@dataclass
class Walk:
    """One sign-in. `panes` are all that were shown, the open one last."""

    address: str
    known: dict[str, Any] = field(default_factory=dict)
    saved: dict[str, bytes] = field(default_factory=dict)
    silent: bool = False
    panes: list[Pane] = field(default_factory=list)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    outcome: Outcome | None = None

    async def go(self, *answers: Answer) -> "Walk":
        """Runs the sign-in and answers its panes in this order, until it needs more or has ended."""
        await self._run()
        for answer in answers:
            assert isinstance(self.outcome, Asking), f"no pane is open for {answer}: {self.outcome}"
            value = encoded(answer)
            entry = JournalEntry(n=self.outcome.n, kind="ask", name=self.outcome.pane.name, state="done", value=value)
            await self.journal.finish(entry)
            await self._run()
        return self

    async def _run(self) -> None:
        each, instance = connector(), EhrInstance(address=self.address)
        self.outcome = await replay(
            lambda ask: each.sign_in(ask, instance),
            self.journal,
            saved=self.saved,
            known=self.known,
            silent=self.silent,
        )
        if isinstance(self.outcome, Asking):
            self.panes.append(self.outcome.pane)
        await each.http.close()

    @property
    def pane(self) -> Pane:
        assert isinstance(self.outcome, Asking), self.outcome
        return self.outcome.pane

    @property
    def granted(self) -> Granted:
        assert isinstance(self.outcome, Granted), self.outcome
        return self.outcome

    @property
    def grant(self) -> Grant:
        return self.granted.grant

    @property
    def refusal(self) -> Refusal:
        assert isinstance(self.outcome, Refused), self.outcome
        return self.outcome.refusal

    @property
    def chart(self) -> Chart:
        grant = self.grant
        return Chart(
            instance=EhrInstance(address=self.address), tenant=grant.tenant, session=grant.session, known=grant.known
        )

    def renewal(self, **changes: Any) -> "Walk":
        """The background run that a finished walk leads to later."""
        words: dict[str, Any] = {"known": self.grant.known, "saved": self.granted.answers, "silent": True}
        return Walk(self.address, **(words | changes))
