"""A connection that cannot be made: one sentence that names the cause, and never the password."""

import pytest
from tests.store.conftest import Server

from cobalt_link.store.connection import connect
from cobalt_link.store.database import Database
from cobalt_link.store.errors import DatabaseUnavailable
from cobalt_link.store.migrate import migrate


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (("tester:", "tester:canary"), "refused the user or the password"),
        (("tester:", "nobody:canary"), "refused the user or the password"),
        (("127.0.0.1", "nowhere.invalid"), "No machine of this name"),
        (("/postgres", "/missing"), "no database of this name"),
        (("/postgres", "/postgres?sslmode=require"), "No encrypted connection"),
        (("/postgres", "/postgres?sslrootcert=/nowhere&sslmode=verify-full"), "No encrypted connection"),
        (("/postgres", "/postgres?sslmod=require"), "Check DATABASE_URL"),
        (("127.0.0.1:", "127.0.0.1:1"), ""),
    ],
)
async def test_each_cause_has_its_sentence(outside: Server, change: tuple[str, str], cause: str) -> None:
    dsn = outside.dsn.replace(*change)
    for attempt in (connect, Database.open, migrate):
        with pytest.raises(DatabaseUnavailable) as caught:
            await attempt(dsn)
        said = str(caught.value)
        assert cause in said
        assert said.endswith(".")
        assert outside.password not in said and "canary" not in said
        assert caught.value.__cause__ is None and caught.value.__suppress_context__


async def test_a_port_where_nothing_listens_is_told_at_once() -> None:
    with pytest.raises(DatabaseUnavailable, match="Nothing answers at this host and port"):
        await Database.open("postgresql://me:canary@127.0.0.1:1/x")
