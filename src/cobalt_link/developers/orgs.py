"""The orgs: the clinics of a client under the client's own ids, with their EHR and settings.

The first link token that names an org creates it. Once the app has named the org's EHR, a link token that names another
one is refused (409). Only an explicit change of the org can replace it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from cobalt_link.connector.connector import Connector
from cobalt_link.developers import addresses
from cobalt_link.developers.clients import Client
from cobalt_link.developers.ehr_domains import EhrDomains
from cobalt_link.developers.org_settings import OrgChange, OrgProblem, OrgSettings, changed
from cobalt_link.developers.short_cache import ShortCache
from cobalt_link.kit.clock import Clock
from cobalt_link.kit.ids import new_id
from cobalt_link.store.database import Database, Row, Tx
from cobalt_link.web.problems import InvalidRequest, Problem

ResolveEhr = Callable[[str], str | None]
OffersEhr = Callable[[str, bool], bool]


def ehr_resolver(connectors: Mapping[str, Connector | type[Connector]]) -> ResolveEhr:
    """Finds the connector that answers to an EHR's name or alias, in any case. Raises UnknownEmr, which names all."""
    names = ", ".join(sorted(each.manifest.name for each in connectors.values()))

    # Every link token names its EHR, most of them the same few.
    @lru_cache(maxsize=1024)
    def resolve(name: str) -> str:
        for key, each in connectors.items():
            if each.manifest.answers_to(name):
                return key
        raise UnknownEmr(f"No EHR here has this emr_name. Send one of: {names}. Or let the user choose in Link.")

    return resolve


def ehr_offer(connectors: Mapping[str, Connector | type[Connector]]) -> OffersEhr:
    """Whether clients of a kind may link an EHR. Test clients see only the sandbox EHR, live clients every other."""

    def offers(key: str, test: bool) -> bool:
        return key in connectors and connectors[key].manifest.test_only == test

    return offers


class EhrRules(msgspec.Struct, frozen=True, kw_only=True):
    """Which EHRs an org may have, so that no org gets one that Link would refuse.

    `offers` says by a connector's key whether test or live clients may link it. `fixed_addresses` are those
    that the operator has set, by key. `private`: EHRs may be in private networks.
    """

    offers: OffersEhr = lambda key, test: True
    fixed_addresses: Mapping[str, str] = {}
    private: bool = True

    def check_offered(self, client: Client, key: str | None) -> None:
        """Raises EmrNotOffered."""
        if key and not self.offers(key, client.test):
            raise EmrNotOffered

    def check_usable(self, org: Org) -> None:
        """Raises InvalidRequest if Link could never reach the EHR that the org has."""
        address = org.address or self.fixed_addresses.get(org.ehr or "")
        if address is None:
            return
        if org.address:
            self._check_address(org.address)
        if not addresses.is_allowed(address, org.settings.allowed_ehr_domains):
            raise InvalidRequest(
                f"allowed_ehr_domains leaves out the org's own EHR at {address}. Add its domain, or change"
                " emr_instance_domain."
            )

    def _check_address(self, address: str) -> None:
        try:
            addresses.check_reachable(address, private=self.private)
        except addresses.AddressProblem as problem:
            raise InvalidRequest(f"emr_instance_domain: {problem}") from None


class Org(msgspec.Struct, frozen=True):
    """`id` is ours, `org_id` is the app's. `ehr` is a connector's key, `emr_name` the name as the app sent it, and
    `address` the canonical address of the instance. Each is None until somebody names it."""

    id: str
    client: str
    org_id: str
    created_at: datetime
    ehr: str | None = None
    emr_name: str | None = None
    address: str | None = None
    settings: OrgSettings = OrgSettings()


class OrgMismatch(Problem):
    """The org has another EHR. Leave out emr_name and emr_instance_domain, or change the org with PATCH \
/v1/orgs/{org_id}."""

    code = "org_mismatch"
    status = 409


class UnknownEmr(Problem):
    """No EHR has this emr_name. Send the name of a known EHR, or leave it out to let the user choose in Link."""

    code = "unknown_emr"
    status = 400


class EmrNotOffered(Problem):
    """This kind of client cannot link this EHR. Test clients see only the sandbox EHR, live clients every other EHR. \
Create a client of the other kind with `cobalt clients create`, with or without --test."""

    code = "emr_not_offered"
    status = 400


class OrgNotFound(Problem):
    """There is no such org. Check the org_id. The first link token for an org creates it."""

    code = "org_not_found"
    status = 404


ONE: LiteralString = "SELECT * FROM orgs WHERE client = %s AND org_id = %s"
ALL: LiteralString = "SELECT * FROM orgs WHERE client = %s ORDER BY org_id"
BY_ID: LiteralString = "SELECT * FROM orgs WHERE id = %s"
PAGE: LiteralString = "SELECT * FROM orgs WHERE client = %s AND org_id > %s ORDER BY org_id LIMIT %s"
# DO NOTHING and not DO UPDATE: every request would lock and rewrite the row of a busy org.
INSERT: LiteralString = """
INSERT INTO orgs (id, client, org_id, ehr, emr_name, address, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (client, org_id) DO NOTHING"""
LOCK: LiteralString = "SELECT * FROM orgs WHERE client = %s AND org_id = %s FOR UPDATE"
CHANGE: LiteralString = """
UPDATE orgs SET ehr = %s, emr_name = %s, address = %s, settings = %s WHERE id = %s"""
LISTED: LiteralString = """
SELECT * FROM orgs WHERE client = %s AND (settings ->> 'listed')::boolean ORDER BY org_id LIMIT 1000"""


class Orgs:
    """The table `orgs`. `resolve_ehr` turns an EHR's name or alias, in any case, into a connector's key. `domains` are
    those that the operator allows."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        resolve_ehr: ResolveEhr,
        domains: EhrDomains,
        *,
        rules: EhrRules | None = None,
    ) -> None:
        self._db = db
        self._clock = clock
        self._resolve = resolve_ehr
        self._domains = domains
        self._rules = rules or EhrRules()
        self._known = ShortCache(self._read)
        self._recent = ShortCache(self._read_by_id)

    async def ensure(self, client: Client, org_id: str, emr_name: str | None = None, domain: str | None = None) -> Org:
        """The org, created if it is new. A known one is cached.

        Raises OrgMismatch, UnknownEmr, EmrNotOffered, InvalidRequest. What is refused changes nothing.
        """
        wanted = self._ehr(emr_name, domain)
        org = await self._known((client.id, org_id)) or await self._insert(client, org_id, wanted)
        if _contradicts(org, wanted):
            raise OrgMismatch(_mismatch(org))
        if (wanted.ehr and not org.ehr) or (wanted.address and not org.address):
            org = await self._name(client, org_id, wanted)
        # Also for an org that was stored before: its EHR may not be installed anymore.
        self._rules.check_offered(client, org.ehr)
        return org

    async def find(self, client: Client, org_id: str) -> Org:
        """As it is in the database now. Raises OrgNotFound."""
        org = await self._read((client.id, org_id))
        if org is None:
            raise OrgNotFound
        return org

    async def known(self, client_id: str, org_id: str) -> Org | None:
        """As it was within the last second. `client_id` is our id of the client."""
        return await self._known((client_id, org_id))

    async def by_id(self, id: str) -> Org:  # noqa: A002 - the table's word
        """By our id, as it was within the last second. Raises OrgNotFound."""
        org = await self._recent(id)
        if org is None:
            raise OrgNotFound
        return org

    async def page(self, client: Client, after: str, limit: int) -> list[Org]:
        """A client's orgs by org_id, those behind the org_id `after`."""
        return [_org(row) for row in await self._db.rows(PAGE, (client.id, after, limit))]

    async def all(self, client: Client) -> list[Org]:
        """Every org of a client by org_id, for the operator."""
        return [_org(row) for row in await self._db.rows(ALL, (client.id,))]

    async def listed(self, client_id: str) -> list[Org]:
        """The orgs of a client that its users may find by name, at most 1000."""
        return [_org(row) for row in await self._db.rows(LISTED, (client_id,))]

    async def change(
        self,
        client: Client,
        org_id: str,
        change: OrgChange,
        emr_name: str | None = None,
        domain: str | None = None,
        *,
        create: bool = False,
    ) -> Org:
        """Changes the settings and, if given, the EHR. `create` makes the org if it is new.

        Raises OrgNotFound, UnknownEmr, EmrNotOffered, InvalidRequest. What is refused changes nothing.
        """
        wanted = self._ehr(emr_name, domain)
        self._rules.check_offered(client, wanted.ehr)
        async with self._db.transaction() as tx:
            if create:
                await tx.execute(INSERT, self._row(client, org_id, Ehr(None, None, None)))
            before = await self._locked(tx, client, org_id)
            org = await self._store(tx, before, _replaced(before, wanted, change))
        self._known.forget((client.id, org_id))
        return org

    async def _insert(self, client: Client, org_id: str, wanted: Ehr) -> Org:
        self._rules.check_offered(client, wanted.ehr)
        row = self._row(client, org_id, wanted)
        self._rules.check_usable(Org(row[0], client.id, org_id, self._clock.now(), wanted.ehr, address=wanted.address))
        await self._db.run(INSERT, row)
        return await self._again(client.id, org_id)

    async def _name(self, client: Client, org_id: str, wanted: Ehr) -> Org:
        """Gives an org the EHR that nobody named so far. Raises OrgMismatch if another request was first."""
        self._rules.check_offered(client, wanted.ehr)
        async with self._db.transaction() as tx:
            before = await self._locked(tx, client, org_id)
            if _contradicts(before, wanted):
                raise OrgMismatch(_mismatch(before))
            named = {name: getattr(before, name) or getattr(wanted, name) for name in ("ehr", "emr_name", "address")}
            await self._store(tx, before, msgspec.structs.replace(before, **named))
        return await self._again(client.id, org_id)

    async def _locked(self, tx: Tx, client: Client, org_id: str) -> Org:
        row = await (await tx.execute(LOCK, (client.id, org_id))).fetchone()
        if row is None:
            raise OrgNotFound
        return _org(row)

    async def _store(self, tx: Tx, before: Org, org: Org) -> Org:
        # What is not touched may stay as it is, so that every other setting of an old org can still be changed.
        if (org.ehr, org.address, org.settings.allowed_ehr_domains) != (
            before.ehr, before.address, before.settings.allowed_ehr_domains,
        ):  # fmt: skip
            self._domains.check(org.ehr, org.address)
            self._rules.check_usable(org)
        settings = Jsonb(msgspec.to_builtins(org.settings))
        await tx.execute(CHANGE, (org.ehr, org.emr_name, org.address, settings, org.id))
        return org

    def _row(self, client: Client, org_id: str, wanted: Ehr) -> tuple[Any, ...]:
        names = (wanted.ehr, wanted.emr_name, wanted.address)
        return (new_id(), client.id, _id_of_app(org_id), *names, self._clock.now())

    async def _again(self, client_id: str, org_id: str) -> Org:
        self._known.forget((client_id, org_id))
        org = await self._known((client_id, org_id))
        if org is None:
            raise OrgNotFound
        return org

    async def _read(self, key: tuple[str, str]) -> Org | None:
        row = await self._db.one(ONE, key)
        return _org(row) if row else None

    async def _read_by_id(self, id: str) -> Org | None:  # noqa: A002 - the table's word
        row = await self._db.one(BY_ID, (id,))
        return _org(row) if row else None

    def _ehr(self, emr_name: str | None, domain: str | None) -> Ehr:
        key = self._resolve(emr_name) if emr_name else None
        if emr_name and key is None:
            raise UnknownEmr
        try:
            address = addresses.ehr_address(domain) if domain else None
        except addresses.AddressProblem as problem:
            raise InvalidRequest(f"emr_instance_domain: {problem}") from None
        self._domains.check(key, address)
        return Ehr(key, emr_name or None, address)


class Ehr(msgspec.Struct, frozen=True):
    """The EHR that a request names: the connector's key, the name as sent, and the canonical address."""

    ehr: str | None
    emr_name: str | None
    address: str | None


def _org(row: Row) -> Org:
    return msgspec.convert(row, Org)


def _contradicts(org: Org, wanted: Ehr) -> bool:
    return _differ(wanted.ehr, org.ehr) or _differ(wanted.address, org.address)


def _differ(asked: str | None, kept: str | None) -> bool:
    return bool(asked and kept and asked != kept)


def _mismatch(org: Org) -> str:
    where = f" at {org.address}" if org.address else ""
    return (
        f"The org {org.org_id} has {org.emr_name or 'another EHR'}{where}. Leave out emr_name and"
        " emr_instance_domain, or change the org with PATCH /v1/orgs/{org_id}."
    )


def _replaced(org: Org, wanted: Ehr, change: OrgChange) -> Org:
    try:
        settings = changed(org.settings, change)
    except OrgProblem as problem:
        raise InvalidRequest(str(problem)) from None
    return msgspec.structs.replace(
        org,
        ehr=wanted.ehr or org.ehr,
        emr_name=wanted.emr_name or org.emr_name,
        address=wanted.address or org.address,
        settings=settings,
    )


def _id_of_app(text: str) -> str:
    if not 0 < len(text) <= 200 or not text.isprintable():
        raise InvalidRequest("org_id must be one line of 1 to 200 characters. It is your own id for the clinic.")
    if text in (".", ".."):
        # Every HTTP client takes them out of /v1/orgs/{org_id}, encoded or not (URL Standard, "double-dot").
        raise InvalidRequest(f"org_id cannot be {text!r}, because it cannot be part of a URL. Use another id.")
    return text
