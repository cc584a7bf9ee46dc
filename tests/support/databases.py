"""Databases for tests: copies of a migrated template, each used again as long as it is as new.

Copying and dropping a database costs the server ten times what a small test does with it. So a test gives its database
back: what it wrote is taken out, the name changes, and the next test has it. A database in which a test changed the
schema, a setting, or a row that the migrations wrote is dropped.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

# Everything about a database that a test could change besides rows, as one text.
SHAPE: LiteralString = """
    WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition)
    SELECT md5(string_agg(line, ';' ORDER BY line)) AS shape FROM (
        SELECT concat_ws(' ', 'class', relname, relkind, relowner, relacl, reloptions, relrowsecurity) AS line FROM ours
        UNION ALL SELECT concat_ws(' ', 'column', relname, attname, atttypid, attnotnull, attnum, attstattarget)
            FROM pg_attribute JOIN ours ON ours.oid = attrelid WHERE attnum > 0
        UNION ALL SELECT concat_ws(' ', 'default', relname, adnum, pg_get_expr(adbin, adrelid))
            FROM pg_attrdef JOIN ours ON ours.oid = adrelid
        UNION ALL SELECT concat_ws(' ', 'constraint', conname, conrelid::regclass, pg_get_constraintdef(oid))
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'index', pg_get_indexdef(indexrelid), indisvalid)
            FROM pg_index JOIN ours ON ours.oid = indrelid
        UNION ALL SELECT concat_ws(' ', 'part', inhparent::regclass, inhrelid::regclass) FROM pg_inherits
        UNION ALL SELECT concat_ws(' ', 'trigger', relname, tgname, tgenabled)
            FROM pg_trigger JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', 'function', proname, md5(prosrc), proacl)
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'enum', enumtypid::regtype, enumlabel) FROM pg_enum
        UNION ALL SELECT concat_ws(' ', 'schema', nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
        UNION ALL SELECT concat_ws(' ', 'extension', extname) FROM pg_extension
        UNION ALL SELECT concat_ws(' ', 'setting', setrole, setconfig) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS lines
"""
# Those that have a page. Most of the two hundred have none, and their size is known without reading them.
TABLES: LiteralString = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
SEQUENCES: LiteralString = "SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL"
OTHERS: LiteralString = """
    SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class Databases:
    """Lends databases; `template` is the name of a migrated one that nobody is connected to."""

    def __init__(self, server: psycopg.AsyncConnection, server_dsn: str, template: str) -> None:
        self._server = server
        self._server_dsn = server_dsn
        self._template = template
        self._free: list[str] = []
        self._new: State | None = None

    @classmethod
    @asynccontextmanager
    async def on(cls, server_dsn: str, template: str) -> AsyncIterator["Databases"]:
        async with await psycopg.AsyncConnection.connect(server_dsn, autocommit=True) as server:
            made = cls(server, server_dsn, template)
            yield made
            for name in made._free:
                await dropped(server, name)

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[str]:
        """The address of a database with nothing in it but what the migrations wrote."""
        name = await self._taken()
        try:
            yield self._dsn(name)
        finally:
            if await self._is_as_new(name):
                self._free.append(name)
            else:
                await dropped(self._server, name)

    async def _taken(self) -> str:
        """Always a new name: what is left of an earlier test can't find its database again."""
        name, free = f"test_{uuid.uuid4().hex}", bool(self._free)
        old = self._free.pop() if free else self._template
        change = sql.SQL("ALTER DATABASE {old} RENAME TO {new}" if free else "CREATE DATABASE {new} TEMPLATE {old}")
        await self._server.execute(change.format(old=sql.Identifier(old), new=sql.Identifier(name)))
        if self._new is None:
            async with await psycopg.AsyncConnection.connect(self._dsn(name)) as copy:
                self._new = await State.of(copy)
        return name

    async def _is_as_new(self, name: str) -> bool:
        """Takes out what was written; False where that does not make it as new."""
        try:
            async with asyncio.timeout(30):  # a client that is told to leave may need a moment
                while await (await self._server.execute(OTHERS, (name,))).fetchall():
                    await asyncio.sleep(0.01)
            async with await psycopg.AsyncConnection.connect(self._dsn(name)) as copy:
                return self._new is not None and await self._new.restored(copy)
        except psycopg.OperationalError:  # it is gone, or lets nobody in
            return False

    def _dsn(self, name: str) -> str:
        return make_conninfo(self._server_dsn, dbname=name)


@dataclass(frozen=True)
class State:
    """What a database is made of, and a digest of the rows of each table that has some."""

    shape: str
    rows: dict[str, str]

    @classmethod
    async def of(cls, copy: psycopg.AsyncConnection) -> "State":
        ((shape,),) = await (await copy.execute(SHAPE)).fetchall()
        return cls(shape, await _rows(copy))

    async def restored(self, copy: psycopg.AsyncConnection) -> bool:
        """Whether the database is in this state, once the tables that are empty in it are emptied."""
        now = await State.of(copy)
        if now.shape != self.shape:
            return False
        if written := [sql.Identifier(table) for table in now.rows if table not in self.rows]:
            await copy.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(written)))
        for (sequence,) in await (await copy.execute(SEQUENCES)).fetchall():
            await copy.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(sequence)))
        return await _rows(copy) == self.rows


async def dropped(server: psycopg.AsyncConnection, name: str) -> None:
    """Drops a database, whoever is connected to it."""
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    async with asyncio.timeout(30):
        while True:
            try:
                await server.execute(drop)
            except psycopg.errors.InsufficientPrivilege:
                # The server's own autovacuum is in there, which we may not end: it leaves by itself.
                await asyncio.sleep(0.1)
            else:
                return


async def _rows(copy: psycopg.AsyncConnection) -> dict[str, str]:
    names = [name for (name,) in await (await copy.execute(TABLES)).fetchall()]
    part = sql.SQL("SELECT {}, md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t HAVING count(*) > 0")
    query = sql.SQL(" UNION ALL ").join(part.format(sql.Literal(name), sql.Identifier(name)) for name in names)
    return dict(await (await copy.execute(query)).fetchall())
