"""The error code and the exit status for each exception of lower rooms."""

from __future__ import annotations

from cobalt_link.connector.installed import ConnectorBroken
from cobalt_link.developers.addresses import AddressProblem
from cobalt_link.developers.branding import BrandingProblem
from cobalt_link.developers.clients import ClientProblem
from cobalt_link.kit.private_files import NotPrivate
from cobalt_link.net.transport import CaFileError
from cobalt_link.registrations.registration import RegistrationProblem
from cobalt_link.settings import SettingsError
from cobalt_link.store.backup import BackupFailed
from cobalt_link.store.errors import DatabaseUnavailable, EmbeddedServerError, UnsafeDatabase
from cobalt_link.store.migrate import SchemaTooNew
from cobalt_link.vault import VaultError
from cobalt_link.web.problems import Problem

FAILURES: tuple[tuple[type[Exception], str, int], ...] = (
    (SettingsError, "bad_settings", 2),
    (CaFileError, "bad_settings", 2),
    (AddressProblem, "bad_address", 2),
    (BrandingProblem, "bad_branding", 2),
    (ClientProblem, "bad_client", 1),
    (RegistrationProblem, "bad_registration", 1),
    (ConnectorBroken, "broken_connector", 1),
    (VaultError, "bad_keys", 1),
    (NotPrivate, "not_private", 1),
    (UnsafeDatabase, "unsafe_database", 1),
    (EmbeddedServerError, "embedded_server", 1),
    (BackupFailed, "backup_failed", 1),
    (SchemaTooNew, "schema_too_new", 1),
    (DatabaseUnavailable, "database_unavailable", 1),
    (Problem, "refused", 1),
    (PermissionError, "not_permitted", 1),
)
