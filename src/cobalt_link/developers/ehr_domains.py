"""Which addresses an EHR may have here: the operator's list per connector, which no client can widen."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence

from cobalt_link.developers.addresses import is_allowed
from cobalt_link.settings import SettingsError
from cobalt_link.web.problems import Problem

SETTING = "allowed_ehr_domains"


class EhrDomainNotAllowed(Problem):
    """The operator of this server does not allow this EHR at this address. Ask them to add its domain to \
COBALT_ALLOWED_EHR_DOMAINS."""

    code = "ehr_domain_not_allowed"
    status = 400


class EhrDomains:
    """A connector that the setting leaves out may be used at every address. Raises SettingsError for a name that is no
    connector: its list would silently protect nothing."""

    def __init__(self, allowed: Mapping[str, Sequence[str]], connectors: Collection[str]) -> None:
        self._allowed = allowed
        for key in allowed:
            if key not in connectors:
                near = difflib.get_close_matches(key, list(connectors), n=1)
                hint = f"Did you mean {near[0]}?" if near else f"The connectors are: {', '.join(sorted(connectors))}."
                raise SettingsError(f"{SETTING} names {key!r}, which is not a connector. {hint}")

    def allows(self, connector: str, address: str, also: Sequence[str] = ()) -> bool:
        """Whether an EHR may be linked at a canonical address. `also` are the rules of an org, which only narrow it."""
        return is_allowed(address, self._allowed.get(connector, ())) and is_allowed(address, also)

    def check(self, connector: str | None, address: str | None) -> None:
        """Raises EhrDomainNotAllowed. An org whose EHR or address nobody named yet is checked when a user links."""
        if connector and address and not self.allows(connector, address):
            raise EhrDomainNotAllowed
