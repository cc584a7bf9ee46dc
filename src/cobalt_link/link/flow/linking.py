"""The story of a link around a connector's own: which practice, may the app, then the EHR's sign-in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from cobalt_link.connector.ask import Ask
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.panes import Consent, PaneRefusal, Picker
from cobalt_link.connector.refusals import EhrDown, NotThisAddress, StartedOver, Unsupported
from cobalt_link.developers.addresses import is_allowed
from cobalt_link.link.flow import already
from cobalt_link.link.session.sessions import ChosenEhr

OTHER_EHR = "other"  # "another EHR, or I'm not sure"

Standing: TypeAlias = Callable[[Grant, ChosenEhr], Awaitable[str | None]]


class LinkSignIn:
    """One link, told any number of times. `fixed` is what is known beforehand; what turned out stands in `found`.

    `fixed.address` without `connector`, or the other way round, only fills the picker's form in. `consents`: the person
    is asked; not where they consented before, or look at their own connections. `standing` names the account that the
    app has of this person already and that works: then `kept` is that account, unless `another` is wanted beside it.
    """

    def __init__(
        self,
        connectors: Mapping[str, Connector],
        fixed: ChosenEhr,
        *,
        domains: Sequence[str] = (),
        consents: bool = True,
        standing: Standing | None = None,
    ) -> None:
        self._connectors = connectors
        self._fixed = fixed
        self._domains = list(domains)
        self._consents = consents
        self._standing = standing
        self.found = fixed
        self.another = False
        self.kept: str | None = None

    async def __call__(self, ask: Ask) -> Grant:
        connector, instance = await self._practice(ask)
        if self._consents:
            await ask(Consent())
        # The journal of a sign-in that a deploy interrupted belongs to another story: ask anew rather than guess.
        if await ask.once("_connector_version", lambda: _version(connector), again=True) != connector.version:
            raise StartedOver
        grant = await connector.sign_in(ask, instance)
        if self._standing:
            await self._keep_or_add(ask, self._standing, grant)
        return grant

    async def _keep_or_add(self, ask: Ask, standing: Standing, grant: Grant) -> None:
        account = await ask.once("_standing", lambda: standing(grant, self.found), again=True)
        if account is not None:
            self.another = already.wants_another(await ask(already.pane_of(account)))
            self.kept = None if self.another else account

    async def _practice(self, ask: Ask) -> tuple[Connector, EhrInstance]:
        if self._fixed.connector and self._fixed.address:
            return await self._checked(ask)
        manual = bool(self._fixed.connector or self._fixed.address)
        pane = Picker(manual=manual, ehr=self._fixed.connector, address=self._fixed.address)
        while True:
            picked = await ask(pane)
            self.found = ChosenEhr(connector=picked.connector, address=picked.address, practice=picked.practice)
            try:
                return await self._checked(ask)
            except NotThisAddress as no:
                problem = PaneRefusal(no.code, no.details)
            except EhrDown:
                # A practice that is known is down; where an address was typed, a typing mistake is likelier.
                if picked.practice:
                    raise
                problem = PaneRefusal(NotThisAddress.code, {"reason": "not_found"})
            pane = Picker(manual=True, ehr=picked.connector, address=picked.address, problem=problem)

    async def _checked(self, ask: Ask) -> tuple[Connector, EhrInstance]:
        connector = self._connectors.get(self.found.connector or "")
        if connector is None:
            raise Unsupported(what=None if self.found.connector == OTHER_EHR else self.found.connector)
        instance = EhrInstance(address=self.found.address or "", practice=self.found.practice)
        await ask.once("check_address", lambda: self._check(connector, instance), again=True)
        return connector, instance

    async def _check(self, connector: Connector, instance: EhrInstance) -> None:
        if not is_allowed(instance.address, self._domains):
            raise NotThisAddress(reason="not_allowed")
        await connector.recognize(instance)


async def _version(connector: Connector) -> str:
    return connector.version


def offered(connectors: Mapping[str, Connector], *, test: bool) -> dict[str, Connector]:
    """A test client sees only the sandbox, a live one never does."""
    return {key: each for key, each in connectors.items() if each.manifest.test_only == test}
