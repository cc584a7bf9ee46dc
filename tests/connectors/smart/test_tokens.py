"""Tokens are renewed early and once, kept or rotated as the server says, and given up only when the grant is gone."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode

import pytest
from starlette.responses import JSONResponse, Response

from cobalt_link.connector import EhrDown, LoginRequired, Renewed
from cobalt_link.connectors.smart import Smart
from cobalt_link.connectors.smart.session import claimed
from cobalt_link.connectors.smart.vendors import vendors
from tests.connectors.smart.runs import chart_of, granted, run
from tests.support.ehrs.smart import Registered, SmartEhr


async def test_a_rotated_token_replaces_the_old_one_and_a_missing_one_keeps_it(connector: Smart, ehr: SmartEhr) -> None:
    chart = chart_of(ehr.address, granted(await run(connector, ehr)))
    rotated = await connector.renew(chart)
    assert rotated and rotated.session["refresh_token"] != chart.session["refresh_token"]
    assert rotated.session["scope"] == chart.session["scope"]
    ehr.rotates = False
    first = granted(await run(connector, ehr))
    kept = await connector.renew(chart_of(ehr.address, first))
    assert kept and kept.session["refresh_token"] == first.session["refresh_token"]
    assert kept.session["access_token"] != first.session["access_token"]


async def test_a_narrower_refresh_changes_what_is_offered(connector: Smart, ehr: SmartEhr) -> None:
    chart = chart_of(ehr.address, granted(await run(connector, ehr)))
    ehr.answer = {"scope": "openid user/Patient.rs"}
    renewed = await connector.renew(chart)
    assert renewed and renewed.offers and set(renewed.offers.reads) == {"patients"}
    assert "appointments" in renewed.offers.not_granted


async def test_a_grant_that_is_gone_asks_for_its_user_and_trouble_does_not(connector: Smart, ehr: SmartEhr) -> None:
    chart = chart_of(ehr.address, granted(await run(connector, ehr)))
    for reply in (
        JSONResponse({"error": "invalid_client"}, 401), JSONResponse({"error": "server_error"}, 500),
        Response("<html>", 200), JSONResponse({"error": "temporarily_unavailable"}, 503), JSONResponse({}, 429),
    ):  # fmt: skip
        ehr.replies["/token"] = lambda request, reply=reply: reply
        with pytest.raises(EhrDown):
            await connector.renew(chart)
    ehr.replies = {}
    with pytest.raises(EhrDown):
        await Smart(connector.http, Registered()).renew(chart)
    ehr.refresh[chart.session["refresh_token"]] = False
    with pytest.raises(LoginRequired):
        await connector.renew(chart)


async def test_without_a_refresh_token_the_end_is_the_end(connector: Smart, ehr: SmartEhr) -> None:
    ehr.answer = {"refresh_token": None}
    grant = granted(await run(connector, ehr))
    with pytest.raises(LoginRequired):
        await connector.renew(chart_of(ehr.address, grant))
    assert ehr.count("/token") == 1


async def test_renewals_spread_over_time(connector: Smart, ehr: SmartEhr) -> None:
    ehr.rotates = False
    chart = chart_of(ehr.address, granted(await run(connector, ehr)))
    made = [each for each in await asyncio.gather(*(connector.renew(chart) for _ in range(20))) if each]
    ends = {each.expires_at.timestamp() for each in made if isinstance(each, Renewed) and each.expires_at}
    assert len(ends) == 20 and max(ends) - min(ends) > 5


async def test_disconnecting_revokes_both_tokens(connector: Smart, ehr: SmartEhr) -> None:
    # S-005
    chart = chart_of(ehr.address, granted(await run(connector, ehr)))
    await connector.sign_out(chart)
    assert chart.session["access_token"] not in ehr.access
    assert ehr.refresh[chart.session["refresh_token"]] is False
    forms = [heard[3] for heard in ehr.heard if heard[1] == "/revoke"]
    assert [each["token_type_hint"] for each in forms] == ["refresh_token", "access_token"]


def test_an_access_token_names_the_practice_of_its_user_and_nothing_else_is_taken_from_it() -> None:
    wanted = vendors()["athenahealth"].claims
    said = urlsafe_b64encode(b'{"ah_practice": "a-1.Practice-195900", "exp": 1}').rstrip(b"=").decode()
    assert claimed(f"e30.{said}.c2ln", wanted) == {"ah-practice": "Organization/a-1.Practice-195900"}
    others = (b'{"ah_practice": 7}', b"{}", b"[]", b"\xff", b'{"ah_practice": "' + b"a" * 300 + b'"}')
    for text in ("opaque", "a.b.c", "..", *(f"e30.{urlsafe_b64encode(each).decode()}.c2ln" for each in others)):
        assert claimed(text, wanted) == {}, text
