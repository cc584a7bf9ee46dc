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

# Everything about a database that a test could change besides rows, as one text. The rows of the catalogs stand in it
# as they are, with the numbers that all copies of a template share: to make SQL of them takes the server ten times as
# long.
SHAPE: LiteralString = """
    WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition)
    SELECT md5(string_agg(line, ';' ORDER BY line COLLATE "C")) AS shape FROM (
        SELECT concat_ws(' ', 'class', oid, relname, relkind, relowner, relacl, reloptions, relrowsecurity) AS line
            FROM ours
        UNION ALL SELECT concat_ws(' ', 'column', attrelid, attname, atttypid, attnotnull, attnum, attstattarget)
            FROM pg_attribute JOIN ours ON ours.oid = attrelid WHERE attnum > 0
        UNION ALL SELECT concat_ws(' ', 'default', adrelid, adnum, adbin)
            FROM pg_attrdef JOIN ours ON ours.oid = adrelid
        UNION ALL SELECT concat_ws(' ', 'constraint', conname, conrelid, contype, convalidated, conkey, confrelid,
                                   confkey, confdeltype, conbin)
            FROM pg_constraint JOIN ours ON ours.oid = conrelid
        UNION ALL SELECT concat_ws(' ', 'index', indexrelid, indrelid, indisunique, indisvalid, indkey, indexprs,
                                   indpred)
            FROM pg_index JOIN ours ON ours.oid = indrelid
        UNION ALL SELECT concat_ws(' ', 'part', inhparent, inhrelid) FROM pg_inherits
        UNION ALL SELECT concat_ws(' ', 'trigger', tgrelid, tgname, tgfoid, tgenabled)
            FROM pg_trigger JOIN ours ON ours.oid = tgrelid WHERE NOT tgisinternal
        UNION ALL SELECT concat_ws(' ', 'function', oid, proname, md5(prosrc), proacl)
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'enum', enumtypid, enumlabel) FROM pg_enum
        UNION ALL SELECT concat_ws(' ', 'schema', nspname, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_'
        UNION ALL SELECT concat_ws(' ', 'extension', extname) FROM pg_extension
        UNION ALL SELECT concat_ws(' ', 'setting', setrole, setconfig) FROM pg_db_role_setting
            WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS lines
"""
# Those that have a page, and how large they are. Most of the two hundred have none, and that is known without reading
# them.
TABLES: LiteralString = """
    SELECT relname, pg_relation_size(oid) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
SEQUENCES: LiteralString = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""
SMALL = 100_000  # bytes. Of such a table the rows are deleted, which costs less than new files for it and its indexes.
CONNECTED: LiteralString = """
    SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'
"""
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
        # The server looks only ten times a second whether the last connection has ended.
        while free and await (await self._server.execute(CONNECTED, (old,))).fetchall():
            await asyncio.sleep(0.001)
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
        return cls(await _shape(copy), await _rows(copy, [name for name, _ in await _tables(copy)]))

    async def restored(self, copy: psycopg.AsyncConnection) -> bool:
        """Whether the database is in this state, once the tables that are empty in it are emptied."""
        if await _shape(copy) != self.shape:
            return False
        written = {name: size for name, size in await _tables(copy) if name not in self.rows}
        if large := [sql.Identifier(name) for name, size in written.items() if size > SMALL]:
            await copy.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(large)))
        if small := [sql.Identifier(name) for name, size in written.items() if size <= SMALL]:
            # In one statement: then it makes no difference which of them refers to which.
            part = sql.SQL("{} AS (DELETE FROM {})")
            parts = [part.format(sql.Identifier(f"part_{n}"), each) for n, each in enumerate(small)]
            await copy.execute(sql.SQL("WITH {} SELECT").format(sql.SQL(", ").join(parts)))
        await copy.execute(SEQUENCES)
        return await _rows(copy, [*self.rows]) == self.rows


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


async def _shape(copy: psycopg.AsyncConnection) -> str:
    ((shape,),) = await (await copy.execute(SHAPE)).fetchall()
    return shape


async def _tables(copy: psycopg.AsyncConnection) -> list[tuple[str, int]]:
    return await (await copy.execute(TABLES)).fetchall()


async def _rows(copy: psycopg.AsyncConnection, names: list[str]) -> dict[str, str]:
    part = sql.SQL("SELECT {}, md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t HAVING count(*) > 0")
    query = sql.SQL(" UNION ALL ").join(part.format(sql.Literal(name), sql.Identifier(name)) for name in names)
    return dict(await (await copy.execute(query)).fetchall())
