"""The errors of the database. Their messages name the next step."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout


class DatabaseUnavailable(Exception):
    """The database is down, restarting or full. A write may or may not have happened. The API answers 503."""


class UnsafeDatabase(Exception):
    """The server is too old, or its settings could lose an acknowledged write. The program does not start (S-093)."""


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL server cannot be created, started or adopted. The message names the fix."""


# What libpq says when a connection cannot be made, and what that means for the operator. A refused connection has no
# SQLSTATE in psycopg, so only the text tells; the first pattern that is found decides.
_NOT_CONNECTED: tuple[tuple[str, str], ...] = (
    (
        r"password authentication failed|no password supplied|role \"[^\"]*\" does not exist|ident authentication"
        r"|peer authentication",
        "PostgreSQL refused the user or the password. Check both in DATABASE_URL, with special characters in percent"
        " encoding.",
    ),
    (r"pg_hba\.conf", "PostgreSQL allows no such connection from this machine. Add a line to its pg_hba.conf."),
    (r"database \"[^\"]*\" does not exist", "The server has no database of this name. Create it, or correct the name."),
    (
        r"could not translate host name|failed to resolve host|Name or service not known|No address associated",
        "No machine of this name is known. Check the host in DATABASE_URL.",
    ),
    (
        r"(?i)certificate|\bssl\b|\btls\b",
        "No encrypted connection could be made. Check sslmode and sslrootcert in DATABASE_URL, and the certificate of"
        " the server.",
    ),
    (
        r"starting up|in recovery|not yet accepting|shutting down",
        "The server is starting or stopping. It answers as soon as its recovery has ended.",
    ),
    (
        r"(?i)refused|No such file|timeout|timed out|unreachable",
        "Nothing answers at this host and port. Check that PostgreSQL runs there and that no firewall is between.",
    ),
)


def connection_refused(error: Exception) -> DatabaseUnavailable:
    """Why no connection could be made, in one sentence with the next step. Quotes nothing of the address."""
    said = str(error)
    known = next((text for pattern, text in _NOT_CONNECTED if re.search(pattern, said)), None)
    return DatabaseUnavailable(known or f"The database cannot be reached ({type(error).__name__}). Check DATABASE_URL.")


# SQLSTATE classes (PostgreSQL documentation, appendix A): 08 connection, 53 out of disk, memory or connections, 57P
# shutting down or starting, 58 I/O error. 25006 is a server that became a read-only replica.
_UNAVAILABLE = ("08", "53", "57P", "58", "25006")


@contextmanager
def unavailable_errors() -> Iterator[None]:
    """Raises `DatabaseUnavailable` for a database that is down or cannot write. Other errors of psycopg pass."""
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        raise DatabaseUnavailable(
            f"The database gave no connection ({error}). Check that it runs and can be reached."
        ) from error
    except psycopg.Error as error:
        if not _is_unavailable(error):
            raise
        raise DatabaseUnavailable(
            f"The database is not available: {str(error).strip()}. Check that it runs and has space."
        ) from error


def _is_unavailable(error: psycopg.Error) -> bool:
    # psycopg's own errors, such as a connection that was cut, have no SQLSTATE.
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_UNAVAILABLE)
