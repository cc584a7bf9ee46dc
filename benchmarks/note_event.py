"""From `POST /v1/notes` to the delivered event on the sandbox EHR, against the same note and a POST made directly.

Between the two, the note is accepted, written, read back, and settled with its receipt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median, quantiles

import httpx2
import msgspec

from benchmarks.practice import Practice, booking, client, practice, told
from benchmarks.telling import spread
from benchmarks.world import free_port

TARGET = 250.0  # ms
TEXT = "S: cough for three days\nO: lungs clear\nA: acute bronchitis\nP: rest, fluids"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Arrivals:
    """A receiver that remembers when the event of each job arrived."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._changed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            event = msgspec.json.decode(await reader.readexactly(length))
            self._at[str(event.get("job_id"))] = time.perf_counter()
            self._changed.set()
            writer.write(ANSWER)
        writer.close()

    async def of(self, job_id: object) -> float:
        async with asyncio.timeout(60):
            while str(job_id) not in self._at:
                self._changed.clear()
                await self._changed.wait()
        return self._at[str(job_id)]


async def run(rounds: int = 5, notes: int = 20) -> None:
    """Rounds of so many notes, one after another, for each of the two, which take turns."""
    async with practice() as here, here.http as http:
        arrivals, port = Arrivals(), free_port()
        url = f"http://127.0.0.1:{port}/hooks"
        async with await asyncio.start_server(arrivals.serve, "127.0.0.1", port), client(url, {}) as sender:
            await told(http, "POST", "/v1/webhook", json={"url": url, "event_types": ["note.uploaded", "note.failed"]})
            visit = await told(http, "POST", "/v1/appointments", json=await booking(here.ehr))
            job = await told(http, "GET", f"/v1/jobs/{visit['job_id']}", params={"wait": 30})
            if job["job"]["state"] != "succeeded":
                raise RuntimeError(f"The appointment was not written: {job}")
            ehr_id = (await told(http, "GET", f"/v1/jobs/{visit['job_id']}/receipt"))["payload"]["ehr_id"]

            async def ours() -> float:
                began = time.perf_counter()
                body = {"appointment_id": visit["appointment_id"], "note": TEXT}
                accepted = await told(http, "POST", "/v1/notes", json=body)
                return await arrivals.of(accepted["job_id"]) - began

            theirs = _direct(here, sender, ehr_id)
            await ours()
            found: list[list[list[float]]] = [[], []]
            for number in range(rounds):
                for which in (0, 1) if number % 2 == 0 else (1, 0):
                    found[which].append([await (ours, theirs)[which]() * 1000 for _ in range(notes)])
    us, them = ([median(each) for each in side] for side in found)
    p95 = quantiles([each for side in found[0] for each in side], n=20)[-1]
    verdict = "reached" if median(us) <= TARGET else "missed"
    print(f"from POST /v1/notes to the event, {rounds} rounds of {notes} notes each")
    print(f"  p50 in ms: {spread(us)}; p95 {p95:.0f}; baseline {spread(them)}", end="")
    print(f"; ratio {median(us) / median(them):.2f}; target below {TARGET:.0f}: {verdict}")


def _direct(here: Practice, sender: httpx2.AsyncClient, visit: str) -> Callable[[], Awaitable[float]]:
    """The note to the EHR, and one POST to the receiver."""

    async def write() -> float:
        began = time.perf_counter()
        await told(here.ehr, "POST", "/api/notes", json={"visit_id": visit, "text": TEXT})
        (await sender.post("", json={"job_id": None})).raise_for_status()
        return time.perf_counter() - began

    return write


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
