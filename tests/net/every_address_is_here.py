"""Runs in a network namespace where every address leads to this machine; prints which ones the client connected to.

Not a test itself: `test_http_guard.py` starts it. Prints JSON: reachable (a plain socket gets through), closed and open
(the client with the switch off and on, over https), http_open (over http, switch on).
"""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from cobalt_link.net.http import Http, HttpError
from tests.net.denied import table

reached: set[str] = set()


def make_everything_local() -> None:
    for words in ("link set lo up", "route add local 0.0.0.0/0 dev lo", "-6 route add local ::/0 dev lo"):
        subprocess.run(["ip", *words.split()], check=True)


async def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    reached.add(str(ip_address(writer.get_extra_info("sockname")[0].split("%")[0])))
    writer.close()


def plainly_reachable(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


async def connected_by(http: Http, scheme: str, port: int) -> list[str]:
    """Which hosts of the table led to a connection at all, each seen by the listening socket."""
    found = []
    for host, _ in table():
        reached.clear()
        with contextlib.suppress(HttpError):
            await http.request("GET", f"{scheme}://{host}:{port}/", timeout=3)
        await asyncio.sleep(0)
        if reached:
            found.append(host)
    await http.close()
    return sorted(found)


async def main() -> None:
    make_everything_local()
    four = await asyncio.start_server(note, "0.0.0.0", 0)
    port = four.sockets[0].getsockname()[1]
    six = await asyncio.start_server(note, "::", port)
    hosts = [host for host, kind in table() if kind != "x"]
    result = {
        "reachable": [host for host in hosts if await asyncio.to_thread(plainly_reachable, host.strip("[]"), port)],
        "closed": await connected_by(Http(), "https", port),
        "open": await connected_by(Http(allow_private=True), "https", port),
        "http_open": await connected_by(Http(allow_private=True), "http", port),
    }
    print(json.dumps(result))
    for server in (four, six):
        server.close()


asyncio.run(main())
