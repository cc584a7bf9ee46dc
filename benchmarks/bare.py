"""The baseline: a bare ASGI function that writes the same rows one by one, on the same server and database."""

import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from psycopg_pool import AsyncConnectionPool

from cobalt_link.web import server

INSERT = """
INSERT INTO link_tokens (hash, client, created_at, expires_at, org, user_id) VALUES (%s, %s, %s, %s, %s, %s)
"""
# In one statement: the link session that is won, and the access token that counts from now on.
UPDATE = """
WITH won AS (
    UPDATE link_sessions SET exchanged_at = %(now)s FROM public_tokens p
    WHERE link_sessions.id = p.link_session AND p.hash = %(hash)s AND p.client = %(client)s AND
    link_sessions.exchanged_at IS NULL RETURNING granted, link_sessions.client
)
INSERT INTO access_tokens (hash, account, client, created_at) SELECT %(token)s, granted, client, %(now)s FROM won
RETURNING account
"""
# As large as that of a real appointment, and sealed by nobody.
WRITE = """
INSERT INTO write_jobs (id, client, org, account, lane, operation, record_id, sealed_request, created_at, expires_at,
                        due_at)
VALUES (%s, %s, 'o', 'a', 'l', 'appointments.create', %s, %s, %s, %s, %s)
"""


class Bare:
    """No checks, no tokens, no structs: read the body, write a row, answer."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self.pool = pool

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await _lifespan(receive, send)
        body = (await receive())["body"]
        paths = {"create": self.create, "write": self.write}
        token = await paths.get(scope["path"].rpartition("/")[2], self.exchange)(body)
        answer = msgspec.json.encode({"success": True, "token": token})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def create(self, body: bytes) -> str:
        wanted, token, now = msgspec.json.decode(body) if body else {}, secrets.token_hex(32), datetime.now(UTC)
        row = (bytes.fromhex(token), "c", now, now + timedelta(minutes=30), wanted.get("org_id"), wanted.get("user_id"))
        async with self.pool.connection() as connection:
            await connection.execute(INSERT, row)
        return token

    async def write(self, body: bytes) -> str:
        wanted, name, now = msgspec.json.decode(body), secrets.token_hex(16), datetime.now(UTC)
        row = (secrets.randbits(53), wanted["client"], name, body * 2, now, now + timedelta(hours=24), now)
        async with self.pool.connection() as connection:
            await connection.execute(WRITE, row)
        return name

    async def exchange(self, body: bytes) -> str:
        wanted = msgspec.json.decode(body) if body else {}
        token, hashed = secrets.token_hex(32), bytes.fromhex(wanted.get("hash", ""))
        row = {
            "now": datetime.now(UTC),
            "hash": hashed,
            "client": wanted.get("client", ""),
            "token": bytes.fromhex(token),
        }
        async with self.pool.connection() as connection:
            await (await connection.execute(UPDATE, row)).fetchone()
        return token


async def main(port: int) -> None:
    pool = AsyncConnectionPool(
        os.environ["DATABASE_URL"], min_size=10, max_size=10, open=False, kwargs={"autocommit": True}
    )
    await pool.open()
    async with server.serving(Bare(pool), "127.0.0.1", port):
        await server.until_stopped()


async def _lifespan(receive: Any, send: Any) -> None:
    for each in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{each}.complete"})


if __name__ == "__main__":
    server.run(main(int(sys.argv[1])))
