"""The guard seen from the outside: listening sockets tell which connections were really made."""

import json
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from cobalt_link.net.http import AddressRefused, Http, NoAnswer
from tests.net.denied import table
from tests.net.wires import listening, plain

PROBE = Path(__file__).with_name("every_address_is_here.py")


def resolver(*answers: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """Gives one answer after the other, the last one for good."""
    waiting = list(answers)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    return resolve


def in_a_network_of_its_own(*words: str) -> list[str] | None:
    """Command words for an empty network namespace, as root there; None where that is not possible."""
    if not shutil.which("ip") or not shutil.which("unshare"):
        return None
    for way in (["unshare", "-n"], ["unshare", "-rn"]):
        if subprocess.run([*way, "true"], capture_output=True, check=False).returncode == 0:
            return [*way, *words]
    return None


def test_no_denied_address_is_ever_connected_to() -> None:
    # S-073: in a namespace where every address of the internet is this machine, with a listening socket behind it
    command = in_a_network_of_its_own(sys.executable, str(PROBE))
    if command is None:
        pytest.skip("needs `ip` and network namespaces")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=PROBE.parents[2])
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    reachable = set(seen["reachable"])
    denied = {host for host, kind in table() if kind in "in"}
    assert len(denied & reachable) >= 60, "the sockets would have noticed"
    assert seen["closed"] == sorted(host for host, kind in table() if kind == "p")
    assert set(seen["open"]) == {host for host, kind in table() if kind in "pi"}
    assert set(seen["http_open"]) == {host for host, kind in table() if kind == "i"}


async def test_a_name_that_changes_its_answer_is_caught_on_the_second_request() -> None:
    # S-073: DNS rebinding; the connection goes to the address that was checked, and each request checks again
    async with listening(plain()) as inside:
        http = Http(allow_private=False, resolve=resolver(["203.0.113.9"], ["127.0.0.1"]))
        for _ in range(3):
            with pytest.raises(AddressRefused):
                await http.request("GET", f"https://ehr.example.org:{inside.port}/")
        await http.close()
    assert inside.connects == 0


async def test_the_name_is_looked_up_once_for_each_request_and_never_by_the_connection() -> None:
    # S-073: the second answer of a rebinding name is never asked for within one request
    looked_up = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        looked_up.append((host, port))
        return ["127.0.0.1"]

    async with listening(plain()) as inside:
        http = Http(allow_private=True, resolve=resolve)
        answer = await http.request("GET", f"http://no-such-name.example:{inside.port}/")
        await http.close()
    assert answer.status == 200 and looked_up == [("no-such-name.example", inside.port)]
    assert b"host: no-such-name.example:%d" % inside.port in inside.heard[0].lower()


async def test_a_kept_connection_is_not_reused_for_a_name_that_moved_to_a_denied_address() -> None:
    # S-073: keep-alive
    async with listening(plain()) as inside:
        http = Http(allow_private=True, resolve=resolver(["127.0.0.1"], ["169.254.169.254"]))
        url = f"http://ehr.example.org:{inside.port}/"
        assert (await http.request("GET", url)).status == 200
        with pytest.raises(AddressRefused):
            await http.request("GET", url)
        await http.close()
    assert len(inside.heard) == 1


async def test_connections_are_kept_for_one_name_and_never_shared_by_two() -> None:
    async with listening(plain()) as inside:
        http = Http(allow_private=True, resolve=resolver(["127.0.0.1"]))
        for name in ("a.example", "a.example", "b.example"):
            await http.request("GET", f"http://{name}:{inside.port}/")
        await http.close()
    assert inside.connects == 2 and len(inside.heard) == 3


async def test_a_chain_of_names_that_ends_inside_is_refused() -> None:
    # S-073: CNAME chains are the resolver's business; what counts is where they end
    async with listening(plain()) as inside:
        http = Http(resolve=resolver(["1.1.1.1", "127.0.0.1"]))
        with pytest.raises(AddressRefused):
            await http.request("GET", f"https://alias.example.org:{inside.port}/")
        await http.close()
    assert inside.connects == 0


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_answers_and_are_not_followed(status: str) -> None:
    # S-036, S-073: the bearer token goes to the EHR and nowhere else
    async with listening(plain()) as elsewhere, listening(plain(status=status, Location=elsewhere.url)) as ehr:
        http = Http(allow_private=True)
        answer = await http.request("GET", ehr.url, headers={"Authorization": "Bearer s3cret"})
        await http.close()
    assert answer.status == int(status[:3]) and answer.headers["LOCATION"] == elsewhere.url
    assert elsewhere.connects == 0


async def test_a_proxy_in_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    # S-073
    async with listening(plain(b"proxy")) as proxy, listening(plain(b"ehr")) as ehr:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        http = Http(allow_private=True)
        answer = await http.request("GET", ehr.url)
        with pytest.raises(AddressRefused):
            await Http(allow_private=False).request("GET", ehr.url)
        await http.close()
    assert answer.text() == "ehr" and proxy.connects == 0


async def test_a_host_header_of_the_caller_does_not_replace_the_checked_name() -> None:
    async with listening(plain()) as ehr:
        http = Http(allow_private=True)
        await http.request("GET", ehr.url, headers={"Host": "metadata.internal"})
        await http.close()
    assert b"metadata" not in ehr.heard[0] and ehr.heard[0].lower().count(b"host:") == 1


async def test_cookies_of_one_answer_are_not_sent_with_the_next_request() -> None:
    async with listening(plain(Set_Cookie="session=s3cret; Path=/")) as ehr:
        http = Http(allow_private=True)
        for _ in range(2):
            await http.request("GET", ehr.url)
        await http.close()
    assert len(ehr.heard) == 2 and not [request for request in ehr.heard if b"s3cret" in request]


async def test_an_address_can_be_checked_without_a_request() -> None:
    # S-074: used when somebody types an EHR's address
    async with listening(plain()) as ehr:
        await Http(allow_private=True).check(ehr.url)
        with pytest.raises(AddressRefused):
            await Http(allow_private=False).check(ehr.url)
        with pytest.raises(NoAnswer, match="typing mistakes"):
            await Http(resolve=resolver([])).check("https://ehr.example.org/")
    assert ehr.connects == 0


async def test_the_next_checked_address_is_tried_when_one_does_not_answer() -> None:
    async with listening(plain()) as ehr:
        http = Http(allow_private=True, resolve=resolver(["127.0.0.9", "127.0.0.1"]))
        assert (await http.request("GET", f"http://ehr.example.org:{ehr.port}/")).status == 200
        await http.close()
