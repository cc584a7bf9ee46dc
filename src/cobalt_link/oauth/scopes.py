"""SMART scopes of both versions, and whether what was granted covers what is needed (SMART App Launch 2.2, scopes).

Version 2 says `user/Appointment.rs`, in the order c, r, u, d, s; version 1 says `user/Appointment.read`. A server may
grant less than was asked, in the other version, or with a restriction (`?category=…`), which counts as partial.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

Version: TypeAlias = Literal["v1", "v2"]

_SCOPE = re.compile(r"(patient|user|system)/([A-Za-z]+|\*)\.([a-z*]+)(?:\?(.*))?")
_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V2 = re.compile(r"c?r?u?d?s?")


class Scope(msgspec.Struct, frozen=True):
    """A scope on data. `interactions` are letters of `cruds`. `filter` restricts it to some records."""

    context: str
    resource: str
    interactions: str
    filter: str | None = None


def parsed(text: str) -> Scope | None:
    """None for a scope that is not about data, such as `openid`, and for one that nobody can read."""
    found = _SCOPE.fullmatch(text)
    if found is None:
        return None
    context, resource, letters, restriction = found.groups()
    interactions = _V1.get(letters) or (letters if _V2.fullmatch(letters) else "")
    return Scope(context, resource, interactions, restriction or None) if interactions else None


class GrantedScopes(msgspec.Struct, frozen=True):
    """The scopes of an access token, as its answer names them."""

    texts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> GrantedScopes:
        return cls(tuple(dict.fromkeys(text.split())))

    def allows(self, resource: str, interactions: str) -> bool:
        """Whether all these interactions are granted on a resource type, for some records at least."""
        return all(any(letter in each.interactions for each in self._on(resource)) for letter in interactions)

    def is_partial(self, resource: str, interactions: str) -> bool:
        """Whether some of them are granted for some records only: an empty answer does not mean that there is none."""
        return self.allows(resource, interactions) and not all(
            any(letter in each.interactions and each.filter is None for each in self._on(resource))
            for letter in interactions
        )

    def has(self, scope: str) -> bool:
        """Whether a scope that is not about data is granted, such as `offline_access`."""
        return scope in self.texts

    def lacks(self, asked: Iterable[str]) -> tuple[str, ...]:
        """Those of the scopes asked for that are not granted, in their order."""
        return tuple(each for each in dict.fromkeys(asked) if not self._covers(each))

    def _covers(self, text: str) -> bool:
        scope = parsed(text)
        if scope is None:
            return text in self.texts
        return text in self.texts or self.allows(scope.resource, scope.interactions)

    def _on(self, resource: str) -> list[Scope]:
        found = [parsed(each) for each in self.texts]
        return [each for each in found if each is not None and each.resource in (resource, "*")]


def written(context: str, resource: str, interactions: str, version: Version) -> str:
    """A scope as a version writes it. Version 1 has no finer steps than read and write."""
    if version == "v2":
        return f"{context}/{resource}.{''.join(letter for letter in 'cruds' if letter in interactions)}"
    reads, writes = set("rs") & set(interactions), set("cud") & set(interactions)
    return f"{context}/{resource}.{'*' if reads and writes else 'write' if writes else 'read'}"
