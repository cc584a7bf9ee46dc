"""What the EHR of one account offers, where that differs from one installation or grant to the next."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Offering(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sign-in found that this EHR offers to this user, in the words of a manifest: `reads` with their filters,
    `writes` with their optional fields, and what is `required`. It can only be less than the manifest declares.

    `ehr` is the EHR's name, such as the product's. `reasons` say in a sentence why a capability is not offered.
    `not_granted` are those of them that the EHR has and the user, or the EHR's administrator, did not grant.
    """

    ehr: str | None = None
    reads: Mapping[str, tuple[str, ...]] = {}
    writes: Mapping[str, tuple[str, ...]] = {}
    required: Mapping[str, tuple[str, ...]] = {}
    reasons: Mapping[str, str] = {}
    not_granted: tuple[str, ...] = ()
    appointment_days: int | None = None
