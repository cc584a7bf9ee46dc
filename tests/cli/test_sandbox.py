import asyncio
import json
import signal
import sys

import httpx2

from tests.cli.cobalt import environment


async def started(tmp_path, *words):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cobalt_link",
        "sandbox",
        "--port",
        "0",
        "--json",
        *words,
        env=environment(tmp_path, TMPDIR=str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    lines = b"".join([await process.stdout.readline() for _ in range(3)])
    return process, json.loads(lines)["url"]


async def test_the_sandbox_serves_until_it_is_told_to_stop_and_leaves_nothing_behind(tmp_path):
    process, url = await started(tmp_path)
    async with httpx2.AsyncClient(trust_env=False) as http:
        assert (await http.get(url)).status_code < 500
    assert list(tmp_path.glob("sandbox-ehr-*"))
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert list(tmp_path.glob("sandbox-ehr-*")) == []


async def test_with_a_data_folder_the_sandbox_keeps_its_patients(tmp_path):
    folder = tmp_path / "practice"
    process, _ = await started(tmp_path, "--data", str(folder))
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 0
    assert any(folder.iterdir())
