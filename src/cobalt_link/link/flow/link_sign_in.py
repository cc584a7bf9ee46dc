"""The sign-in of a link session: the practice, the consent, the EHR's own sign-in, and which account to keep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec

from cobalt_link.accounts.account import Account
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.offers import Offering
from cobalt_link.connector.panes import Consent, PaneRefusal, Picker
from cobalt_link.connector.refusals import EhrDown, NotThisAddress, StartedOver, Unsupported
from cobalt_link.link.flow import already
from cobalt_link.link.session.session import ChosenEhr

OTHER_EHR = "other"  # "another EHR, or I'm not sure"

AllowedAt: TypeAlias = Callable[[str, str], bool]
"""By the connector's key and the address."""
ExistingAccount: TypeAlias = Callable[[Grant, ChosenEhr], Awaitable[str | None]]


class Recognized(msgspec.Struct, frozen=True):
    """The EHR is at the address. `offers` if it said what it has."""

    offers: Offering | None = None


class LinkSignIn:
    """Replayed from the top after every answer. What the user chose so far is in `chosen`.

    known: what is known beforehand. An address without a connector, or the other way round, only fills in the picker's
    form. allowed: whether an EHR may be at an address. repairs: the account of update mode. consents: whether the
    user is asked for consent. existing: finds the account that the app has of this EHR user and that works; the user
    then keeps it (`kept` is its id) or wants `another`. `listed` is the name of the chosen practice in the directory.
    """

    def __init__(
        self,
        connectors: Mapping[str, Connector],
        known: ChosenEhr,
        *,
        allowed: AllowedAt,
        repairs: Account | None = None,
        consents: bool = True,
        existing: ExistingAccount | None = None,
    ) -> None:
        self._connectors = connectors
        self._known = known
        self._allowed = allowed
        self._consents = consents
        self._existing = existing
        self.repairs = repairs
        self.chosen = known
        self.listed: str | None = None
        self.another = False
        self.kept: str | None = None

    async def __call__(self, ask: Ask) -> Grant:
        connector, instance, offers = await self._practice(ask)
        if self._consents:
            await ask(Consent(offers=offers))
        # After a deploy the recorded answers may not fit the connector's code any more: start over, do not guess.
        if await ask.once("_connector_version", lambda: _version(connector), again=True) != connector.version:
            raise StartedOver
        grant = await connector.sign_in(ask, instance)
        if self._existing:
            await self._keep_or_add(ask, self._existing, grant)
        return grant

    async def _keep_or_add(self, ask: Ask, existing: ExistingAccount, grant: Grant) -> None:
        account = await ask.once("_existing_account", lambda: existing(grant, self.chosen), again=True)
        if account is not None:
            self.another = already.wants_another(await ask(already.pane_of(account)))
            self.kept = None if self.another else account

    async def _practice(self, ask: Ask) -> tuple[Connector, EhrInstance, Offering | None]:
        if self._known.connector and self._known.address:
            return await self._checked(ask)
        manual = bool(self._known.connector or self._known.address)
        pane = Picker(manual=manual, ehr=self._known.connector, address=self._known.address)
        while True:
            picked = await ask(pane)
            self.listed = picked.listed
            self.chosen = ChosenEhr(connector=picked.connector, address=picked.address, practice=picked.practice)
            try:
                return await self._checked(ask)
            except NotThisAddress as no:
                problem = PaneRefusal(no.code, no.details)
            except EhrDown:
                # A known practice is down. A typed address is more likely mistyped.
                if picked.practice or picked.listed:
                    raise
                problem = PaneRefusal(NotThisAddress.code, {"reason": "not_found"})
            pane = Picker(manual=True, ehr=picked.connector, address=picked.address, problem=problem)

    async def _checked(self, ask: Ask) -> tuple[Connector, EhrInstance, Offering | None]:
        connector = self._connectors.get(self.chosen.connector or "")
        if connector is None:
            raise Unsupported(what=None if self.chosen.connector == OTHER_EHR else self.chosen.connector)
        instance = EhrInstance(address=self.chosen.address or "", practice=self.chosen.practice)
        found = await ask.once(
            "check_address", lambda: self._check(connector, instance), returns=Recognized, again=True
        )
        return connector, instance, found.offers

    async def _check(self, connector: Connector, instance: EhrInstance) -> Recognized:
        if not self._allowed(connector.manifest.key, instance.address):
            raise NotThisAddress(reason="not_allowed")
        offers = await connector.recognize(instance)
        # The pane is readable at rest, and needs no sentences.
        return Recognized(msgspec.structs.replace(offers, reasons={}) if offers else None)


async def _version(connector: Connector) -> str:
    return connector.version


def offered(connectors: Mapping[str, Connector], *, test: bool) -> dict[str, Connector]:
    """A test client sees only the sandbox EHR, a live client never does."""
    return {key: each for key, each in connectors.items() if each.manifest.test_only == test}
