"""An EHR whose every login waits for an approval on a phone. It says as little as the sandbox EHR's API allows.

The sandbox EHR itself would take more of the machine than the server that is measured. Whoever asks
`POST /approve?user=NAME` taps Approve. `GET /polls` gives how often it was asked so far.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, ClassVar

import msgspec

CLINIC = {"id": "1", "name": "Riverside"}
RIGHTS = ["schedule.read", "patients.read"]


class PushingEhr(asyncio.Protocol):
    """One connection. All share what was approved."""

    approved: ClassVar[set[str]] = set()
    polls: ClassVar[int] = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if not end or len(body) < length:
            return
        self._read = b""
        status, said = self._answer(head.split(b" ", 2)[1].decode(), body)
        answer = msgspec.json.encode(said)
        line = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
        self._transport.write(line.encode() + answer)  # type: ignore[attr-defined]

    def _answer(self, path: str, body: bytes) -> tuple[str, dict[str, Any]]:
        if path == "/api/login":
            return "200 OK", _challenge(msgspec.json.decode(body)["username"])
        if path == "/api/login/push":
            PushingEhr.polls += 1
            user = msgspec.json.decode(body)["challenge"]
            return "200 OK", _session(user) if user in self.approved else _challenge(user)
        if path.startswith("/approve?user="):
            self.approved.add(path.partition("=")[2])
        elif path == "/polls":
            return "200 OK", {"polls": self.polls}
        elif path == "/api/me":
            return "401 Unauthorized", {"error": "session_expired"}
        return "200 OK", {}


def _challenge(user: str) -> dict[str, Any]:
    return {"challenge": {"id": user, "kind": "push", "number": "47", "hint": "34", "expires_in": 1800}}


def _session(user: str) -> dict[str, Any]:
    who = {"id": user, "username": user, "name": user, "rights": RIGHTS}
    return {"session": f"session-{user}", "expires_in": 1800, "user": who, "clinic": CLINIC}


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(PushingEhr, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
