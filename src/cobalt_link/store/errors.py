"""What can be wrong with the database, in words that name the next step."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout


class DatabaseUnavailable(Exception):
    """The database cannot serve now (down, restarting, full), nothing is known to be written: answer 503."""


class UnsafeDatabase(Exception):
    """The server is set up so that an acknowledged write could be lost, or is too old: start-up is refused (S-093)."""


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL server cannot be set up, started or adopted here; the message names the fix."""


# SQLSTATE classes: 08 connection, 53 out of disk, memory or connections, 57P shutting down or starting, 58 I/O error;
# 25006 is a server that became a read-only replica.
_UNAVAILABLE = ("08", "53", "57P", "58", "25006")


@contextmanager
def telling_unavailable() -> Iterator[None]:
    """Turn "not there" and "cannot write" into DatabaseUnavailable; other errors pass as psycopg raises them."""
    try:
        yield
    except (PoolTimeout, PoolClosed) as error:
        raise DatabaseUnavailable(f"The database gave no connection ({error}). Is it running and reachable?") from error
    except psycopg.Error as error:
        if not _is_unavailable(error):
            raise
        raise DatabaseUnavailable(f"The database cannot serve now: {str(error).strip()}") from error


def _is_unavailable(error: psycopg.Error) -> bool:
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_UNAVAILABLE)
