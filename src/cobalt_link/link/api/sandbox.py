"""Linked accounts without a browser, for the tests of an app: only for test clients, and only at EHRs for tests."""

from __future__ import annotations

from secrets import token_hex
from typing import Annotated

import msgspec
from msgspec import Meta

from cobalt_link.accounts import refusal_problems
from cobalt_link.accounts.account import Account
from cobalt_link.accounts.api import AccountView, views
from cobalt_link.accounts.problems import AccountGone, EhrUnavailable, EhrUnexpected, NotSupported
from cobalt_link.connector.ask import Ask
from cobalt_link.connector.connector import Connector
from cobalt_link.connector.for_tests import MakesLogins, TestLogin
from cobalt_link.connector.grant import Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.developers.clients import Client
from cobalt_link.developers.orgs import Org
from cobalt_link.link.api.link_tokens import Id
from cobalt_link.link.deps import LinkDeps
from cobalt_link.signin.journal import MemoryJournal
from cobalt_link.signin.replay import Granted, Refused, replay
from cobalt_link.signin.translate import as_refusal
from cobalt_link.web import Auth, Call, Idempotency, Rate, Routes, Tenant, Verbatim
from cobalt_link.web.problems import Forbidden, InvalidRequest

routes = Routes("sandbox")
ROUTE = {
    "auth": Auth.CLIENT,
    "tenant": Tenant.CLIENT,
    "rate": Rate.TOKEN,
    "idempotency": Idempotency.NONE,
}


class NewSandboxAccount(msgspec.Struct, frozen=True):
    """Without `user_id` the account belongs to a new user of yours."""

    user_id: Annotated[Id | None, Verbatim(), Meta(description="Your own id of the user.")] = None
    org_id: Annotated[Id, Verbatim(), Meta(description="Your own id of the clinic.")] = "sandbox"


class SandboxAccountLinked(msgspec.Struct, frozen=True):
    """`token` and `access_token` are the same. The login is one of made-up patients, for Link's update mode."""

    token: str
    access_token: str
    account_id: str
    ehr_username: str
    ehr_password: str
    account: AccountView
    success: bool = True


class Breaking(msgspec.Struct, frozen=True):
    fault: Annotated[
        str, Meta(description="password_changed, locked, session_ended, ehr_down, …: a wrong one lists all.")
    ]


class SandboxAccountChanged(msgspec.Struct, frozen=True):
    account_id: str
    message: str
    success: bool = True


class SandboxAccounts:
    """`POST /v1/sandbox/accounts` and what breaks and repairs the accounts."""

    def __init__(self, deps: LinkDeps) -> None:
        self._deps = deps

    async def link(self, client: Client, wanted: NewSandboxAccount) -> SandboxAccountLinked:
        """Signs in with a new login of the EHR for tests. Raises Forbidden for a live client."""
        if not client.test:
            raise Forbidden("Only test clients have sandbox accounts. Create one with `cobalt clients create --test`.")
        key, connector = self._for_tests()
        known = await self._deps.orgs.known(client.id, wanted.org_id)
        instance = EhrInstance(address=self._address(key, known))
        login, granted = await self._signed_in(connector, instance)
        # Only now, so that a call that is refused leaves no org.
        org = await self._deps.orgs.ensure(client, wanted.org_id, connector.manifest.name)
        account = await self._kept(client, org, wanted.user_id or f"ci-{token_hex(6)}", instance, login, granted)
        token = await self._deps.access.issue(account, client.env)
        (view,) = await views(self._deps.accounts, self._deps.connectors, [account])
        return SandboxAccountLinked(token, token, account.id, login.username, login.password, view)

    async def change(self, client: Client, account_id: str, fault: str | None) -> SandboxAccountChanged:
        """Breaks the login of an account, or repairs it. Raises AccountGone, NotSupported, InvalidRequest."""
        account = await self._deps.accounts.find(client.id, account_id)
        connector = self._deps.connectors.get(account.connector)
        if not isinstance(connector, MakesLogins):
            raise NotSupported("Only accounts at an EHR for tests can be broken. Link one: POST /v1/sandbox/accounts.")
        if fault is not None and fault not in connector.faults:
            raise InvalidRequest(f"Invalid fault. Use one of: {', '.join(connector.faults)}.")
        opened = await self._deps.accounts.opened(account, "read", answers=False)
        try:
            if fault is None:
                await connector.repair_login(account.instance, opened.user.username)
            else:
                await connector.break_login(account.instance, opened.user.username, fault)
        except Exception as error:
            raise refusal_problems.problem_of(as_refusal(error), "The sandbox EHR", account.instance.host) from error
        said = connector.faults[fault] if fault else "The login works again. Repair the account in Link's update mode."
        return SandboxAccountChanged(account.id, said)

    async def _signed_in(self, connector: Connector, instance: EhrInstance) -> tuple[TestLogin, Granted]:
        assert isinstance(connector, MakesLogins)

        async def sign_in(ask: Ask) -> Grant:
            return await connector.sign_in(ask, instance)

        try:
            login = await connector.new_login(instance)
            saved = {"credentials": msgspec.json.encode({"username": login.username, "password": login.password})}
            outcome = await replay(sign_in, MemoryJournal(), saved=saved, known={}, silent=True)
        except Exception as error:
            raise refusal_problems.problem_of(as_refusal(error), connector.manifest.name, instance.host) from error
        if isinstance(outcome, Refused):
            raise refusal_problems.problem_of(outcome.refusal, connector.manifest.name, instance.host)
        if not isinstance(outcome, Granted):
            raise EhrUnexpected
        return login, outcome

    async def _kept(
        self, client: Client, org: Org, user_id: str, instance: EhrInstance, login: TestLogin, granted: Granted
    ) -> Account:
        key, connector = self._for_tests()
        async with self._deps.db.transaction() as tx:
            return await self._deps.accounts.keep(
                tx,
                client=client.id,
                org=org.id,
                org_id=org.org_id,
                user_id=user_id,
                connector=key,
                instance=instance,
                grant=granted.grant,
                answers=granted.answers,
                username=login.username,
                writes=tuple(connector.manifest.writes),
            )

    def _for_tests(self) -> tuple[str, Connector]:
        for key, connector in self._deps.connectors.items():
            if connector.manifest.test_only and isinstance(connector, MakesLogins):
                return key, connector
        raise NotSupported("No EHR for tests is installed here. Ask the operator to install the sandbox connector.")

    def _address(self, key: str, org: Org | None) -> str:
        address = (org.address if org else None) or self._deps.settings.ehr_addresses.get(key)
        if not address:
            raise NotSupported("This installation has no sandbox EHR. Ask the operator to set COBALT_EHR_ADDRESSES.")
        return address


@routes.post(
    "/v1/sandbox/accounts",
    **ROUTE,
    audit="linked",
    errors=(Forbidden, NotSupported, EhrUnavailable, EhrUnexpected),
    summary="Link an account at the sandbox EHR without a browser. For test clients.",
)
async def link_account(room: SandboxAccounts, call: Call, body: NewSandboxAccount) -> SandboxAccountLinked:
    return await room.link(call.caller, body)


@routes.post(
    "/v1/sandbox/accounts/{account_id}/break",
    **ROUTE,
    audit="broken",
    errors=(AccountGone, NotSupported, InvalidRequest, EhrUnavailable, EhrUnexpected),
    summary="Break the login of a sandbox account: password changed, locked, EHR down, and others.",
)
async def break_account(room: SandboxAccounts, call: Call, body: Breaking, account_id: str) -> SandboxAccountChanged:
    return await room.change(call.caller, account_id, body.fault)


@routes.post(
    "/v1/sandbox/accounts/{account_id}/repair",
    **ROUTE,
    audit="repaired",
    errors=(AccountGone, NotSupported, EhrUnavailable, EhrUnexpected),
    summary="Undo every break of a sandbox account's login.",
)
async def repair_account(room: SandboxAccounts, call: Call, account_id: str) -> SandboxAccountChanged:
    return await room.change(call.caller, account_id, None)
