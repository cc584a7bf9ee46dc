"""The shapes of a linked account: the part that is readable, and the part that only the account's data key opens."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.grant import EhrUser, Grant
from cobalt_link.connector.instance import EhrInstance
from cobalt_link.connector.offers import Offering

Health = Literal["active", "login_required"]


class WrappedKeys(msgspec.Struct, frozen=True):
    """The wrapped data keys of an account and of its org. None is a key that does not exist. `read_at` is the monotonic
    clock before they were read, in seconds."""

    account: bytes | None
    org: bytes | None
    read_at: float

    # In a log, a wrapped key would outlive its destruction (S-064).
    def __repr__(self) -> str:
        return "WrappedKeys()"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One end user of the app, signed in as one EHR user, in one org of a client. Contains nothing secret.

    `client` and `org` are our ids, `org_id` is the app's. `connector` is the connector's key. `token` is the keyed hash
    of the access token by which the account was found. `reference` is the app's own label of that token
    (`access_token_reference_id`). It is at first the `user_id`. `health_reason` is a refusal's code. `writes` are what
    its user has allowed the app to write. `offers` is what its EHR offers, where accounts of one connector differ.
    `keys` came with the look-up of the token: `sealing.key_of` opens them.
    """

    id: str
    client: str
    org: str
    org_id: str
    user_id: str
    connector: str
    address: str
    practice: str | None
    tenant: str
    reference: str
    health: Health
    health_reason: str | None
    linked_at: datetime
    last_used_at: datetime | None
    writes: tuple[str, ...] = ()
    offers: Offering | None = None
    token: bytes | None = None
    keys: WrappedKeys | None = None

    @property
    def instance(self) -> EhrInstance:
        return EhrInstance(address=self.address, practice=self.practice)


class SealedGrant(msgspec.Struct, frozen=True):
    """A grant as it is stored: JSON, sealed with the account's data key."""

    user: EhrUser
    session: dict[str, Any]
    known: dict[str, Any]
    expires_at: datetime | None = None
    keep_alive: int | None = None
    zone: str | None = None

    @classmethod
    def of(cls, grant: Grant) -> SealedGrant:
        return cls(grant.user, grant.session, grant.known, grant.expires_at, grant.keep_alive, grant.zone)


class ShownUser(msgspec.Struct, frozen=True):
    """What lists show of the EHR user, sealed with the account's data key. It opens without the grant."""

    name: str


class OpenAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that is opened for use. `answers` are by pane name, and empty if they were not needed. `number` counts
    the account's grants."""

    account: Account
    chart: Chart
    user: EhrUser
    known: dict[str, Any]
    expires_at: datetime | None
    answers: dict[str, bytes]
    number: int

    # A log or a traceback that shows an account must not show its password or session.
    def __repr__(self) -> str:
        return f"OpenAccount(number={self.number})"
