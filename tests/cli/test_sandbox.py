import signal
import socket
from pathlib import Path

import httpx2

from tests.cli.cobalt import cobalt, running


async def test_the_sandbox_serves_until_it_is_told_to_stop_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with running("sandbox", "--port", "0", data=None, home=tmp_path, TMPDIR=str(tmp_path)) as sandbox:
        async with httpx2.AsyncClient(trust_env=False, verify=False) as http:
            assert (await http.get(sandbox.said["url"])).status_code < 500
        assert list(tmp_path.glob("sandbox-ehr-*"))
        assert await sandbox.stopped(signal.SIGTERM) == 0
    assert list(tmp_path.glob("sandbox-ehr-*")) == []


async def test_with_a_data_folder_the_sandbox_keeps_its_patients(tmp_path: Path) -> None:
    folder = tmp_path / "practice"
    async with running("sandbox", "--port", "0", data=folder, home=tmp_path) as sandbox:
        assert await sandbox.stopped(signal.SIGINT) == 0
    assert any(folder.iterdir())


async def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = await cobalt("sandbox", "--port", str(taken.getsockname()[1]), data=tmp_path / "practice")
    assert (said.code, said.err.count("\n"), "--port" in said.err) == (1, 1, True), said
