"""What one connection, one address, and all connections together may cost the server (S-147)."""

from __future__ import annotations

import resource
from typing import Final

import msgspec

SPARE_FILES: Final = 256  # for the database, calls to EHRs, and refused connections


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Times are in seconds, sizes in bytes.

    connections: in all. `per_address` does not count those of `proxies`, which speak for many clients.
    proxies: addresses or CIDR ranges.
    first_byte: from connecting to the first byte. `keep_alive` is the same between two requests. It is longer than the
        60 seconds for which common proxies keep idle connections.
    head: from the first byte of a request to the end of its headers.
    body: for the body. A larger body may take longer if it arrives with at least `body_rate` per second.
    unread: how long the client may take none of its response.
    linger: how long the rest of a request is read that nobody needs, so that the client can read why it was refused.
    grace: how long requests that are being answered may take after the server was asked to stop.
    head_bytes: a head of this size is accepted, one of twice the size is not. Also for what a chunked body has around
        its content.
    drained: how much of the rest of a request is read that nobody needs.
    """

    connections: int = 4096
    per_address: int = 256
    proxies: tuple[str, ...] = ()
    first_byte: float = 15.0
    head: float = 15.0
    body: float = 20.0
    body_rate: int = 4096
    keep_alive: float = 75.0
    unread: float = 20.0
    linger: float = 5.0
    grace: float = 20.0
    head_bytes: int = 32 * 1024
    headers: int = 100
    chunks: int = 1000
    pipelined: int = 32
    drained: int = 4 * 1024 * 1024

    @property
    def tick(self) -> float:
        """How often deadlines are checked."""
        times = (self.first_byte, self.head, self.body, self.keep_alive, self.unread, self.linger)
        return min(0.5, min(times) / 4)

    def within_file_limit(self) -> Limits:
        """Raises the process's limit on open files if necessary and possible, or else takes fewer connections."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = self.connections + SPARE_FILES
        if soft != resource.RLIM_INFINITY and soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return self
        return msgspec.structs.replace(self, connections=max(16, soft - SPARE_FILES))
