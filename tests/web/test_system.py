"""What operators and tools ask of any server."""

import httpx2

from cobalt_link.web import mount, openapi, system
from cobalt_link.web.metrics import Metrics
from tests.web.sample import Shop, authenticate, client, routes


def serving(ready: system.Ready, readers: tuple[str, ...] = ("192.0.2.0/24",)) -> httpx2.AsyncClient:
    metrics = Metrics()
    described = openapi.document([*routes, *system.routes], version="1.2.3", server="http://sample")
    room = system.System(document=lambda: described, ready=ready, metrics=metrics, readers=readers)
    rooms = [(routes, Shop("shop")), (system.routes, room)]
    return client(mount(rooms, authenticate=authenticate, metrics=metrics))


async def working() -> None:
    return None


async def broken() -> None:
    raise ConnectionError("host=10.0.0.1 password=hunter2")


async def test_a_living_process_says_so_whatever_its_database_does() -> None:
    async with serving(broken) as http:
        assert (await http.get("/healthz")).json() == {"success": True, "status": "ok"}


async def test_readiness_follows_the_check_and_tells_nothing_of_it() -> None:
    async with serving(working) as http:
        assert (await http.get("/readyz")).json() == {"success": True, "status": "ready"}
    async with serving(broken) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert "hunter2" not in answer.text


async def test_the_document_describes_the_app_that_serves_it() -> None:
    async with serving(working) as http:
        described = (await http.get("/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    assert described["info"] == {"title": "Cobalt API", "version": "1.2.3"}
    assert {"/things", "/openapi.json", "/healthz", "/readyz", "/metrics"} <= described["paths"].keys()


async def test_the_numbers_are_in_the_format_of_prometheus() -> None:
    async with serving(working) as http:
        await http.get("/things/7")
        answer = await http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'cobalt_http_requests_total{method="GET",route="/things/{number}",status="200"} 1.0' in answer.text


async def test_the_metrics_are_only_for_the_networks_of_the_setting() -> None:
    async with serving(working, ("10.0.0.0/8",)) as http:
        answer = await http.get("/metrics")
    assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_a_caller_is_told_its_own_address() -> None:
    async with serving(working) as http:
        answer = await http.get("/client-address", headers={"x-forwarded-for": "203.0.113.7"})
    assert answer.json() == {"address": "192.0.2.7", "forwarded": 1, "success": True}
