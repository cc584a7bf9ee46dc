"""What a job carries through the queue and its table: ids, and what is sealed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import cobalt_link
from cobalt_link.app import House
from cobalt_link.store.database import Row
from tests.support.clinic import Clinic
from tests.support.processes import a_server
from tests.support.world import Sandbox, Shop, connected, shop

ID = re.compile(r"[0-9a-f]{32}|[0-9]{1,20}|[0-9a-z_-]{1,40}")
CANARY = "Zebedee Canary-Oxbow"
QUEUED = "SELECT task_name, args FROM procrastinate_jobs"


async def test_arguments_of_jobs_are_ids_and_the_tables_of_work_hold_nothing_of_a_write(
    house: House, sandbox: Sandbox
) -> None:  # S-091
    with a_server(house.settings) as server:  # without a worker, so that what is queued stays
        await server.ready()
        async with connected(house) as http:
            app: Shop = await shop(house, http, "Acme Scribe")
            clinic = await Clinic.of(app, sandbox)
            await clinic.write("/v1/appointments", await clinic.new_appointment(reason=CANARY))
            await clinic.write(
                "/v1/patients", {"first_name": "Zebedee", "last_name": "Canary-Oxbow", "dob": "1990-01-01"}
            )
            await app.link_token()
    queued = await house.db.rows(QUEUED)
    assert queued, "nothing was queued"
    for row in queued:
        assert all(isinstance(each, str) and ID.fullmatch(each) for each in row["args"].values()), row
    for table in ("write_jobs", "webhook_outbox", "webhook_events", "sync_accounts", "procrastinate_jobs"):
        rows: list[Row] = await house.db.rows(f"SELECT t::text AS row FROM {table} t")  # type: ignore[arg-type]
        assert table != "write_jobs" or len(rows) == 2
        assert not [row for row in rows if "Canary" in row["row"] or "Zebedee" in row["row"]], table


def test_nothing_is_stored_or_read_in_a_form_that_runs_code() -> None:  # S-091
    """No pickle, and nothing like it."""
    forbidden, files = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}, 0
    for file in Path(cobalt_link.__file__).parent.rglob("*.py"):
        files += 1
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.partition(".")[0] for name in names} & forbidden, file
    assert files > 100
