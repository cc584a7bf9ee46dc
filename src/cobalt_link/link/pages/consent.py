"""The consent pane: what the app sees, does, and never does. It is made from the topics of the connector's reads, and
from its writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from markupsafe import Markup

from cobalt_link.connector.panes import Consent
from cobalt_link.connector.topics import TOPICS, Topic
from cobalt_link.connector.writes import WriteCapability
from cobalt_link.link.pages.context import PageContext
from cobalt_link.link.pages.hosts import host_markup
from cobalt_link.link.pages.pane_view import PaneView, head_of
from cobalt_link.link.pages.texts import Texts

# The short line names what a group is about. The complete list has a line for each topic.
GROUPS: Mapping[str, tuple[Topic, ...]] = {
    "schedule": ("visits", "openings"),
    "patients": ("people", "contact"),
    "health": ("reasons", "diagnoses", "medications", "notes", "documents", "orders", "referrals"),
    "insurance": ("insurance", "eligibility"),
    "billing": ("billing",),
    "tasks": ("tasks",),
    "practice": ("providers", "locations", "directory", "practice"),
}


# The short line of what the app adds and changes.
WRITES: Mapping[str, tuple[WriteCapability, ...]] = {
    "appointments": ("appointments.create", "appointments.update"),
    "patients": ("patients.create", "patients.update", "insurances.create", "insurances.update"),
    "notes": ("notes.create", "notes.update", "patient_notes.create"),
    "documents": ("documents.create",),
    "referrals": ("referrals.create", "referring_providers.create"),
    "tasks": (
        "tasks.create",
        "task_notes.create",
        "messages.create",
        "telephone_encounters.create",
        "telephone_encounters.add_action",
    ),
    "billing": ("claims.create", "payments.create"),
}


def variables(view: PaneView, pane: Consent) -> dict[str, Any]:
    t, context = view.texts, view.context
    writes = written(context)
    return {
        "head": head_of(view, "at2"),
        "title": t("consent.title"),
        "why": t("consent.why", host=host_markup(context.host or "")),
        "claim": practice_claim(context, t),
        "addressee": addressee_claim(context, t),
        "lines": (
            ("eye", t("consent.see"), seen(context, t)),
            ("clock", t("consent.do"), done(writes, t)),
            ("ban", t("consent.never"), t("consent.cannot_delete" if writes else "consent.cannot")),
        ),
        "all_title": t("consent.all_writes" if writes else "consent.all"),
        "all": [
            *(t(f"consent.sees.{topic}") for topic in (*context.topics, "you")),
            *(t(f"consent.adds.{name}") for name in writes),
        ],
        "not_offered": not_offered(context, t),
    }


def not_offered(context: PageContext, t: Texts) -> Markup | None:
    """What this server lacks. A group of which it has a part is not named: the complete list has the parts."""
    missing = context.not_offered
    topics = [name for name, all_ in GROUPS.items() if _lacks(all_, missing.topics, context.topics)]
    writes = [name for name, all_ in WRITES.items() if _lacks(all_, missing.writes, context.writes)]
    named = [t(f"consent.group.{name}") for name in topics]
    if writes:
        named.append(t("consent.writing", what=t.listed([t(f"consent.write.{name}") for name in writes])))
    return t("consent.not_offered", ehr=context.ehr_name or "", what=t.listed(named)) if named else None


def _lacks(group: Sequence[str], missing: Sequence[str], offered: Sequence[str]) -> bool:
    return not set(group).isdisjoint(missing) and set(group).isdisjoint(offered)


def written(context: PageContext) -> list[str]:
    """The groups of what the app adds and changes."""
    return [name for name, writes in WRITES.items() if not set(writes).isdisjoint(context.writes)]


def done(writes: Sequence[str], t: Texts) -> Markup:
    """The short line of what the app does."""
    if not writes:
        return t("consent.does")
    return t("consent.writes", what=t.listed([t(f"consent.write.{name}") for name in writes]))


def seen(context: PageContext, t: Texts) -> Markup:
    """The short line of what the app sees."""
    groups = [name for name, topics in GROUPS.items() if not set(topics).isdisjoint(context.topics)]
    return t.sentence([t(f"consent.group.{name}") for name in (*groups, "you")])


def practice_claim(context: PageContext, t: Texts) -> Markup | None:
    """The practice's name if nobody but the app gives it."""
    return None if context.practice else t.best("consent.says", claim=context.claimed_practice)


def addressee_claim(context: PageContext, t: Texts) -> Markup | None:
    """For whom the link is, as the app says. Somebody who was sent another user's link sees a stranger there."""
    return t.best("consent.for_repair" if context.repairing else "consent.for", addressee=context.addressee)


def _check() -> None:
    grouped = sorted(topic for topics in GROUPS.values() for topic in topics)
    if grouped != sorted(TOPICS):
        raise TypeError("Each topic needs one group in link/pages/consent.py")
    if sorted(write for writes in WRITES.values() for write in writes) != sorted(get_args(WriteCapability)):
        raise TypeError("Each write needs one group in link/pages/consent.py")


_check()
