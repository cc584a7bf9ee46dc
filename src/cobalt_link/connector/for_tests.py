"""What the connector of an EHR for tests offers beside the rest: logins on demand, and breaking and repairing them."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

import msgspec

from cobalt_link.connector.instance import EhrInstance


class TestLogin(msgspec.Struct, frozen=True):
    """A login that the EHR has just made, without a second factor."""

    username: str
    password: str


@runtime_checkable
class MakesLogins(Protocol):
    """Only for EHRs with made-up patients. `faults` are what `break_login` knows, with what each does."""

    faults: ClassVar[dict[str, str]]

    async def new_login(self, instance: EhrInstance) -> TestLogin:
        """A new user of the EHR with all rights."""
        ...

    async def break_login(self, instance: EhrInstance, username: str, fault: str) -> None:
        """From now on the EHR refuses this user, or everybody, in one way."""
        ...

    async def repair_login(self, instance: EhrInstance, username: str) -> None:
        """Ends every fault of this user, and those of the whole EHR."""
        ...
