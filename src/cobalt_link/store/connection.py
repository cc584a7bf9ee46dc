"""One connection outside the pool. A connection that cannot be made says in one sentence why, without the address."""

from typing import Any

import psycopg
from psycopg import AsyncConnection

from cobalt_link.store.errors import connection_refused

# The LISTEN connection and idle connections of the pool send nothing, so only keepalives tell that the peer is gone.
KEEPALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


async def connect(dsn: str, **more: Any) -> AsyncConnection[Any]:
    """A connection in autocommit mode. `more` goes to psycopg. Raises `DatabaseUnavailable`."""
    try:
        return await AsyncConnection.connect(dsn, autocommit=True, **KEEPALIVE, **more)
    except psycopg.Error as error:
        # Without the cause: libpq quotes the address, with its password, if it cannot read it.
        raise connection_refused(error) from None
