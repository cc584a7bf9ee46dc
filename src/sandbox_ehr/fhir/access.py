"""What the token of a request may see (RFC 6750; SMART App Launch 2.2, scopes)."""

from zoneinfo import ZoneInfo

import msgspec
from starlette.requests import Request

from sandbox_ehr.clinic.practice import CLINICS
from sandbox_ehr.ehr import ehr_of
from sandbox_ehr.fhir.kinds import Kind
from sandbox_ehr.fhir.matching import Criterion, last_part, split
from sandbox_ehr.fhir.outcome import FhirRefused, Resource
from sandbox_ehr.fhir.parameters import parameters_of
from sandbox_ehr.fhir.values import at
from sandbox_ehr.grants import tokens
from sandbox_ehr.grants.tokens import Grant
from sandbox_ehr.lab.log import note_outcome
from sandbox_ehr.login.sessions import Session
from sandbox_ehr.oauth.scopes import DataScope, allowing
from sandbox_ehr.requests import bearer_token

# What points to the patient whose record it is. Other types are nobody's record.
OWNERS = {"Patient": "id", "Binary": "securityContext.reference"}


class Access(msgspec.Struct, frozen=True):
    """The grant behind the token, and the scopes of the token."""

    grant: Grant
    scopes: tuple[str, ...]

    @property
    def session(self) -> Session:
        """As a session of the portal, for the chart."""
        return Session(self.grant.username, self.grant.clinic, self.grant.rights, 0)

    def require(self, kind: Kind, letter: str, right: str) -> "Permission":
        """Raises FhirRefused without a scope, or if the user lacks the right. A patient needs none."""
        scopes = allowing(self.scopes, kind.name, letter)
        if not scopes:
            raise FhirRefused(403, "forbidden", f"The app has no scope for {kind.name} that allows this.")
        if right and right not in self.grant.rights and not self.grant.own_patient:
            raise FhirRefused(403, "forbidden", f"The user does not have the right {right}.")
        return Permission(kind.name, tuple(scopes), self.grant.patient_id)


class Permission(msgspec.Struct, frozen=True):
    """Which records of one type the scopes open. Any of the scopes is enough."""

    kind: str
    scopes: tuple[DataScope, ...]
    patient_id: str

    def covers(self, resource: Resource, zone: ZoneInfo) -> bool:
        return any(self._opens(scope, resource, zone) for scope in self.scopes)

    def _opens(self, scope: DataScope, resource: Resource, zone: ZoneInfo) -> bool:
        if scope.context == "patient" and is_record(self.kind) and self.patient_id not in _owners(resource):
            return False
        known = parameters_of(self.kind)
        limits = [Criterion(known[name], "", split(value)) for name, value in scope.limits.items() if name in known]
        return all(limit.matches(resource, zone) for limit in limits)

    @property
    def only_patient(self) -> str:
        """The patient to whom every scope is limited, if there is one."""
        limited = is_record(self.kind) and all(scope.context == "patient" for scope in self.scopes)
        return self.patient_id if limited else ""


async def access_of(request: Request) -> Access:
    """Raises FhirRefused with 401 for a token that is unknown, revoked or too old."""
    ehr = ehr_of(request)
    token = await ehr.database.run(tokens.look_up, "access", bearer_token(request))
    if token is None or token.revoked or ehr.clock.now() >= token.ends_at:
        raise FhirRefused(401, "login", "The access token is missing, unknown, revoked or too old.")
    note_outcome(request, "", token.grant.username)
    return Access(token.grant, token.scopes)


def zone_of(access: Access) -> ZoneInfo:
    return ZoneInfo(CLINICS[access.grant.clinic].timezone)


def is_record(kind: str) -> bool:
    """Whether resources of this type belong to a patient."""
    return kind in OWNERS or "patient" in parameters_of(kind)


def _owners(resource: Resource) -> set[str]:
    """The ids of the patients whose record this is."""
    kind = resource["resourceType"]
    if kind in OWNERS:
        return {last_part(str(value)) for value in at(resource, OWNERS[kind])}
    found = [value for path in parameters_of(kind)["patient"].paths for value in at(resource, path)]
    return {last_part(value.get("reference", ""), "Patient") for value in found} - {""}
