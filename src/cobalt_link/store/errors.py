"""The errors of the database. Their messages name the next step."""

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
