"""Every statement of the code looks at few rows, however many accounts there are (S-098, issue of a million accounts).

The plans are those that PostgreSQL makes for tables of 100,000 rows, without knowing the parameters.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest
from benchmarks.filling import Size, fill
from tests.conftest import database_on
from tests.store.plans import Plans
from tests.store.statements import NotConstant, Statement, statements

from cobalt_link.store.database import Database

# What the operator asks for by a command, and what reads all on purpose. Requests and chores run none of these.
COMMANDS = {
    "store/data_keys.py": ["SELECT encode(substring(wrapped"],  # `by_master_key` counts all keys, for tests
    "accounts/statements.py": ["SELECT connector, address, count(*) AS accounts"],  # `cobalt doctor`
    "developers/orgs.py": ["SELECT * FROM orgs WHERE client = %s ORDER BY org_id"],  # `cobalt orgs list`
}
SIZE = Size(accounts=100_000, sessions=100_000, link_tokens=100_000, entries=50_000)


@pytest.fixture(scope="module")
async def plans(server_dsn: str, template: str) -> AsyncIterator[Plans]:
    async with database_on(server_dsn, template) as dsn:
        db = await Database.open(dsn, size=1)
        await fill(db, SIZE)
        await db.close()
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
            if connection.info.server_version < 160000:
                pytest.skip("Only PostgreSQL 16 and later explain a statement without its parameters.")
            yield await Plans.of(connection)


def is_command(statement: Statement) -> bool:
    begins = COMMANDS.get(statement.place.partition(":")[0], [])
    return any(statement.text.strip().startswith(text) for text in begins)


async def test_no_statement_of_a_request_or_a_chore_looks_at_more_rows_than_it_needs(plans: Plans) -> None:
    faults: dict[str, set[str]] = {}
    for statement in statements():
        if is_command(statement) or statement.private:
            continue
        try:
            found = await plans.faults(statement.text)
        except psycopg.Error as error:
            # A part of another statement, such as one that reads a CTE, cannot stand alone.
            found = set() if statement.fragment else {f"cannot be explained: {error}"}
        if found:
            faults[f"{statement.place} {' '.join(statement.text.split())[:60]}"] = found
    assert faults == {}


SLOW = [
    "SELECT count(*) FROM accounts WHERE client = %s",
    "SELECT id FROM accounts WHERE client = %s AND user_id = %s ORDER BY practice LIMIT 10",
    "SELECT * FROM accounts WHERE client = %s ORDER BY linked_at, id LIMIT %s OFFSET 5000",
    "SELECT DISTINCT client, org FROM accounts WHERE connector = %s AND address = %s",
    "SELECT id FROM link_sessions ORDER BY created_at DESC LIMIT 100",
    "DELETE FROM link_sessions WHERE settled_at < %s",
    "DELETE FROM access_tokens t USING accounts a WHERE a.id = t.account AND a.disconnected_at IS NOT NULL",
    "SELECT owner FROM data_keys WHERE wrapped <> %s ORDER BY owner LIMIT 500",
    "SELECT id FROM accounts WHERE org_id LIKE %s",
    "SELECT name FROM link_events WHERE at > %s",
    "UPDATE accounts SET health = 'active' WHERE id IN (SELECT account FROM access_tokens)",
]
QUICK = [
    "SELECT * FROM accounts WHERE id = %s",
    "SELECT * FROM link_sessions WHERE id = ANY (%s) FOR UPDATE",
    "SELECT a.id FROM access_tokens t JOIN accounts a ON a.id = t.account WHERE t.hash = %s",
    "SELECT * FROM clients",
    "SELECT hash FROM link_tokens WHERE expires_at < %s ORDER BY expires_at LIMIT %s",
]


async def test_a_statement_that_looks_at_a_large_part_of_a_table_is_found(plans: Plans) -> None:
    assert [text for text in SLOW if not await plans.faults(text)] == []
    assert [text for text in QUICK if await plans.faults(text)] == []


MODULE = '''
PART = "FROM accounts"
WHOLE = f"SELECT id {PART}"

class Table:
    def read(self):
        return self.run("DELETE FROM clients WHERE id = %s"), self.run(
            f"""
            UPDATE accounts SET id = 1
            """
            f"WHERE id = 2 {PART[:0]}"
        )

def message(name):
    """SELECT this is not a statement."""
    return f"{name} is not a statement either"
'''


def test_statements_are_found_wherever_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {" ".join(each.text.split()) for each in in_module(MODULE, tmp_path, monkeypatch)}
    assert {"SELECT id FROM accounts", "DELETE FROM clients WHERE id = %s"} <= found
    assert "UPDATE accounts SET id = 1 WHERE id = 2" in found


def test_a_statement_of_parts_that_only_a_run_knows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotConstant):
        in_module('def read(table):\n    return f"SELECT id FROM {table}"\n', tmp_path, monkeypatch)


def test_the_code_has_as_many_statements_as_it_has_places_that_run_one() -> None:
    """Should the way in which statements are found break, this finds it."""
    places = {each.place.partition(":")[0] for each in statements()}
    assert len(statements()) > 100
    assert {"accounts/statements.py", "link/session/sessions.py", "jobs/claims.py", "store/partitions.py"} - places == {
        "jobs/claims.py"  # fragments only
    }


def in_module(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Statement]:
    name = f"written_{abs(hash(text))}"
    (folder / name).mkdir()
    (folder / name / "table.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    try:
        return statements(folder / name)
    finally:
        importlib.invalidate_caches()
        sys.modules.pop(f"{name}.table", None)
