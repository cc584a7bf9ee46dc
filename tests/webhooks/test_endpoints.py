"""Registering, listing, rotating, testing, and removing webhooks, in every form of the contract (§6.1, §9)."""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64decode, b64encode
from datetime import timedelta
from typing import Any, LiteralString, cast

import pytest

from cobalt_link.app import House
from cobalt_link.kit.clock import MovedClock
from cobalt_link.net.http import Http
from cobalt_link.store.data_keys import DataKeys
from cobalt_link.webhooks.endpoints import EndpointChoices, Endpoints
from cobalt_link.webhooks.event_types import TYPES, patterns, takes
from cobalt_link.webhooks.problems import UnknownEventType, WebhookUrlRefused
from tests.support.world import Shop
from tests.webhooks.receiver import OK, Received, receiving, record, register, settled, webhooks
from tests.webhooks.samples import python_sample

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


def signed_by(secret: str, request: Received) -> bool:
    """As the official verifiers see it, but for the age: here the clock moves."""
    signed = f"{request.id}.{request.headers['webhook-timestamp']}.".encode() + request.body
    v1 = hmac.digest(b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    return f"v1,{b64encode(v1).decode()}" in request.headers["webhook-signature"].split(" ")


# Contract §6.1 and §9, rows 20 to 23 and 35.
async def test_every_documented_form_of_a_registration_works_and_answers_with_every_key(acme: Shop) -> None:
    async with receiving() as receiver:
        forms: list[dict[str, Any]] = [
            {"json": {"url": receiver.url + "/1"}},
            {"json": {"webhook_url": receiver.url + "/2"}},
            {"data": {"webhook_url": receiver.url + "/3"}},
            {"json": {"url": receiver.url + "/4"}, "access_token": "at_test_unknown"},
        ]
        for number, form in enumerate(forms, 1):
            answer = (await acme.call("POST", "/v1/webhook", **form)).json()
            shown = answer["webhook"]
            assert answer["success"] is True and answer["message"] == "Webhook registered successfully"
            assert SECRET.fullmatch(shown["secret"]) and shown["id"].startswith("wh_")
            assert shown["url"] == shown["webhook_url"] == answer["webhook_url"] == f"{receiver.url}/{number}"
            assert answer["webhook_id"] == shown["id"] == shown["webhook_id"]
            secrets = [shown["secret"], shown["webhook_secret"], shown["webhook_secret_key"]]
            assert {answer["webhook_secret"], answer["webhook_secret_key"], *secrets} == {shown["secret"]}
        listed = (await acme.call("GET", "/v1/webhook")).json()
        assert [each["url"] for each in listed["webhook_urls"]] == [f"{receiver.url}/{n}" for n in (1, 2, 3, 4)]
        assert listed["webhook_url"] == f"{receiver.url}/1" and SECRET.fullmatch(listed["webhook_secret_key"])
        removed = await acme.call("DELETE", f"/v1/webhook/{listed['webhook_urls'][0]['id']}")
        assert removed.json() == {"success": True, "message": "Webhook URL removed successfully"}
        assert len(await webhooks(acme)) == 3


async def test_a_client_without_webhooks_has_an_empty_list(acme: Shop) -> None:
    empty = {"success": True, "webhook_url": None, "webhook_urls": [], "webhooks": [], "webhook_secret_key": None}
    assert (await acme.call("GET", "/v1/webhook")).json() == empty
    assert (await acme.call("POST", "/v1/webhook/rotate-secret")).json()["error"] == "webhook_not_found"


async def test_a_url_is_one_webhook_however_often_it_is_registered(acme: Shop) -> None:
    async with receiving() as receiver:
        first = await register(acme, receiver.url, event_types=["task.*"], payload="thin")
        again = [register(acme, receiver.url.upper().replace("/HOOKS", "/hooks")) for _ in range(5)]
        assert {each["id"] for each in await asyncio.gather(*again)} == {first["id"]}
        assert await webhooks(acme) == [first]  # what is left out stays
        changed = await register(acme, receiver.url, event_types=["*"], timestamps="iso")
        assert (changed["event_types"], changed["timestamps"], changed["payload"]) == (["*"], "iso", "thin")


async def test_a_client_has_at_most_twenty(acme: Shop) -> None:
    async with receiving() as receiver:
        calls = (acme.call("POST", "/v1/webhook", json={"url": f"{receiver.url}/{n}"}) for n in range(24))
        answers = await asyncio.gather(*calls)
        assert sorted(each.status_code for each in answers) == [200] * 20 + [409] * 4
        assert next(each for each in answers if each.status_code == 409).json()["error"] == "too_many_webhooks"
        assert len(await webhooks(acme)) == 20
        assert len({each["secret"] for each in await webhooks(acme)}) == 1


async def test_another_client_sees_and_changes_nothing(house: House, acme: Shop, rival: Shop) -> None:
    async with receiving() as receiver:
        hook = await register(acme, receiver.url)
        own = await register(rival, receiver.url)  # the same URL is a webhook of its own
        assert own["id"] != hook["id"] and own["secret"] != hook["secret"]
        for method, path in (("DELETE", ""), ("POST", "/rotate-secret"), ("POST", "/test")):
            answer = await rival.call(method, f"/v1/webhook/{hook['id']}{path}")
            assert (answer.status_code, answer.json()["error"]) == (404, "webhook_not_found")
        assert await webhooks(acme) == [hook]
        await record(house, rival, "task.created")
        (request,) = await receiver.gets(1)
        await settled(house)
        assert len(receiver.got) == 1 and signed_by(own["secret"], request)


async def test_urls_and_secrets_rest_sealed(house: House, acme: Shop) -> None:
    async with receiving() as receiver:
        hook = await register(acme, f"{receiver.url}/canary-in-a-url")
        await acme.call("POST", f"/v1/webhook/{hook['id']}/rotate-secret")
        await record(house, acme, "task.created", data={"note": "canary-in-a-payload"}, wake=False)
        for table in ("webhook_endpoints", "webhook_events", "webhook_outbox"):
            rows = await house.db.rows(cast(LiteralString, f"SELECT * FROM {table}"))
            values = [value for row in rows for value in row.values()]
            plain = b"".join(each if isinstance(each, bytes) else str(each).encode() for each in values)
            assert rows and b"canary" not in plain and hook["secret"].encode()[6:] not in plain, table


# S-077
@pytest.mark.parametrize("private", [False, True])
async def test_only_addresses_that_can_be_delivered_to_are_registered(house: House, private: bool) -> None:
    public, inside = "93.184.215.14", "10.0.0.7"
    names = {"app.example.com": [public], "inside.example.com": [inside], "both.example.com": [public, "169.254.1.1"]}

    async def resolve(host: str, port: int) -> list[str]:
        return names.get(host, [host] if host[0].isdigit() else [])

    http = Http(allow_private=private, resolve=resolve)
    table = Endpoints(house.db, DataKeys(house.db, house.deps.vault), house.deps.clock, http, private=private)
    client, _ = await house.developers.clients.create("Acme Scribe", test=True)
    always = ["https://app.example.com/x", "https://app.example.com:8443?x=1"]
    if_private = [
        "https://inside.example.com",
        "http://inside.example.com/x",
        "http://10.0.0.7/",
        "https://127.0.0.1:9/",
    ]
    never = [
        "http://app.example.com/x", "ftp://app.example.com", "https://user:pass@app.example.com/", "app.example.com",
        "https://unknown.example.com", "https://169.254.169.254/latest", "http://0x7f.1/", "https://both.example.com",
        "https://app.example.com/#part", f"https://app.example.com/{'x' * 2000}", "",
    ]  # fmt: skip
    for url in [*always, *if_private, *never]:
        allowed = url in always or (private and url in if_private)
        refusal = await refused(table, client.id, url)
        assert (refusal is None) == allowed, url
        assert refusal is None or re.search(r"Use|Check|at most", refusal), refusal
        assert "EHR" not in (refusal or "") and "pass" not in (refusal or ""), refusal
    await http.close()


async def refused(table: Endpoints, client: str, url: str) -> str | None:
    try:
        await table.register(client, url, EndpointChoices())
    except WebhookUrlRefused as problem:
        return problem.message
    return None


def test_event_types_are_chosen_by_name_or_group() -> None:
    assert patterns(None) is None and patterns([]) is None and patterns(["task.created", "*"]) is None
    assert patterns([" Appointment.* ", "login_required", "login_required"]) == ["appointment.*", "login_required"]
    assert takes(["patient.*"], "patient.insurance.added") and not takes(["patient.created"], "patient.insurance.added")
    with pytest.raises(UnknownEventType, match=r"Did you mean appointment\.created"):
        patterns(["appointment.create"])
    for wrong in (["zebra.*"], ["appointment.created"] * 99 + [f"x{n}" for n in range(9)], [""]):
        with pytest.raises(UnknownEventType):
            patterns(wrong)


async def test_each_webhook_gets_the_types_that_it_chose(house: House, acme: Shop) -> None:
    async with receiving() as all_types, receiving() as few:
        await register(acme, all_types.url)
        await register(acme, few.url, event_types=["patient.*", "login_required"])
        sent = ["task.created", "patient.created", "patient.insurance.added", "login_required", "patient_note.created"]
        assert set(sent) <= set(TYPES)
        await record(house, acme, *sent)
        await all_types.gets(5)
        await settled(house)
        assert {each.json["type"] for each in few.got} == {
            "patient.created",
            "patient.insurance.added",
            "login_required",
        }
        wants = house.webhooks.wants
        assert await wants(acme.record.id, ["task.failed"]) and not await wants("0" * 32, ["task.failed"])
        hooks = await webhooks(acme)
        await acme.call("DELETE", f"/v1/webhook/{hooks[0]['id']}")
        assert not await wants(acme.record.id, ["task.failed", "appointment.created"])
        assert await wants(acme.record.id, iter(["task.failed", "patient.updated"]))


async def test_a_test_event_says_what_the_receiver_answered(house: House, acme: Shop) -> None:
    async with receiving() as receiver:
        hook = await register(acme, receiver.url, event_types=["task.*"])
        told = (await acme.call("POST", f"/v1/webhook/{hook['id']}/test")).json()
        (request,) = receiver.got
        assert signed_by(hook["secret"], request) and request.json["type"] == "webhook.test"
        assert told["delivered"] and told["response_status_code"] == 200 and told["event_id"] == request.id
        receiver.answers = OK.replace(b"200 OK", b"418 Teapot")
        told = (await acme.call("POST", f"/v1/webhook/{hook['id']}/test")).json()
        assert (told["delivered"], told["response_status_code"], told["error"]) == (False, 418, None)
    told = (await acme.call("POST", f"/v1/webhook/{hook['id']}/test")).json()
    assert (told["delivered"], told["response_status_code"], told["error"]) == (False, None, "no_connection")
    assert await house.db.rows("SELECT FROM webhook_events") == []


# S-066
async def test_both_secrets_sign_for_a_day_after_a_rotation(house: House, acme: Shop, clock: MovedClock) -> None:
    async with receiving() as one, receiving() as two:
        first, second = await register(acme, one.url), await register(acme, two.url)
        former = first["secret"]
        assert second["secret"] == former  # one key for all, as in the contract's guides
        answer = (await acme.call("POST", f"/v1/webhook/{first['id']}/rotate-secret")).json()
        new = answer["webhook"]["secret"]
        assert answer["webhook"]["id"] == first["id"] and new == answer["webhook_secret_key"] != former
        assert [each["secret"] for each in await webhooks(acme)] == [new, former]

        await record(house, acme, "task.created")
        (request,) = await one.gets(1)
        assert signed_by(new, request) and signed_by(former, request)
        assert python_sample("verify_body.py")(new, request.headers, request.body)
        (request,) = await two.gets(1)
        assert signed_by(former, request) and not signed_by(new, request)

        answer = (await acme.call("POST", "/v1/webhook/rotate-secret")).json()
        last = answer["webhook_secret_key"]
        assert {each["secret"] for each in answer["webhooks"]} == {last}
        await record(house, acme, "task.created")
        request = (await one.gets(2))[1]
        assert signed_by(last, request) and signed_by(new, request) and not signed_by(former, request)
        await settled(house)

        clock.move(timedelta(hours=24, seconds=1))
        await record(house, acme, "task.created")
        request = (await one.gets(3))[2]
        assert signed_by(last, request) and not signed_by(new, request)
        assert len(request.headers["webhook-signature"].split(" ")) == 2  # v1 and v1a of one secret
