"""The doctor's check of the operator's list of EHR domains: whether accounts are linked where it does not allow it."""

from __future__ import annotations

from cobalt_link.cli.diagnostics import Diagnostic, fail, ok, warn
from cobalt_link.cli.installation import connector_keys
from cobalt_link.settings import Settings, SettingsError
from cobalt_link.store.database import Database

WHAT = "EHR domains"
MOST = 10  # addresses that are named


async def check_ehr_domains(settings: Settings, database: Database) -> list[Diagnostic]:
    """Nothing if there is no list."""
    from cobalt_link.accounts.ehrs import linked_ehrs
    from cobalt_link.developers.ehr_domains import EhrDomains

    if not (allowed := settings.allowed_ehr_domains):
        return []
    try:
        domains = EhrDomains(allowed, connector_keys())
    except SettingsError as error:
        return [fail(WHAT, str(error), "correct COBALT_ALLOWED_EHR_DOMAINS")]
    outside = [
        each for each in await linked_ehrs(database, list(allowed)) if not domains.allows(each.connector, each.address)
    ]
    if not outside:
        return [ok(WHAT, "every account is at an EHR that the list allows")]
    named = [f"{each.accounts} at {each.address} ({each.connector})" for each in outside[:MOST]]
    if len(outside) > MOST:
        named.append(f"more at {len(outside) - MOST} other addresses")
    text = f"accounts at EHRs outside the list, for which nothing is read or written: {', '.join(named)}"
    return [
        warn(WHAT, text, "add the domains to COBALT_ALLOWED_EHR_DOMAINS, or ask the apps to disconnect the accounts")
    ]
