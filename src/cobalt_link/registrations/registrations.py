"""The operator's app registrations: which one belongs to a FHIR server, and how it proves itself there.

A registration works at the addresses that the operator approved for it, and at no other. Its secret and keys are sealed
with a data key of its own, and every use of them is noted first (S-130).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec

from cobalt_link.kit.clock import Clock
from cobalt_link.net import addresses
from cobalt_link.oauth import registration as oauth
from cobalt_link.oauth.registration import AuthMethod, NoRegistrations, Proof
from cobalt_link.registrations.keys import SETTLES, Algorithm, RegistrationKey, RegistrationKeys, signer, upcoming
from cobalt_link.registrations.keys import assertion as signed_assertion
from cobalt_link.registrations.registration import RegisteredApp, Registration, RegistrationProblem, Urls
from cobalt_link.registrations.table import RegistrationEvent, RegistrationTable
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.store.database import Database, Tx
from cobalt_link.vault import Context, DataKey, Vault


class RegistrationChange(msgspec.Struct, frozen=True, kw_only=True):
    """What changes. None leaves it as it is."""

    client_id: str | None = None
    method: AuthMethod | None = None
    secret: str | None = None
    scopes: tuple[str, ...] | None = None
    schedules: tuple[str, ...] | None = None
    algorithm: Algorithm = "RS384"

    def __repr__(self) -> str:
        return f"RegistrationChange({self.method})"


class Registrations(NoRegistrations):
    """What connectors and the command line work with. Everything that is given was checked (`checks`)."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, urls: Urls) -> None:
        self.urls = urls
        self._db = db
        self._clock = clock
        self._data_keys = DataKeys(db, vault)
        self._table = RegistrationTable(db)
        self._keys = RegistrationKeys(db)

    async def at(self, address: str) -> RegisteredApp | None:
        """The registration that the operator approved for this FHIR server. The address must be the same, character for
        character; only one slash at its end may be missing. One without a client id does not work yet."""
        found = await self._table.at(address.removesuffix("/"))
        return self.app(found, found.addresses[0]) if found and found.client_id else None

    def app(self, found: Registration, address: str) -> RegisteredApp:
        """A registration at one of its addresses."""
        return RegisteredApp(found, address, self.urls.callback(found.id), partial(self._prove, found.id))

    async def all(self) -> list[Registration]:
        return [found for found, _ in await self._table.all()]

    async def find(self, name: str) -> Registration:
        """Raises RegistrationProblem."""
        return (await self._opened(name))[0]

    async def keys(self, name: str) -> list[RegistrationKey]:
        """The published keys of a registration. There are none if it does not exist or has another method."""
        return await self._keys.of(name, self._clock.now())

    async def trail(self, name: str) -> Sequence[RegistrationEvent]:
        return await self._table.trail(name)

    async def add(
        self, name: str, vendor: str, method: AuthMethod, address: str, change: RegistrationChange
    ) -> Registration:
        """A new registration for one FHIR server, with its key if it needs one."""
        new = Registration(
            id=name,
            vendor=vendor,
            method=method,
            client_id=change.client_id,
            addresses=(address,),
            scopes=change.scopes or (),
            schedules=change.schedules or (),
            created_at=self._clock.now(),
        )
        async with self._db.transaction() as tx:
            seal = await self._data_keys.create(tx, owner(name))
            if not await self._table.insert(tx, new, _sealed_secret(seal, name, change.secret)):
                raise RegistrationProblem(
                    f"There is a registration {name} already. Choose another name, or change it with"
                    f" `cobalt registrations update {name}`."
                )
            await self._note(tx, name, "added", method)
            await self._approve(tx, new, address)
            if new.has_keys:
                await self._keys.add(tx, seal, name, change.algorithm, (new.created_at, new.created_at))
        return new

    async def update(self, name: str, change: RegistrationChange) -> Registration:
        """Changes what is given. Another method erases the secret or the keys of the former one."""
        former = await self.find(name)
        given = {key: value for key, value in msgspec.structs.asdict(change).items() if value is not None}
        fields = {key: value for key, value in given.items() if key in Registration.__struct_fields__}
        new = msgspec.structs.replace(former, **fields)
        if new.has_secret and not former.has_secret and change.secret is None:
            raise RegistrationProblem(f"{name} has no client secret yet. Add --client-secret-file.")
        async with self._db.transaction() as tx:
            seal = await self._locked(tx, name)
            await self._table.change(tx, new, _sealed_secret(seal, name, change.secret))
            await self._note(tx, name, "changed", new.method)
            if not new.has_keys:
                await self._keys.drop_all(tx, name)
            elif not former.has_keys:
                now = self._clock.now()
                await self._keys.add(tx, seal, name, change.algorithm, (now, now))
        return new

    async def approve(self, name: str, address: str) -> Registration:
        """Lets a registration be used at one more FHIR server."""
        found = await self.find(name)
        async with self._db.transaction() as tx:
            await self._locked(tx, name)
            await self._approve(tx, found, address)
        return await self.find(name)

    async def withdraw(self, name: str, address: str) -> Registration:
        """From now on, the registration is not used at this FHIR server."""
        found = await self.find(name)
        async with self._db.transaction() as tx:
            await self._locked(tx, name)
            if not await self._table.withdraw(tx, name, address):
                raise RegistrationProblem(
                    f"{name} is not approved for {address}. Its addresses are: {', '.join(found.addresses) or 'none'}."
                )
            await self._note(tx, name, "withdrawn", address)
        return await self.find(name)

    async def rotate(self, name: str, algorithm: Algorithm | None, *, now: bool = False) -> list[RegistrationKey]:
        """A new key, which signs in a day. `now`: it signs at once, and all others are erased. Returns the keys."""
        found, moment = await self.find(name), self._clock.now()
        if not found.has_keys:
            raise RegistrationProblem(
                f"{name} proves itself with {found.method}, and has no key. To change a client secret, run"
                f" `cobalt registrations update {name} --client-secret-file FILE`."
            )
        async with self._db.transaction() as tx:
            seal, keys = await self._locked(tx, name), await self.keys(name)
            next_key, current = upcoming(keys, moment), signer(keys, moment)
            if next_key and not now:
                raise RegistrationProblem(
                    f"A new key of {name} is published already, and signs from {next_key.used_from:%Y-%m-%d %H:%M UTC}."
                    " Wait until then. After a leak, use --now."
                )
            kind = algorithm or (current.algorithm if current else "RS384")
            kid = await self._keys.add(tx, seal, name, kind, (moment, moment + (timedelta() if now else SETTLES)))
            if now:
                await self._keys.drop_others(tx, name, kid)
            await self._note(tx, name, "rotated", kid)
        return await self.keys(name)

    async def remove(self, name: str) -> Registration:
        """With its secret and keys. Accounts that were linked with it cannot be renewed any more."""
        found = await self.find(name)
        async with self._db.transaction() as tx:
            await self._table.remove(tx, name)
            await self._data_keys.destroy(tx, owner(name))
            await self._note(tx, name, "removed", None)
        return found

    async def tested(self, name: str, report: str) -> None:
        """Notes how the doctor's test ended."""
        async with self._db.transaction() as tx:
            await self._note(tx, name, "tested", report)

    async def prune(self, audit_kept: timedelta) -> None:
        """Erases keys that no longer have to be published, and the audit that is old enough."""
        await self._keys.prune(self._clock.now())
        await self._table.prune(self._clock.now() - audit_kept)

    async def _prove(self, name: str, endpoint: str) -> Proof:
        found, sealed_secret = await self._opened(name)
        client_id = found.client_id or ""
        if found.method == "none":
            return oauth.public_proof(client_id)
        async with self._db.transaction() as tx:
            await self._note(tx, name, "proved", addresses.parse(endpoint).where)
            seal = await self._data_keys.get(owner(name), tx)
        now = self._clock.now()
        key = signer(await self._keys.of(name, now), now) if found.has_keys else None
        if seal is None or (key is None and sealed_secret is None):
            raise RegistrationProblem(f"{name} has no {'key' if found.has_keys else 'client secret'}. Add it again.")
        if key is not None:
            claims = oauth.assertion_claims(client_id, endpoint, now)
            return oauth.assertion_proof(signed_assertion(key, seal, claims))
        secret = seal.open(sealed_secret or b"", secret_context(name)).decode()
        by = oauth.post_proof if found.method == "client_secret_post" else oauth.basic_proof
        return by(client_id, secret)

    async def proof_by(self, name: str, method: AuthMethod, endpoint: str) -> Proof | None:
        """The proof that another method would give, for the doctor. None if there is nothing to prove it with."""
        found, sealed_secret = await self._opened(name)
        if method == "none":
            return oauth.public_proof(found.client_id or "")
        seal = await self._data_keys.get(owner(name))
        if sealed_secret is None or seal is None or method == "private_key_jwt":
            return None
        async with self._db.transaction() as tx:
            await self._note(tx, name, "proved", addresses.parse(endpoint).where)
        secret = seal.open(sealed_secret, secret_context(name)).decode()
        by = oauth.post_proof if method == "client_secret_post" else oauth.basic_proof
        return by(found.client_id or "", secret)

    async def _opened(self, name: str) -> tuple[Registration, bytes | None]:
        found = await self._table.all(name)
        if not found:
            raise RegistrationProblem(
                f"There is no registration {name[:80]}. `cobalt registrations list` shows those that exist."
            )
        return found[0]

    async def _approve(self, tx: Tx, found: Registration, address: str) -> None:
        used_by = await self._table.approve(tx, found.id, address, self._clock.now())
        if used_by != found.id:
            raise RegistrationProblem(
                f"{address} belongs to the registration {used_by}. One FHIR server has one registration: first run"
                f" `cobalt registrations withdraw {used_by} {address}`."
            )
        await self._note(tx, found.id, "approved", address)

    async def _locked(self, tx: Tx, name: str) -> DataKey:
        """The data key of a registration that nobody else changes until the transaction ends."""
        if not await self._table.lock(tx, name):
            raise RegistrationProblem(f"The registration {name} was removed in the meantime.")
        return await self._data_keys.create(tx, owner(name))

    async def _note(self, tx: Tx, name: str, what: str, detail: str | None) -> None:
        await self._table.note(tx, RegistrationEvent(self._clock.now(), name, what, detail))


def owner(name: str) -> str:
    """Whose data key seals what belongs to a registration."""
    return f"registration:{name}"


def secret_context(name: str) -> Context:
    return Context("registrations", "", name, "secret")


def _sealed_secret(seal: DataKey, name: str, secret: str | None) -> bytes | None:
    return seal.seal(secret.encode(), secret_context(name)) if secret else None


def as_jwks(keys: Sequence[RegistrationKey]) -> list[dict[str, Any]]:
    """What EHRs read (RFC 7517 §5): public members only."""
    return [each.public for each in keys]
